#include "tests/fuzz/node/node_seeds.hpp"

#include <future>

#include <capnp/rpc-twoparty.h>

#include "runtime/node/cluster_messages.hpp"
#include "runtime/node/greeting.hpp"
#include "runtime/node/handshake.hpp"
#include "tests/fuzz/node/visit.hpp"

namespace snakebridge::fuzz {

namespace {

input begun(node_target what) {
  input made{static_cast<std::uint8_t>(what)};
  made.resize(sizeof(word));
  return made;
}

input told(const cluster_message& what) {
  auto made = begun(node_target::told);
  const auto encoded = encode(what);
  for (const auto& part : encoded->parts()) {
    const auto* from = reinterpret_cast<const std::uint8_t*>(part.data());
    made.insert(made.end(), from, from + part.size_bytes());
  }
  return made;
}

void add_told(std::map<std::string, input>& to) {
  const node_id someone{"gpu-1", 7};
  const session_grant grant{"id", 5};
  const error why{errc::session_closed, "it ended"};
  to["told_hello"] = told(node_hello{.node = someone,
                                     .number = 3,
                                     .address = "10.0.0.7:7070",
                                     .listens = true,
                                     .pools = {"default", "gpu"},
                                     .load = 12,
                                     .cluster = {1, 2},
                                     .held = {{"a", 5}, {"b", 6}},
                                     .epoch_seen = 9});
  to["told_admission"] = told(hello_answer{4, admission{.cluster = {7, 8}}});
  to["told_refusal"] = told(hello_answer{5, tl::unexpected{why}});
  to["told_open"] = told(open_request{someone, 8, "id", "at", "pool", 77});
  to["told_place"] =
    told(open_answer{someone, 8, session_place{someone, "h:1", 6}});
  to["told_no_place"] = told(open_answer{someone, 9, tl::unexpected{why}});
  to["told_grant"] = told(grant);
  to["told_taken"] = told(grant_taken{grant});
  to["told_ended"] = told(grant_ended{grant, why});
  to["told_drain"] = told(drain_word{std::chrono::milliseconds{250}});
  to["told_stats"] = told(stats_word{{.sessions = 2,
                                      .pools = {{.name = "default",
                                                 .takes_calls = true,
                                                 .interpreters = 2,
                                                 .ready = 1,
                                                 .waiting = 3}}}});
  to["told_question"] =
    told(cluster_question{3, cluster_question::kind::drain, "a"});
  to["told_nodes"] = told(cluster_answer{
    3,
    std::vector<node_row>{{.node = someone, .address = "h:1", .pools = {}}}});
  to["told_no_nodes"] = told(cluster_answer{3, tl::unexpected{why}});
}

void add_greetings(std::map<std::string, input>& to) {
  for (const auto way :
       {greeting::way::plain, greeting::way::tls, greeting::way::full}) {
    auto made = begun(node_target::greeting);
    const auto bytes = greeting{way, "alpha"}.encoded();
    made.insert(made.end(), bytes.begin(), bytes.end());
    to["greeting_" + std::to_string(static_cast<int>(way))] = std::move(made);
  }
}

/// Keeps what is written to it.
class kept_stream final : public kj::AsyncIoStream {
public:
  kept_stream(kj::Own<kj::AsyncIoStream> to, input& kept)
      : to_{kj::mv(to)},
        kept_{kept} {}

  kj::Promise<size_t> tryRead(void* into, size_t least, size_t most) override {
    return to_->tryRead(into, least, most);
  }
  kj::Promise<void> write(const void* from, size_t bytes) override {
    const auto* begin = static_cast<const std::uint8_t*>(from);
    kept_.insert(kept_.end(), begin, begin + bytes);
    return to_->write(from, bytes);
  }
  kj::Promise<void>
  write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
    for (const auto& each : pieces)
      kept_.insert(kept_.end(), each.begin(), each.end());
    return to_->write(pieces);
  }
  kj::Promise<void> whenWriteDisconnected() override {
    return to_->whenWriteDisconnected();
  }
  void shutdownWrite() override { to_->shutdownWrite(); }

private:
  kj::Own<kj::AsyncIoStream> to_;
  input& kept_;
};

/// A peer that does one of each thing the protocol has.
class talker {
public:
  using network = capnp::TwoPartyVatNetwork;
  using side = capnp::rpc::twoparty::Side;

  talker(kj::Own<kj::AsyncIoStream> to, input& kept, bool dials)
      : stream_{kj::mv(to), kept},
        network_{stream_, dials ? side::CLIENT : side::SERVER},
        rpc_{dials ? capnp::makeRpcClient(network_)
                   : capnp::makeRpcServer(network_, kj::heap<door>(*this))} {
    settings_.self = {.name = "beta", .incarnation = 2, .pools = {"default"}};
  }

