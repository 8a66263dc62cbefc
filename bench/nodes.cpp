// What a link between two nodes costs, beside what it is made of: a bare TCP
// ping-pong, and a bare echo by Cap'n Proto's RPC on a loop of the same kind,
// both on the same loopback. Below the API: an owner that echoes at once stands
// for the session, so that the link alone is measured.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/compat/tls.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "measure.hpp"
#include "runtime/node/node_links.hpp"
#include "runtime/node/node_loop.hpp"
#include "runtime/wire/channel.hpp"

#include "schemas/node.capnp.h"

namespace sb = snakebridge;
namespace bench = snakebridge::bench;

namespace {

constexpr int rounds = 10;
constexpr auto patience = std::chrono::seconds{60};

// What we want to hold, beside the bare RPC.
constexpr double ratio_max = 1.3;
constexpr double large_ratio_max = 2;

void ensure(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "bench_nodes: %s\n", what);
  std::exit(1);
}

class words final : public sb::message {
public:
  explicit words(std::vector<sb::word> content)
      : content_{std::move(content)},
        part_{content_} {}
  std::span<const sb::message_part> parts() override { return {&part_, 1}; }

private:
  const std::vector<sb::word> content_;
  const sb::message_part part_;
};

class echo final : public sb::session_provider {
public:
  void open(const sb::remote_open&, sb::on_remote_end,
            on_opened done) override {
    done(std::make_unique<client>(freed));
  }

  /// Clients that have ended.
  std::atomic<int> freed = 0;

private:
  class client final : public sb::remote_client {
  public:
    explicit client(std::atomic<int>& freed) : freed_{freed} {}
    ~client() override {
      ++freed_;
      freed_.notify_all();
    }
    void submit(std::uint64_t, sb::received_message request,
                sb::steady_clock::time_point,
                sb::on_remote_reply done) override {
      done(sb::remote_reply{std::make_shared<words>(std::move(request.words))});
    }
    void cancel(std::uint64_t) override {}

  private:
    std::atomic<int>& freed_;
  };
};

/// Two nodes that are linked, and a session of the one on the other.
class linked {
public:
  linked(const sb::tls_files& first, const sb::tls_files& second)
      : owner_{settings("owner", first), {}, sessions_} {
    const auto port = owner_.listen("127.0.0.1:0");
    ensure(port.has_value(), "cannot listen");
    user_.emplace(settings("user", second), up(), std::make_shared<echo>());
    ensure(user_->dial("127.0.0.1:" + std::to_string(*port)).has_value(),
           "cannot dial");
    ensure(is_up_.get_future().wait_for(patience) == std::future_status::ready,
           "no link");
    open();
  }
  void open() {
    std::promise<void> opened;
    user_->open_session(
      {.node = "owner", .session = "s"}, deadline(), [](const sb::error&) {},
      [&](auto made) {
        ensure(made.has_value(), "no session");
        session_ = *std::move(made);
        opened.set_value();
      });
    opened.get_future().wait();
  }
  /// The user's node ends, and its client of the session with it.
  void end() {
    const int before = sessions_->freed;
    // The handle of the session is kept: it is the link's end that frees it.
    std::thread ending{[this] { user_.reset(); }};
    sessions_->freed.wait(before);
    freed_ = bench::clock::now();
    ending.join();
  }
  bench::clock::time_point freed() const { return freed_; }

  void submit(const std::shared_ptr<sb::message>& request,
              std::function<void()> done) {
    session_->submit({request}, deadline(),
                     [done = std::move(done)](auto outcome) {
                       ensure(outcome.has_value(), "a call has failed");
                       done();
                     });
  }
  void call(const std::shared_ptr<sb::message>& request) {
    std::atomic<bool> replied = false;
    submit(request, [&replied] {
      replied = true;
      replied.notify_one();
    });
    replied.wait(false);
  }

private:
  static sb::steady_clock::time_point deadline() {
    return sb::steady_clock::now() + patience;
  }
  static sb::link_settings settings(const char* name,
                                    const sb::tls_files& files) {
    sb::link_settings made;
    made.self.name = name;
    made.self.incarnation = std::hash<std::string>{}(name);
    made.tls = files;
    return made;
  }
  sb::link_events up() {
    sb::link_events made;
    made.on_up = [this](const sb::link_peer&) { is_up_.set_value(); };
    return made;
  }

  std::promise<void> is_up_;
  const std::shared_ptr<echo> sessions_ = std::make_shared<echo>();
  sb::node_links owner_;
  std::optional<sb::node_links> user_;
  std::unique_ptr<sb::remote_session> session_;
  bench::clock::time_point freed_;
};

