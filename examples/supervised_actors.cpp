// A hundred actors below a supervisor, each with a session of its own and a
// Python object in it. Half of them end, in every way an actor can, and their
// objects end with them. Those that did not mean to end are started again.
#include <atomic>
#include <chrono>
#include <memory>
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

constexpr std::size_t clients = 100;

using crash_atom = caf::atom_constant<caf::atom("crash")>;
using done_atom = caf::atom_constant<caf::atom("done")>;

// Makes one object, counts it, and lives on until it is ended.
caf::behavior client(caf::event_based_actor* self, const sb::bridge* bridge,
                     std::shared_ptr<std::atomic<std::size_t>> made) {
  // Its supervisor tells of a crash; CAF would print it as well.
  self->set_exception_handler([](std::exception_ptr&) {
    return caf::make_error(caf::sec::runtime_error);
  });
  const auto session = sb::open_session(self, *bridge);
  self
    ->request(session, 30s,
              sb::call_message{"collections", "Counter", {sb::list{1, 2}}})
    .then([made](const sb::value&) { ++*made; },
          [self](const caf::error& failed) {
            fmt::print("{}\n", to_string(sb::to_error(failed)));
            self->quit(failed);
          });
  return {[](crash_atom) { throw std::runtime_error{"a bug in the client"}; },
          [self](done_atom) { self->quit(); }};
}

/// What becomes of a client that has ended.
enum class then { stays_away, returns };

/// The clients and their supervisor, which ends with this.
class crew {
public:
  explicit crew(const sb::bridge& bridge)
      : bridge_{bridge},
        self_{bridge.system()},
        supervisor_{*sb::spawn_supervisor(
          self_.ptr(),
          {.strategy = sb::strategy::simple_one_for_one,
           .intensity = clients,
           .children = {{.id = "client",
                         .start = sb::spawning(client, &bridge, made_),
                         // Whoever was done does not return.
                         .restart = sb::restart_type::transient}},
           .name = "crew"})} {
    for (std::size_t i = 0; i < clients; ++i)
      self_->send(supervisor_, sb::start_child_atom::value);
  }

  /// Ends `count` of them in the way of `end`, and waits until as many as
  /// there should be hold one object each. False when that does not come true.
  template <class End>
  bool end_some(const char* how, std::size_t count, End end, then next) {
    auto chosen = living();
    chosen.resize(count);
    for (const auto& one : chosen)
      end(one);
    if (next == then::returns)
      ever_ += count;
    else
      alive_ -= count;
    return report(how);
  }

  /// Every object that there will be has been made, and only those of the
  /// living are left: 15 that are late to go cannot pass for 15 that are new.
  bool report(const char* when) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    bool is_there = false;
    auto now = bridge_.stats();
    while (!is_there && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(1ms);
      is_there = living().size() == alive_ && *made_ == ever_;
      now = bridge_.stats();
      is_there &= now.live_objects() == alive_ && now.sessions == alive_;
    }
    fmt::print("{:<44} {:>3} objects, {:>3} sessions{}\n", when,
               now.live_objects(), now.sessions,
               is_there ? "" : "  <- not what it should be");
    return is_there;
  }

private:
  std::vector<caf::actor> living() {
    std::vector<caf::actor> running;
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
  std::shared_ptr<std::atomic<std::size_t>> made_ =
    std::make_shared<std::atomic<std::size_t>>(0);
  std::size_t ever_ = clients;
  std::size_t alive_ = clients;
  caf::scoped_actor self_;
  sb::supervisor_actor supervisor_;
};

} // namespace

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) -> int {
    crew all{bridge};
    bool right = all.report("100 actors, one object each");

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
    right &= all.end_some("10 were done", 10, is_done, then::stays_away);
    right &= all.end_some("10 were shut down", 10,
                          exit_with(caf::exit_reason::user_shutdown),
                          then::stays_away);
    right &= all.end_some("15 were killed, and are back", 15,
                          exit_with(caf::exit_reason::kill), then::returns);
    right &= all.end_some("15 crashed, and are back", 15, crash, then::returns);
    return right ? 0 : 1;
  });
}
