#include "runtime/node/node_link.hpp"

#include <algorithm>
#include <limits>
#include <random>

#include <fmt/format.h>

#include "runtime/node/link_errors.hpp"

namespace snakebridge {

namespace {

using side = capnp::rpc::twoparty::Side;

// No message of the protocol is larger.
capnp::ReaderOptions reader_options() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords =
    (limits::payload_part_bytes_max + limits::link_frame_bytes_max)
    / sizeof(word);
  options.nestingLimit = 16;
  return options;
}

std::uint64_t random_id() {
  std::random_device random;
  return (std::uint64_t{random()} << 32U) | random() | 1U;
}

void write_rules(schema::RefRules::Builder to, const wanted_refs& from) {
  if (from.max)
    to.setMax(std::uint64_t{*from.max} + 1);
  if (from.ttl)
    to.setTtlMs(static_cast<std::uint64_t>(from.ttl->count()) + 1);
  if (from.on_full)
    to.setOnFull(
      static_cast<std::uint8_t>(static_cast<unsigned>(*from.on_full) + 1));
}

// Whether they are within bounds is for who opens the session to see: what no
// rule can be is out of all bounds.
wanted_refs read_rules(schema::RefRules::Reader from) {
  constexpr auto last = static_cast<unsigned>(on_full::refuse);
  wanted_refs made;
  if (from.getMax() > 0)
    made.max = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      from.getMax() - 1, std::numeric_limits<std::uint32_t>::max()));
  if (from.getTtlMs() > 0)
    made.ttl = std::chrono::milliseconds{
      static_cast<std::int64_t>(std::min<std::uint64_t>(
        from.getTtlMs() - 1, std::numeric_limits<std::int64_t>::max()))};
  if (from.getOnFull() > 0)
    made.on_full = static_cast<on_full>(std::min(from.getOnFull() - 1U, last));
  return made;
}

} // namespace

// What a side that was dialed gives to whoever has reached it: no more than
// this.
class node_link::door final : public cancellable<schema::Door> {
public:
  explicit door(std::shared_ptr<node_link*> link) : link_{std::move(link)} {}

  kj::Promise<void> hello(HelloContext call) override {
    if (*link_ == nullptr)
      throw KJ_EXCEPTION(DISCONNECTED, "the link has ended");
    return (*link_)->answer_hello(call.getParams(), call.getResults());
  }

private:
  const std::shared_ptr<node_link*> link_;
};

// What each side gives the other.
class node_link::node_server final : public cancellable<schema::Node> {
public:
  explicit node_server(std::shared_ptr<node_link*> link)
      : link_{std::move(link)} {}

  kj::Promise<void> beat(BeatContext) override {
    of_link();
    return kj::READY_NOW;
  }

  kj::Promise<void> openSession(OpenSessionContext call) override {
    may_be_cancelled(call);
    auto& link = of_link();
    const auto asked = call.getParams();
    const auto fail = [](OpenSessionContext& of, const error& why) {
      write_failed(of.getResults().initOpened().initFailed(), why);
    };
    if (link.parts_->sessions_served >= limits::link_sessions_max) {
      fail(call, {errc::overloaded, "that node has too many sessions there"});
      return kj::READY_NOW;
    }
    const auto id = asked.getId();
    const auto pool = asked.getPool();
    if (id.size() > limits::cluster_session_id_bytes_max
        || pool.size() > limits::node_name_bytes_max) {
      fail(call, {errc::message_malformed, "a name that is too long"});
      return kj::READY_NOW;
    }
    auto made = kj::heap<served_session>(link.parts_, asked.getClient());
    auto opening =
      made->open(link.provider_, {.node = link.peer_.name,
                                  .session = {id.begin(), id.size()},
                                  .epoch = asked.getEpoch(),
                                  .pool = {pool.begin(), pool.size()},
                                  .refs = read_rules(asked.getRules())});
    return opening.then(
      [call, fail, made = kj::mv(made)](std::optional<error> why) mutable {
        if (why)
          return fail(call, *why);
        call.getResults().initOpened().setSession(kj::mv(made));
      });
  }

  kj::Promise<void> tell(TellContext call) override {
    return of_link().hear(call.getParams().getSaid());
  }

private:
  // The first call of the other side says that it takes the link as up, too: a
  // beat of the side that dialed, or what follows it there.
  node_link& of_link() {
    auto* const link = *link_;
    if (link == nullptr || link->state_ == state::ended)
      throw KJ_EXCEPTION(DISCONNECTED, "the link has ended");
    link->be_up();
    if (!link->is_up())
      throw KJ_EXCEPTION(FAILED, "nothing may be asked before the handshake");
    link->on_asked();
    return *link;
  }

  const std::shared_ptr<node_link*> link_;
};