class echo_server final : public sb::schema::RemoteSession::Server {
  kj::Promise<void> request(RequestContext call) override {
    const auto asked = call.getParams().getPayload().getWhole();
    call.getResults(capnp::MessageSize{asked.size() / sizeof(sb::word) + 16, 0})
      .initReplied()
      .initPayload()
      .setWhole(asked);
    return kj::READY_NOW;
  }
};

capnp::ReaderOptions any_size() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = std::uint64_t{1} << 32U;
  return options;
}

/// Where there are certificates, the same TLS that links have.
kj::Own<kj::TlsContext> context_of(const sb::tls_files& files);

/// A server of bare RPC on a thread and a loop of its own.
class bare_server {
public:
  explicit bare_server(const sb::tls_files& files)
      : loop_{[this, &files](sb::node_loop& here) { begin(here, files); },
              [this] {
                serving_ = nullptr;
                listener_ = nullptr;
                context_ = nullptr;
              }} {}
  unsigned port() const { return port_; }

private:
  void begin(sb::node_loop& here, const sb::tls_files& files) {
    listener_ = here.io()
                  .provider->getNetwork()
                  .parseAddress("127.0.0.1:0")
                  .wait(here.io().waitScope)
                  ->listen();
    if (!files.empty()) {
      context_ = context_of(files);
      listener_ = context_->wrapPort(kj::mv(listener_));
    }
    port_ = listener_->getPort();
    serving_ = listener_->accept()
                 .then([](kj::Own<kj::AsyncIoStream> stream) {
                   auto network = kj::heap<capnp::TwoPartyVatNetwork>(
                     *stream, capnp::rpc::twoparty::Side::SERVER, any_size());
                   auto server = kj::heap(
                     capnp::makeRpcServer(*network, kj::heap<echo_server>()));
                   auto end = network->onDisconnect();
                   return end.attach(kj::mv(server))
                     .attach(kj::mv(network))
                     .attach(kj::mv(stream));
                 })
                 .eagerlyEvaluate(nullptr);
  }

  unsigned port_ = 0;
  kj::Own<kj::TlsContext> context_;
  kj::Own<kj::ConnectionReceiver> listener_;
  kj::Promise<void> serving_ = nullptr;
  sb::node_loop loop_;
};

/// Its client, on this thread.
class bare_client {
public:
  bare_client(const sb::tls_files& first, const sb::tls_files& second)
      : server_{first} {
    stream_ =
      io_.provider->getNetwork()
        .parseAddress(("127.0.0.1:" + std::to_string(server_.port())).c_str())
        .wait(io_.waitScope)
        ->connect()
        .wait(io_.waitScope);
    if (!second.empty()) {
      context_ = context_of(second);
      stream_ =
        context_->wrapClient(kj::mv(stream_), "owner").wait(io_.waitScope);
    }
    network_ = kj::heap<capnp::TwoPartyVatNetwork>(
      *stream_, capnp::rpc::twoparty::Side::CLIENT, any_size());
    rpc_.emplace(capnp::makeRpcClient(*network_));
    capnp::MallocMessageBuilder whom;
    auto server = whom.initRoot<capnp::rpc::twoparty::VatId>();
    server.setSide(capnp::rpc::twoparty::Side::SERVER);
    session_.emplace(
      rpc_->bootstrap(server).castAs<sb::schema::RemoteSession>());
  }

  auto send(const std::vector<sb::word>& content) {
    auto asking =
      session_->requestRequest(capnp::MessageSize{content.size() + 16, 0});
    asking.initPayload().setWhole(
      {reinterpret_cast<const kj::byte*>(content.data()),
       content.size() * sizeof(sb::word)});
    return asking.send();
  }
  void call(const std::vector<sb::word>& content) {
    const auto came = send(content).wait(io_.waitScope);
    ensure(came.getReplied().getPayload().getWhole().size()
             == content.size() * sizeof(sb::word),
           "no echo");
  }
  /// So many calls, of which so many are in flight.
  void calls(int times, int at_once, const std::vector<sb::word>& content) {
    kj::Vector<kj::Promise<void>> lanes;
    for (int lane = 0; lane < at_once; ++lane)
      lanes.add(lane_of(times / at_once, content));
    kj::joinPromises(lanes.releaseAsArray()).wait(io_.waitScope);
  }

private:
  kj::Promise<void> lane_of(int times, const std::vector<sb::word>& content) {
    if (times == 0)
      return kj::READY_NOW;
    return send(content).then(
      [this, times, &content](auto&&) { return lane_of(times - 1, content); });
  }

