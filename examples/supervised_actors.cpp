// A hundred actors below a supervisor, each with a session of its own and a
// Python object in it. Half of them end, in every way an actor can, and their
// objects end with them. Those that did not mean to end are started again.
#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include <caf/scoped_actor.hpp>
#include <fmt/format.h>

#include <snakebridge/actors.hpp>
#include <snakebridge/snakebridge.hpp>
#include <snakebridge/supervisor.hpp>

namespace sb = snakebridge;
using namespace std::chrono_literals;

namespace {

constexpr int clients = 100;

using crash_atom = caf::atom_constant<caf::atom("crash")>;
using done_atom = caf::atom_constant<caf::atom("done")>;

// Makes one object, keeps its name, and lives on until it is ended.
caf::behavior client(caf::event_based_actor* self, const sb::bridge* bridge) {
  const auto session = sb::open_session(self, *bridge);
  self
    ->request(session, 30s,
              sb::call_message{"collections", "Counter", {sb::list{1, 2}}})
    .then([](const sb::value&) {},
          [self](const caf::error& failed) {
            fmt::print("{}\n", to_string(sb::to_error(failed)));
            self->quit(failed);
          });
  return {[](crash_atom) { throw std::runtime_error{"a bug in the client"}; },
          [self](done_atom) { self->quit(); }};
}

using client_list = std::vector<caf::actor>;

/// The clients and their supervisor, which ends with this.
class crew {
public:
  explicit crew(const sb::bridge& bridge)
      : bridge_{bridge},
        self_{bridge.system()},
        supervisor_{*sb::spawn_supervisor(
          self_.ptr(), {.strategy = sb::strategy::simple_one_for_one,
                        .intensity = clients,
                        .children = {{.id = "client",
                                      .start = sb::spawning(client, &bridge),
                                      // Whoever was done does not return.
                                      .restart = sb::restart_type::transient}},
                        .name = "crew"})} {
    for (int i = 0; i < clients; ++i)
      self_->send(supervisor_, sb::start_child_atom::value);
  }

  /// Ends `count` of them in the way of `end`; those that are left, or have
  /// returned, are then `wanted`. False when that does not come true.
  template <class End>
  bool end_some(const char* how, std::size_t count, End end,
                std::size_t wanted) {
    auto gone = living();
    gone.resize(count);
    for (const auto& one : gone)
      end(one);
    return report(how, wanted, gone);
  }

  bool report(const char* when, std::size_t wanted,
              const client_list& gone = {}) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    bool is_there = false;
    while (!is_there && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(1ms);
      const auto now = living();
      is_there =
        now.size() == wanted && bridge_.stats().live_objects() == wanted
        && std::find_first_of(now.begin(), now.end(), gone.begin(), gone.end())
             == now.end();
    }
    fmt::print("{:<44} {:>3} objects, {:>3} sessions{}\n", when,
               bridge_.stats().live_objects(), bridge_.stats().sessions,
               is_there ? "" : "  <- not what it should be");
    return is_there;
  }

private:
  client_list living() {
    client_list running;
    self_->request(supervisor_, 30s, sb::which_children_atom::value)
      .receive(
        [&running](const std::vector<sb::child_row>& rows) {
          for (const auto& row : rows)
            if (row.handle)
              running.push_back(row.handle);
        },
        [](const caf::error& failed) {
          fmt::print("{}\n", sb::describe(failed));
        });
    return running;
  }

  const sb::bridge& bridge_;
  caf::scoped_actor self_;
  sb::supervisor_actor supervisor_;
};

} // namespace

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) -> int {
    crew all{bridge};
    bool right = all.report("100 actors, one object each", 100);

    const auto exit_with = [](caf::exit_reason reason) {
      return
        [reason](const caf::actor& one) { caf::anon_send_exit(one, reason); };
    };
    const auto is_done = [](const caf::actor& one) {
      caf::anon_send(one, done_atom::value);
    };
    const auto crash = [](const caf::actor& one) {
      caf::anon_send(one, crash_atom::value);
    };
    right &= all.end_some("10 were done", 10, is_done, 90);
    right &= all.end_some("10 were shut down", 10,
                          exit_with(caf::exit_reason::user_shutdown), 80);
    right &= all.end_some("15 were killed, and are back", 15,
                          exit_with(caf::exit_reason::kill), 80);
    right &= all.end_some("15 crashed, and are back", 15, crash, 80);
    return right ? 0 : 1;
  });
}