node_link::node_link(owner& by, const link_settings& settings, node_loop& loop,
                     session_provider& provider, opened on,
                     link_attempt& progress, bool is_dialed)
    : owner_{by},
      settings_{settings},
      provider_{provider},
      timer_{loop.timer()},
      is_dialed_{is_dialed},
      address_{progress.address},
      progress_{&progress},
      parts_{
        std::make_shared<link_parts>(loop.jobs(), settings.payload_bytes_max)},
      on_{kj::mv(on)},
      network_{*on_.stream, is_dialed ? side::CLIENT : side::SERVER,
               reader_options()} {
  progress_->at = link_attempt::stage::hello;
  on_.counts->faults.timer = &timer_;
  parts_->bytes = on_.counts;
  parts_->outgoing.over(on_.counts);
  on_.counts->on_heard = [&loop] { loop.stir(); };
  parts_->has_way = [this] { return has_way(); };
  parts_->on_asked = [this] { on_asked(); };
  parts_->on_failed = [this](const kj::Exception& failed) {
    if (failed.getType() == kj::Exception::Type::DISCONNECTED)
      end(lost(failed.getDescription().cStr()));
  };
  if (is_dialed)
    rpc_.emplace(capnp::makeRpcClient(network_));
  else
    rpc_.emplace(capnp::makeRpcServer(network_, kj::heap<door>(self_)));
  tasks_.add(network_.onDisconnect().then(
    [this] { end(lost("the connection has ended")); }));
}

node_link::~node_link() noexcept {
  parts_->has_way = nullptr;
  parts_->on_asked = nullptr;
  parts_->on_failed = nullptr;
  *self_ = nullptr;
}

void node_link::say_hello(std::uint64_t ended) {
  id_ = random_id();
  on_.counts->faults.meet(link_stage::hello);
  capnp::MallocMessageBuilder whom;
  auto server = whom.initRoot<capnp::rpc::twoparty::VatId>();
  server.setSide(side::SERVER);
  auto asking = rpc_->bootstrap(server).castAs<schema::Door>().helloRequest();
  write_introduction(asking.initMe(), settings_);
  asking.setNode(kj::heap<node_server>(self_));
  asking.setLink(id_);
  asking.setEnded(ended);
  tasks_.add(asking.send()
               .then([this](auto&& answer) {
                 if (state_ != state::shaking)
                   throw KJ_EXCEPTION(DISCONNECTED, "the link has ended");
                 take_answer(answer);
                 // Its answer says that the other side takes it as up.
                 return node_->beatRequest(capnp::MessageSize{4, 0})
                   .send()
                   .ignoreResult();
               })
               .then([this] { be_up(); }));
}

// What a peer says of itself, judged as far as that needs nobody else.
std::optional<refused_error>
node_link::introduce(schema::Introduction::Reader from) {
  const auto said = read_introduction(from);
  if (!said)
    refuse({refusal::malformed, progress_->address});
  progress_->name = said->who.name;
  auto why = judge(settings_, *said, on_.may_be(said->who.name));
  peer_ = said->who;
  parts_->peer = peer_.name;
  limit_ = std::min(settings_.heartbeat_limit, said->heartbeat_limit);
  return why;
}

kj::Promise<void> node_link::answer_hello(schema::Hello::Reader said,
                                          schema::Answer::Builder to) {
  if (state_ != state::shaking || id_ != 0)
    refuse({refusal::malformed, progress_ ? progress_->address : address_});
  id_ = said.getLink() | 1U;
  auto why = introduce(said.getMe());
  if (!why)
    why = owner_.judge_hello(*this, said.getEnded());
  if (!why) {
    node_.emplace(said.getNode());
    auto welcome = to.initWelcome();
    write_introduction(welcome.initMe(), settings_);
    welcome.setNode(kj::heap<node_server>(self_));
    return kj::READY_NOW;
  }
  auto refused = to.initRefused();
  const bool told = why->why <= last_told_refusal;
  refused.setWhy(told ? static_cast<schema::Refusal>(why->why)
                      : schema::Refusal::NOT_ADMITTED);
  refused.setMessage(why->what.c_str());
  // It closes when it has read that; the handshake has its limit.
  if (!progress_->why)
    progress_->why = std::move(why);
  return kj::READY_NOW;
}

void node_link::take_answer(schema::Answer::Reader from) {
  if (from.isRefused()) {
    const auto refused = from.getRefused();
    const auto why = static_cast<std::uint16_t>(refused.getWhy());
    refuse({why <= static_cast<std::uint16_t>(last_told_refusal)
              ? static_cast<refusal>(why)
              : refusal::not_admitted,
            refused.getMessage().cStr()});
  }
  const auto welcome = from.getWelcome();
  const auto greeted_as = progress_->name;
  if (auto why = introduce(welcome.getMe()))
    refuse(*std::move(why));
  if (peer_.name != greeted_as)
    refuse({refusal::name_differs,
            fmt::format("{:?} greeted as {:?}", peer_.name, greeted_as)});
  if (auto why = owner_.judge_hello(*this, 0))
    refuse(*std::move(why));
  node_.emplace(welcome.getNode());
}

void node_link::refuse(refused_error why) {
  if (progress_ != nullptr)
    progress_->refuse(why.why, std::move(why.what));
  throw KJ_EXCEPTION(FAILED, "refused");
}