  bare_server server_;
  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  kj::Own<kj::TlsContext> context_;
  kj::Own<kj::AsyncIoStream> stream_;
  kj::Own<capnp::TwoPartyVatNetwork> network_;
  std::optional<capnp::RpcSystem<capnp::rpc::twoparty::VatId>> rpc_;
  std::optional<sb::schema::RemoteSession::Client> session_;
};

/// 64 bytes there and back, by two threads that wait in `recv`.
class ping_pong {
public:
  ping_pong() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* const at = reinterpret_cast<sockaddr*>(&where);
    ensure(::bind(listener, at, size) == 0 && ::listen(listener, 1) == 0
             && ::getsockname(listener, at, &size) == 0,
           "cannot listen");
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ensure(::connect(socket_, at, size) == 0, "cannot connect");
    other_ = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    ::close(listener);
    const int yes = 1;
    for (const int end : {socket_, other_})
      ::setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    thread_ = std::thread{[this] {
      std::array<char, 64> bytes{};
      while (::recv(other_, bytes.data(), bytes.size(), MSG_WAITALL) > 0)
        ::send(other_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }};
  }
  ~ping_pong() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
    ::close(other_);
  }
  void call() const {
    std::array<char, 64> bytes{};
    ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ensure(::recv(socket_, bytes.data(), bytes.size(), MSG_WAITALL) == 64,
           "no pong");
  }

private:
  int socket_ = -1, other_ = -1;
  std::thread thread_;
};

/// Certificates of the two, by the program openssl, in a folder of their own.
class certificates {
public:
  certificates() {
    std::string made = "/tmp/sb-bench-XXXXXX";
    ensure(::mkdtemp(made.data()) != nullptr, "no folder");
    folder_ = made;
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        "-subj /CN=ca -keyout ca.key -out ca.pem -days 1");
    for (const std::string name : {"owner", "user"})
      run("openssl req -x509 -CA ca.pem -CAkey ca.key -newkey ec -pkeyopt "
          "ec_paramgen_curve:P-256 -nodes -subj /CN="
          + name + " -addext subjectAltName=DNS:" + name + " -keyout " + name
          + ".key -out " + name + ".pem -days 1");
  }
  ~certificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  sb::tls_files of(const std::string& name) const {
    return {folder_ / (name + ".pem"), folder_ / (name + ".key"),
            folder_ / "ca.pem"};
  }

private:
  void run(const std::string& command) const {
    ensure(
      std::system(
        ("cd " + folder_.string() + " && " + command + " 2>/dev/null").c_str())
        == 0,
      "the program openssl has failed: is it installed?");
  }

  std::filesystem::path folder_;
};

std::string text_of(const std::filesystem::path& file) {
  std::string text(std::filesystem::file_size(file), '\0');
  auto* const in = std::fopen(file.c_str(), "rb");
  ensure(in != nullptr
           && std::fread(text.data(), 1, text.size(), in) == text.size(),
         "cannot read a certificate");
  std::fclose(in);
  return text;
}

kj::Own<kj::TlsContext> context_of(const sb::tls_files& files) {
  const auto certificate = text_of(files.certificate);
  const auto key = text_of(files.key);
  const auto ca = text_of(files.ca);
  const kj::TlsKeypair own{
    kj::TlsPrivateKey{kj::StringPtr{key.c_str()}},
    kj::TlsCertificate{kj::StringPtr{certificate.c_str()}}};
  const kj::TlsCertificate issuer{kj::StringPtr{ca.c_str()}};
  kj::TlsContext::Options options;
  options.useSystemTrustStore = false;
  options.verifyClients = true;
  options.trustedCertificates = kj::arrayPtr(&issuer, 1);
  options.defaultKeypair = own;
  return kj::heap<kj::TlsContext>(kj::mv(options));
}

std::vector<sb::word> content_of(std::size_t bytes) {
  return std::vector<sb::word>(bytes / sizeof(sb::word), 42);
}

void measure_one(const std::string& what, std::size_t bytes, int times,
                 linked& ours, bare_client& bare, double most) {
  const auto content = content_of(bytes);
  const auto request = std::make_shared<words>(content);
  const auto [mine, theirs] = bench::in_turns(
    rounds, times, [&] { ours.call(request); }, [&] { bare.call(content); });
  bench::print_row(what, mine, "bare RPC", theirs, most);
}

