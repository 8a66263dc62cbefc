#pragma once
// The state of a supervisor actor and its engine. What takes time is a
// procedure: children to stop one after the other, specs to forget, children
// to start one after the other; the engine does a step, waits for a message
// (down, up, tick) and does the next. One procedure runs at a time; whatever
// arrives meanwhile waits in `waiting_events_`, except queries, the end of the
// supervisor, and terminate_child of the child whose start is waited for.
// Owned by the actor, destroyed before anyone sees its end.

#include "supervisors/child_spec.hpp"
#include "supervisors/child_table.hpp"
#include "supervisors/restart_plan.hpp"
#include "supervisors/restart_window.hpp"

#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/response_promise.hpp>

#include <deque>
#include <functional>
#include <random>
#include <type_traits>

namespace snakebridge {

using tick_atom = caf::atom_constant<caf::atom("tick")>;
using try_again_atom = caf::atom_constant<caf::atom("tryagain")>;

class supervisor_state {
public:
  /// The constructor also keeps this from being an aggregate, which CAF would
  /// fill with the actor itself.
  explicit supervisor_state(caf::event_based_actor* self) : self_(self) {}
  supervisor_state(const supervisor_state&) = delete;
  supervisor_state& operator=(const supervisor_state&) = delete;

  /// Whoever still waits hears `stopping`, children still guarded are killed.
  ~supervisor_state();

  /// Takes the spec (valid) and returns what the actor answers. The first
  /// start begins with the first message. It ends when `parent`, which the
  /// actor monitors, goes down.
  caf::behavior begin(supervisor_spec spec, caf::actor_addr parent = {});

private:
  using key = child_table::key;

  enum class aim { first_start, start, restart, terminate, shutdown };

  /// Stops, then forgets, then starts; each list is worked off front first.
  struct procedure {
    aim what;
    std::deque<key> stop = {};
    std::deque<key> forget = {};
    std::deque<key> start = {};
    /// Whom start and terminate are about, and who asked.
    key subject = 0;
    caf::response_promise asker = {};
    /// The subject was added for this start: a failure leaves no spec.
    bool is_new = false;
  };

  enum class wait { nothing, up, down, pool_down };

  /// The message without which the procedure cannot go on.
  struct wait_state {
    wait what = wait::nothing;
    key who = 0;
    /// The tick or the up answer that is meant: others are late.
    std::uint64_t token = 0;
    bool killed = false;
    /// The start of `who` has failed with this; it must go before we say so.
    std::optional<caf::error> failure = {};
    /// Asked to terminate `who` while it was starting.
    caf::response_promise terminator = {};
  };

  /// Something to decide when no procedure runs, and who waits for it.
  struct event {
    std::function<void()> act;
    caf::response_promise asker = {};
  };

  /// A plan, and the children that its positions mean.
  struct decision {
    restart_plan plan;
    std::vector<key> keys;
  };

  // -- the engine (supervisor_state.cpp)
  caf::behavior make_behavior();
  void pump();
  void step();
  void finish();
  void stop_child(key who);
  void stop_pool();
  void start_child(key who);
  void is_up(key who);
  void fail_start(key who, caf::error why);
  void end_of_wait();
  void await(wait what, key who);
  void set_timer(std::chrono::milliseconds time);
  void kill_awaited();
  void abandon_awaited();
  void shut_down(caf::error reason);
  void refuse_all_waiting();
  void refuse_start();

  // -- what arrives (supervisor_events.cpp)
  void on_down(const caf::down_msg& down);
  void log_unless_asked(const child_spec& stopped,
                        const caf::error& reason) const;
  void on_tick(std::uint64_t token);
  void on_up(std::uint64_t token);
  void on_not_up(std::uint64_t token, const caf::error& why);
  void on_try_again(key who, std::uint64_t token, bool is_counted);
  void decide_end(key who);
  template <class MakePlan>
  decision decide(key who, bool among_all, MakePlan make_plan);
  void restart(key who, const decision& decided);
  void begin_restart(const decision& decided);
  void wait_to_restart(key who, const decision& decided,
                       std::chrono::milliseconds time);
  void escalate(const child& cause);

  // -- what is asked (supervisor_requests.cpp)
  caf::response_promise defer(std::function<void(caf::response_promise)> act);
  caf::response_promise await_started();
  caf::response_promise ask_start(child_spec spec);
  caf::response_promise ask_copy(child_factory start);
  caf::response_promise ask_terminate(const std::string& id);
  caf::response_promise ask_terminate(const caf::actor& handle);
  caf::response_promise ask_restart(const std::string& id);
  caf::response_promise ask_delete(const std::string& id);
  child_counts counts() const;
  bool cut_short(std::optional<key> who, caf::response_promise& asker);
  void start_new(key who, caf::response_promise asker);
  void terminate(std::optional<key> who, const std::string& name,
                 caf::response_promise asker);
  caf::error refusal(supervisor_errc code, const std::string& id) const;

  bool is_pool() const {
    return spec_.strategy == strategy::simple_one_for_one;
  }

  bool is_group() const {
    return spec_.strategy == strategy::one_for_all
           || spec_.strategy == strategy::rest_for_one;
  }

  caf::event_based_actor* self_;
  /// Its children have moved to the table; a pool keeps its template here.
  supervisor_spec spec_;
  caf::actor_addr parent_;
  child_table children_;
  restart_window window_{0, {}};
  std::minstd_rand chances_{std::random_device{}()};
  std::optional<procedure> procedure_;
  wait_state wait_;
  std::deque<event> waiting_events_;
  std::vector<caf::response_promise> awaiting_start_;
  std::uint64_t last_token_ = 0;
  bool started_ = false;
  /// Why the first start failed, if it has.
  caf::error never_started_;
  bool pumping_ = false;
  /// Set once it has begun to end, to the reason it will end with.
  std::optional<caf::error> ending_;
  bool ended_ = false;
};

static_assert(!std::is_aggregate_v<supervisor_state>);

} // namespace snakebridge
