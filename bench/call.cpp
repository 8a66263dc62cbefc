// What one call of math.sqrt costs: on both hosts, from a thread and from an
// actor, each beside what the same way costs with nothing of ours on it.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>

#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <pybind11/embed.h>

#include <snakebridge/actors.hpp>
#include <snakebridge/snakebridge.hpp>

#include "ask.hpp"

namespace sb = snakebridge;
namespace bench = snakebridge::bench;
namespace py = pybind11;
using namespace std::chrono_literals;

namespace {

constexpr int rounds = 20;
constexpr int times = 1'000;

// Two processes that pass one small message to and fro.
class ping_pong {
public:
  ping_pong() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
      std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[0]);
      char message[message_bytes];
      while (::read(ends[1], message, sizeof message) > 0)
        static_cast<void>(!::write(ends[1], message, sizeof message));
      ::_exit(0);
    }
    ::close(ends[1]);
    socket_ = ends[0];
  }
  ~ping_pong() {
    ::close(socket_);
    ::waitpid(child_, nullptr, 0);
  }

  void once() const {
    char message[message_bytes] = {};
    static_cast<void>(!::write(socket_, message, sizeof message));
    static_cast<void>(!::read(socket_, message, sizeof message));
  }

private:
  static constexpr std::size_t message_bytes = 192; // as large as our request
  int socket_ = -1;
  pid_t child_ = 0;
};

sb::config one_interpreter(sb::placement where) {
  return {.pools = {{.name = "default", .size = 1, .placement = where}}};
}

caf::behavior echo(caf::event_based_actor*, int) {
  return {[](double item) { return item; }};
}

// An actor whose requests are answered by a thread of ours that looks for them:
// the least that an answer costs which comes from another thread.
class answering_thread {
public:
  ~answering_thread() {
    over_ = true;
    thread_.join();
  }

  caf::behavior operator()(caf::event_based_actor* self) {
    return {[this, self](double item) {
      const auto asked = self->make_response_promise();
      source_ = asked.source();
      id_ = asked.id();
      item_ = item;
      has_come_ = true;
      return caf::delegated<double>{};
    }};
  }

private:
  void serve() {
    while (!over_)
      if (has_come_.exchange(false))
        std::exchange(source_, nullptr)
          ->enqueue(nullptr, id_.response_id(), caf::make_message(item_),
                    nullptr);
      else
        std::this_thread::yield();
  }

  caf::strong_actor_ptr source_;
  caf::message_id id_;
  double item_ = 0;
  std::atomic<bool> has_come_ = false, over_ = false;
  std::thread thread_{[this] { serve(); }};
};

// `server` is what a bare request goes to. The host's own time is added to it:
// what is left is the price of the session.
void actor_calls(const std::string& name, const sb::bridge& bridge,
                 const bench::figures& host, const caf::actor& server,
                 const char* server_name) {
  auto& system = bridge.system();
  auto keeper = std::make_shared<sb::session_actor>();
  bench::samples ours, theirs;
  for (int round = 0; round < rounds; ++round) {
    *keeper = nullptr;
    ours.add(bench::ask_in_turn<sb::value>(
               system,
               [&bridge, keeper](caf::event_based_actor* self) {
                 if (!*keeper)
                   *keeper = sb::open_session(self, bridge, {});
                 return *keeper;
               },
               [] {
                 return sb::call_message{"math", "sqrt", {16}};
               },
               times)
               .get());
    theirs.add(bench::ask_in_turn<double>(
                 system, [server](caf::event_based_actor*) { return server; },
                 [] { return 16.0; }, times)
                 .get());
  }
  *keeper = nullptr;
  caf::anon_send_exit(server, caf::exit_reason::normal);
  const auto request = theirs.summary();
  bench::print_row(
    name, ours.summary(), server_name,
    {request.p50_us + host.p50_us, request.p99_us + host.p99_us});
}

void embedded() {
  const sb::bridge bridge{one_interpreter(sb::placement::embedded)};
  bridge.call("math", "sqrt", 16).value();
  py::object* sqrt = nullptr;
  {
    const py::gil_scoped_acquire gil;
    sqrt = new py::object{py::module_::import("math").attr("sqrt")};
  }
  const auto [ours, bare] = bench::in_turns(
    rounds, times, [&] { bridge.call("math", "sqrt", 16).value(); },
    [&] {
      const py::gil_scoped_acquire gil;
      (*sqrt)(16).cast<double>();
    });
  bench::print_row("embedded, thread", ours, "pybind11 under the GIL", bare);
  // Calls of actors run on the host's own thread, so the bare request goes to
  // an actor with a thread of its own as well; then to one without.
  auto& system = bridge.system();
  actor_calls("embedded, actor", bridge, ours,
              system.spawn<caf::detached>(echo, 0), "detached CAF + host");
  actor_calls("embedded, actor", bridge, ours, system.spawn(echo, 0),
              "CAF request + host");
  answering_thread answers;
  actor_calls(
    "embedded, actor", bridge, ours,
    system.spawn([&](caf::event_based_actor* self) { return answers(self); }),
    "CAF and a thread + host");
  const py::gil_scoped_acquire gil;
  delete sqrt;
}

void workers(const ping_pong& bare_sockets) {
  const sb::bridge bridge{one_interpreter(sb::placement::worker)};
  const auto [ours, bare] = bench::in_turns(
    rounds, times, [&] { bridge.call("math", "sqrt", 16).value(); },
    [&] { bare_sockets.once(); });
  bench::print_row("worker, thread", ours, "bare socketpair", bare);
  actor_calls("worker, actor", bridge, ours, bridge.system().spawn(echo, 0),
              "CAF request + host");
  answering_thread answers;
  actor_calls("worker, actor", bridge, ours,
              bridge.system().spawn(
                [&](caf::event_based_actor* self) { return answers(self); }),
              "CAF and a thread + host");
}

} // namespace

int main() {
  const ping_pong bare_sockets; // forks: before there are threads
  workers(bare_sockets);
  embedded();
}