/// So many small calls, of which so many are in flight.
void calls(linked& ours, int times, int at_once,
           const std::shared_ptr<sb::message>& request) {
  std::atomic<int> left = times, to_send = times - at_once;
  std::function<void()> next = [&] {
    if (--to_send >= 0)
      ours.submit(request, next);
    if (--left == 0)
      left.notify_one();
  };
  for (int i = 0; i < at_once; ++i)
    ours.submit(request, next);
  for (auto now = left.load(); now > 0; now = left.load())
    left.wait(now);
}

void measure_throughput(const std::string& kind, linked& ours,
                        bare_client& bare) {
  constexpr int times = 6'400;
  const auto content = content_of(64);
  const auto request = std::make_shared<words>(content);
  for (const int at_once : {1, 8, 64}) {
    const auto [mine, theirs] = bench::in_turns(
      3, 1, [&] { calls(ours, times, at_once, request); },
      [&] { bare.calls(times, at_once, content); });
    bench::print_row(kind + std::to_string(times) + ", "
                       + std::to_string(at_once) + " in flight",
                     mine, "bare RPC", theirs);
  }
}

// Small calls while a large one goes there and back, again and again; their p99
// is promised as it is.
void measure_beside_large(const std::string& kind, linked& ours) {
  constexpr double p99_us_max = 10'000;
  const auto small = std::make_shared<words>(content_of(64));
  const auto large =
    std::make_shared<words>(content_of(std::size_t{64} << 20U));
  bench::samples alone, beside;
  bench::sample(alone, 1'000, [&] { ours.call(small); });
  for (int round = 0; round < rounds; ++round) {
    std::atomic<bool> crosses = true;
    ours.submit(large, [&crosses] { crosses = false; });
    while (crosses)
      bench::sample(beside, 1, [&] { ours.call(small); });
  }
  const auto figures = beside.summary();
  bench::print_row(kind + "64 B beside 64 MiB", figures, "64 B alone",
                   alone.summary());
  std::printf("%-26s p99 %8.2f us of %.0f: %s\n", "", figures.p99_us,
              p99_us_max, figures.p99_us <= p99_us_max ? "holds" : "MISSED");
}

// How long a session's client outlives the node it was for: both figures are
// promised as they are, not beside anything.
void measure_end(const std::string& kind, const sb::tls_files& first,
                 const sb::tls_files& second) {
  bench::samples ended;
  for (int time = 0; time < 100; ++time) {
    linked ours{first, second};
    const auto begin = bench::clock::now();
    ours.end();
    ended.add(ours.freed() - begin);
  }
  const auto [p50_us, p99_us] = ended.summary();
  std::printf("%-26s p50 %8.2f us of 5000  p99 %8.2f us of 25000: %s\n",
              (kind + "end to freed").c_str(), p50_us, p99_us,
              p50_us <= 5'000 && p99_us <= 25'000 ? "holds" : "MISSED");
}

void measure(const std::string& kind, const sb::tls_files& first,
             const sb::tls_files& second) {
  measure_end(kind, first, second);
  linked ours{first, second};
  bare_client bare{first, second};
  measure_one(kind + "64 B", 64, 300, ours, bare, ratio_max);
  measure_one(kind + "1 MiB", std::size_t{1} << 20U, 10, ours, bare,
              large_ratio_max);
  measure_one(kind + "64 MiB", std::size_t{64} << 20U, 1, ours, bare,
              large_ratio_max);
  measure_beside_large(kind, ours);
  measure_throughput(kind, ours, bare);
  const auto [opened, called] = bench::in_turns(
    rounds, 100, [&] { ours.open(); }, [&] { bare.call(content_of(64)); });
  bench::print_row(kind + "open, and let go", opened, "bare RPC", called);
}

void measure_crossing(const ping_pong& tcp) {
  sb::node_loop loop{[](sb::node_loop&) {}, [] {}};
  const auto there_and_back = [&] {
    std::atomic<bool> done = false;
    loop.jobs()->post([&done] {
      done = true;
      done.notify_one();
    });
    done.wait(false);
  };
  const auto [crossed, pinged] =
    bench::in_turns(rounds, 300, there_and_back, [&] { tcp.call(); });
  bench::print_row("a job of the loop", crossed, "TCP ping-pong", pinged);
}

} // namespace

int main() {
  const ping_pong tcp;
  measure_crossing(tcp);
  {
    bare_client bare{{}, {}};
    const auto content = content_of(64);
    const auto [called, pinged] = bench::in_turns(
      rounds, 300, [&] { bare.call(content); }, [&] { tcp.call(); });
    bench::print_row("bare RPC, 64 B", called, "TCP ping-pong", pinged);
  }
  measure("", {}, {});
  const certificates files;
  measure("TLS, ", files.of("owner"), files.of("user"));
}
