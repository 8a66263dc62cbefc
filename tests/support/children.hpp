#pragma once
// Small children for supervision tests, one per way to behave, and one
// `terminate` for all ways to die. A nursery makes them and writes down, in
// one trace, when each starts ("start:a"), is told to stop ("stop:a") and has
// ended ("end:a"); it must outlive them. On the test's thread only.

#include <snakebridge/supervisor.hpp>
#include <snakebridge/testing_actors.hpp>

#include "tests/support/trace.hpp"

#include <caf/stateful_actor.hpp>

#include <deque>
#include <map>

namespace snakebridge::testing {

using end_atom = caf::atom_constant<caf::atom("end")>;
using crash_atom = caf::atom_constant<caf::atom("crash")>;
using get_up_atom = caf::atom_constant<caf::atom("getup")>;

/// All ways in which a child ends by itself.
enum class ending { normal, shutdown, crash, kill };

/// Ends `child` in the way of `how`, when the actors run next.
inline void terminate(const caf::actor& child, ending how) {
  switch (how) {
  case ending::normal:
    caf::anon_send(child, end_atom::value, caf::error{});
    break;
  case ending::shutdown:
    caf::anon_send(child, end_atom::value,
                   make_error(caf::exit_reason::user_shutdown));
    break;
  case ending::crash:
    caf::anon_send(child, crash_atom::value);
    break;
  case ending::kill:
    caf::anon_send_exit(child, caf::exit_reason::kill);
    break;
  }
}

/// A supervisor as any other actor.
inline caf::actor untyped(const supervisor_actor& one) {
  return caf::actor_cast<caf::actor>(one);
}

/// How a child treats its supervisor.
struct manners {
  bool obeys = true;                      ///< ends when told to
  bool crashes_instead = false;           ///< obeys, but not as asked
  std::chrono::milliseconds stop_time{0}; ///< needs this long to obey
  std::chrono::milliseconds up_time{0};   ///< is up after this long
  bool comes_up = true;                   ///< answers `up_atom` at all
};

class nursery {
public:
  explicit nursery(trace& events) : trace_(events) {}

  child_factory obedient(const std::string& id) { return child(id, {}); }
  child_factory deaf(const std::string& id) {
    return child(id, {.obeys = false});
  }
  child_factory naughty(const std::string& id) {
    return child(id, {.crashes_instead = true});
  }
  child_factory slow(const std::string& id, std::chrono::milliseconds time) {
    return child(id, {.stop_time = time});
  }
  child_factory late(const std::string& id, std::chrono::milliseconds time) {
    return child(id, {.up_time = time});
  }
  child_factory never_up(const std::string& id) {
    return child(id, {.comes_up = false});
  }

  /// The next starts of `id` end like this, one each, before it starts again:
  /// no error lets one pass, `supervisor_errc::declined` starts nothing.
  void next_starts(const std::string& id, std::vector<caf::error> outcomes) {
    outcomes_[id].assign(outcomes.begin(), outcomes.end());
  }

  /// No start of `id` succeeds until `next_starts` is set anew.
  void never_start(const std::string& id, caf::error why) {
    next_starts(id, std::vector<caf::error>(always, std::move(why)));
  }

  /// The newest child of that name; null if there was none.
  caf::actor at(const std::string& id) { return newest_[id]; }

  /// How often the factory of `id` was called.
  std::size_t starts(const std::string& id) { return starts_[id]; }

  /// The exit reasons of all children of that name, oldest first.
  const std::vector<caf::error>& reasons(const std::string& id) {
    return reasons_[id];
  }

  child_factory child(const std::string& id, manners how);

private:
  static constexpr std::size_t always = 1000;

  trace& trace_;
  std::map<std::string, std::deque<caf::error>> outcomes_;
  std::map<std::string, caf::actor> newest_;
  std::map<std::string, std::size_t> starts_;
  std::map<std::string, std::vector<caf::error>> reasons_;
};

/// The state of a child: it knows when the child has ended.
struct child_life {
  child_life() {}
  ~child_life() {
    if (events != nullptr)
      events->add("end:" + id);
  }
  trace* events = nullptr;
  std::string id;
  caf::response_promise up;
};

static_assert(!std::is_aggregate_v<child_life>);

inline caf::behavior live(caf::stateful_actor<child_life>* self, trace* events,
                          std::string id, manners how) {
  self->state.events = events;
  self->state.id = std::move(id);
  self->set_exception_handler(
    [](std::exception_ptr&) -> caf::error { return caf::sec::runtime_error; });
  self->set_exit_handler([self, how](caf::exit_msg& exit) {
    self->state.events->add("stop:" + self->state.id);
    if (how.crashes_instead)
      self->quit(caf::sec::runtime_error);
    else if (how.obeys && how.stop_time.count() == 0)
      self->quit(exit.reason);
    else if (how.obeys)
      self->delayed_send(self, how.stop_time, end_atom::value, exit.reason);
  });
  return {
    [self](end_atom, caf::error& reason) { self->quit(std::move(reason)); },
    [](crash_atom) { throw std::runtime_error{"crash"}; },
    [self, how](up_atom) {
      self->state.up = self->make_response_promise();
      if (how.comes_up)
        self->delayed_send(self, how.up_time, get_up_atom::value);
      return self->state.up;
    },
    [self](get_up_atom) { self->state.up.deliver(caf::unit); },
  };
}

inline child_factory nursery::child(const std::string& id, manners how) {
  return [this, id, how](
           caf::event_based_actor* supervisor) -> caf::expected<caf::actor> {
    ++starts_[id];
    if (auto& outcomes = outcomes_[id]; !outcomes.empty()) {
      auto outcome = std::move(outcomes.front());
      outcomes.pop_front();
      if (outcome)
        return outcome;
    }
    trace_.add("start:" + id);
    auto born = supervisor->system().spawn(live, &trace_, id, how);
    born->attach_functor(
      [this, id](const caf::error& reason) { reasons_[id].push_back(reason); });
    newest_[id] = born;
    return born;
  };
}

} // namespace snakebridge::testing
