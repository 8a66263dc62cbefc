// A hundred actors, each with a session of its own and a Python object in it.
// Half of them end, in every way an actor can; their objects end with them.
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include <snakebridge/actors.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace std::chrono_literals;

namespace {

constexpr int clients = 100;

using crash_atom = caf::atom_constant<caf::atom("crash")>;
using done_atom = caf::atom_constant<caf::atom("done")>;

// Makes one object, keeps its name, and lives on until it is ended.
caf::behavior client(caf::event_based_actor* self, const sb::bridge* bridge,
                     int number) {
  const auto session = sb::open_session(self, *bridge);
  self
    ->request(session, 30s,
              sb::call_message{"collections", "Counter", {sb::list{number}}})
    .then([](const sb::value&) {},
          [self](const caf::error& failed) {
            fmt::print("{}\n", to_string(sb::to_error(failed)));
            self->quit(failed);
          });
  return {[](crash_atom) { throw std::runtime_error{"a bug in the client"}; },
          [self](done_atom) { self->quit(); }};
}

// Waits until Python holds just that many objects; false after a while.
bool wait_for_objects(const sb::bridge& bridge, std::uint64_t wanted) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (bridge.stats().live_objects() != wanted) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

bool report(const sb::bridge& bridge, const char* when, std::uint64_t wanted) {
  const bool there = wait_for_objects(bridge, wanted);
  fmt::print("{:<44} {:>3} objects, {:>3} sessions{}\n", when,
             bridge.stats().live_objects(), bridge.stats().sessions,
             there ? "" : "  <- not what it should be");
  return there;
}

using client_list = std::vector<caf::actor>;

// Ends some of the clients, one way or another.
template <class End>
void end_some(client_list& living, std::size_t count, End end) {
  for (; count > 0; --count) {
    end(living.back());
    living.pop_back();
  }
}

} // namespace

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) -> int {
    client_list living;
    for (int i = 0; i < clients; ++i)
      living.push_back(bridge.system().spawn(client, &bridge, i));
    bool right = report(bridge, "100 actors, one object each", 100);

    const auto exit_with = [](caf::exit_reason reason) {
      return
        [reason](const caf::actor& one) { caf::anon_send_exit(one, reason); };
    };
    end_some(living, 10, [](const caf::actor& one) {
      caf::anon_send(one, done_atom::value);
    });
    right &= report(bridge, "10 were done", 90);
    end_some(living, 10, exit_with(caf::exit_reason::user_shutdown));
    right &= report(bridge, "10 were shut down", 80);
    end_some(living, 15, exit_with(caf::exit_reason::kill));
    right &= report(bridge, "15 were killed", 65);
    end_some(living, 15, [](const caf::actor& one) {
      caf::anon_send(one, crash_atom::value);
    });
    right &= report(bridge, "15 crashed", 50);
    end_some(living, living.size(), exit_with(caf::exit_reason::user_shutdown));
    right &= report(bridge, "the rest went home", 0);
    return right ? 0 : 1;
  });
}