void node_link::be_up() {
  if (state_ != state::shaking || !node_ || progress_->why)
    return;
  if (auto why = owner_.judge_up(*this))
    return end(lost(why->what), std::move(why));
  state_ = state::up;
  progress_ = nullptr;
  on_.counts->allowed = ~std::uint64_t{0};
  const auto now = steady_clock::now();
  life_.emplace(limit_, now);
  life_->shaken(now);
  tasks_.add(watch());
  owner_.on_up(*this);
}

// What we send of ourselves stops at the limit: what is beyond are answers.
void node_link::on_asked() {
  if (network_.getCurrentQueueSize() <= 2 * unwritten_max())
    return;
  end(lost("it asks and does not read"));
  throw KJ_EXCEPTION(DISCONNECTED, "the link has ended");
}

kj::Promise<void> node_link::watch() {
  const auto now = steady_clock::now();
  life_->arrived(on_.counts->heard);
  life_->sent(on_.counts->sent);
  switch (life_->look(now)) {
  case link_life::finding::silent:
  case link_life::finding::not_in_time:
    end(lost(fmt::format("silent for {} ms", limit_.count())));
    return kj::READY_NOW;
  case link_life::finding::beat:
    beat();
    on_.counts->sent = now; // though it may have to wait for room
    life_->sent(now);
    break;
  case link_life::finding::nothing:
    break;
  }
  const auto wait = std::max<steady_clock::duration>(
    life_->next_look() - now, std::chrono::milliseconds{1});
  return timer_.afterDelay(wait.count() * kj::NANOSECONDS).then([this] {
    return watch();
  });
}

void node_link::beat() {
  // Its answer may come late, behind a large value; it is not waited for. What
  // still waits to be written says as much, and a side that reads nothing costs
  // no more than that.
  if (on_.counts->writing > 0 || beats_out_ >= limits::beats_unanswered_max)
    return;
  ++beats_out_;
  tasks_.add(node_->beatRequest(capnp::MessageSize{4, 0})
               .send()
               .ignoreResult()
               .then([this] { --beats_out_; }));
}

kj::Promise<result<opened_session>>
node_link::open_session(const remote_open& wanted,
                        schema::SessionClient::Client holder) {
  auto asking = node_->openSessionRequest();
  const auto text = [](const std::string& of) {
    return kj::StringPtr{of.c_str(), of.size()}; // it may hold NUL
  };
  asking.setId(text(wanted.session));
  asking.setEpoch(wanted.epoch);
  asking.setPool(text(wanted.pool));
  asking.setClient(kj::mv(holder));
  write_rules(asking.initRules(), wanted.refs);
  on_.counts->faults.meet(link_stage::open);
  return asking.send().then([](auto&& came) -> result<opened_session> {
    const auto opened = came.getOpened();
    if (opened.isFailed())
      return tl::unexpected{read_failed(opened.getFailed())};
    return std::make_unique<schema::RemoteSession::Client>(opened.getSession());
  });
}

void node_link::tell(std::shared_ptr<message> said) {
  if (++told_ > limits::words_told_max)
    return end(lost("it hears too little of what it is told"));
  auto telling = node_->tellRequest();
  parts_->outgoing.write(telling.initSaid(), std::move(said));
  tasks_.add(telling.send().ignoreResult().then([this] { --told_; }));
}

// One after the other: a large one may be read for longer than the next.
kj::Promise<void> node_link::hear(schema::Payload::Reader said) {
  if (unheard_ >= limits::words_told_max)
    throw KJ_EXCEPTION(OVERLOADED, "too much is told at once");
  // What is malformed throws, and then nothing has changed here.
  auto reading = parts_->requests.read(said);
  ++unheard_;
  auto heard =
    hearing_
      .then([reading = kj::mv(reading)]() mutable { return kj::mv(reading); })
      .then([this](result<arrived> whole) {
        --unheard_;
        if (state_ != state::up)
          return;
        const auto done = whole ? owner_.on_told(*this, std::move(whole->words))
                                : result<void>{whole.error()};
        if (!done)
          end(lost(done.error().message()));
      })
      .fork();
  hearing_ = heard.addBranch();
  return heard.addBranch();
}

error node_link::lost(const std::string& how) const {
  return {errc::node_down,
          fmt::format("node {}: its link was lost: {}", peer_.name, how)};
}

void node_link::end(const error& why, std::optional<refused_error> refused) {
  if (state_ == state::ended)
    return;
  const bool was_up = state_ == state::up;
  state_ = state::ended;
  if (!was_up && !refused)
    refused = progress_->failed(KJ_EXCEPTION(DISCONNECTED, "it has ended"));
  progress_ = nullptr; // its owner lets it go
  owner_.on_end(*this, why, std::move(refused));
}

void node_link::leave() {
  state_ = state::ended;
  progress_ = nullptr;
}

void node_link::taskFailed(kj::Exception&& failed) {
  if (state_ == state::shaking)
    end(lost(failed.getDescription().cStr()), progress_->failed(failed));
  else
    end(lost(failed.getDescription().cStr()));
}

} // namespace snakebridge