  kj::Promise<void> dial() {
    capnp::MallocMessageBuilder whom;
    auto server = whom.initRoot<capnp::rpc::twoparty::VatId>();
    server.setSide(side::SERVER);
    auto asking = rpc_.bootstrap(server).castAs<schema::Door>().helloRequest();
    write_introduction(asking.initMe(), settings_);
    asking.setNode(kj::heap<node>(*this));
    asking.setLink(7);
    return asking.send().then(
      [this](auto&& answer) { return talk(answer.getWelcome().getNode()); });
  }
  /// It has been dialed, and has talked.
  kj::Promise<void> done() { return kj::mv(done_.promise); }

private:
  class source final : public schema::Source::Server {
    kj::Promise<void> read(ReadContext call) override {
      auto part = call.getResults().initPart(call.getParams().getBytes());
      std::fill(part.begin(), part.end(), kj::byte{0});
      return kj::READY_NOW;
    }
  };
  class holder final : public schema::SessionClient::Server {
    kj::Promise<void> ended(EndedContext) override { return kj::READY_NOW; }
  };
  class node final : public schema::Node::Server {
  public:
    explicit node(talker& of) : of_{of} {}
    kj::Promise<void> beat(BeatContext) override {
      of_.is_up();
      return kj::READY_NOW;
    }

  private:
    talker& of_;
  };
  class door final : public schema::Door::Server {
  public:
    explicit door(talker& of) : of_{of} {}
    kj::Promise<void> hello(HelloContext call) override {
      of_.other_ = call.getParams().getNode();
      auto welcome = call.getResults().initWelcome();
      write_introduction(welcome.initMe(), of_.settings_);
      welcome.setNode(kj::heap<node>(of_));
      return kj::READY_NOW;
    }

  private:
    talker& of_;
  };

  void is_up() {
    KJ_IF_MAYBE (other, other_)
      talking_ = talk(*other)
                   .then([this] { done_.fulfiller->fulfill(); })
                   .eagerlyEvaluate(nullptr);
    other_ = nullptr;
  }
  static void write_whole(schema::Payload::Builder to) {
    auto made = encode(stats_word{{.sessions = 6, .pools = {}}});
    input bytes;
    for (const auto& part : made->parts()) {
      const auto* from = reinterpret_cast<const std::uint8_t*>(part.data());
      bytes.insert(bytes.end(), from, from + part.size_bytes());
    }
    to.setWhole({bytes.data(), bytes.size()});
  }
  static void write_parts(schema::Payload::Builder to) {
    auto parts = to.initParts();
    parts.setBytes(64);
    parts.setSource(kj::heap<source>());
  }
  kj::Promise<void> talk(schema::Node::Client with) {
    auto opened =
      std::make_shared<std::optional<schema::RemoteSession::Client>>();
    const auto request = [opened](auto write) {
      auto asking = (*opened)->requestRequest();
      write(asking.initPayload());
      asking.setRemainingNs(1'000'000'000);
      return asking.send().ignoreResult();
    };
    return with.beatRequest()
      .send()
      .ignoreResult()
      .then([with]() mutable {
        auto telling = with.tellRequest();
        write_whole(telling.initSaid());
        return telling.send().ignoreResult();
      })
      .then([with]() mutable {
        auto asking = with.openSessionRequest();
        asking.setId("shared");
        asking.setEpoch(5);
        asking.setPool("default");
        asking.setClient(kj::heap<holder>());
        return asking.send();
      })
      .then([opened, request](auto&& came) {
        opened->emplace(came.getOpened().getSession());
        return request(write_whole);
      })
      .then([request] { return request(write_parts); });
  }

  link_settings settings_;
  kept_stream stream_;
  network network_;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc_;
  kj::Maybe<schema::Node::Client> other_;
  kj::Promise<void> talking_ = nullptr;
  kj::PromiseFulfillerPair<void> done_ = kj::newPromiseAndFulfiller<void>();
};

/// What a peer has sent that has done all of that.
input recorded(bool we_dial) {
  auto made = begun(we_dial ? node_target::dialed : node_target::accepted);
  std::promise<void> done;
  kj::Own<kj::TaskSet> tasks;
  struct failing final : kj::TaskSet::ErrorHandler {
    void taskFailed(kj::Exception&& failed) override {
      kj::throwFatalException(kj::mv(failed));
    }
  } failing;
  node_loop loop{[&](node_loop&) { tasks = kj::heap<kj::TaskSet>(failing); },
                 [&] { tasks = nullptr; }};
  loop.jobs()->post([&] {
    auto link = kj::heap<visit>(loop, std::span<const std::uint8_t>{}, we_dial);
    auto peer = kj::heap<talker>(link->other_end(), made, !we_dial);
    auto talking = we_dial ? peer->done() : peer->dial();
    tasks->add(talking.then([&done] { done.set_value(); })
                 .attach(kj::mv(peer), kj::mv(link)));
  });
  done.get_future().wait();
  return made;
}

} // namespace

std::map<std::string, input> node_seeds() {
  std::map<std::string, input> made;
  add_told(made);
  add_greetings(made);
  made["accepted"] = recorded(false);
  made["dialed"] = recorded(true);
  return made;
}

} // namespace snakebridge::fuzz
