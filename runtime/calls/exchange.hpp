#pragma once
// One operation on its way: what is asked, for whom, until when, and who is
// told. Shared by the thread that waits for it (or the completion that will be
// run) and the host that serves it. It is answered exactly once, whoever is
// first.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <snakebridge/operation.hpp>

#include "runtime/base/timers.hpp"
#include "runtime/calls/session_gate.hpp"
#include "runtime/wire/channel.hpp"

namespace snakebridge {

class dispatcher;
class exchange;
struct call_route;
using exchange_ptr = std::shared_ptr<exchange>;

/// Runs once, on whatever thread has the answer: it must not block.
using completion = std::function<void(result<value>)>;

/// Takes items of a stream, in order, on whatever thread brings them: also
/// those that come when the call has been given up. It must not block.
using items_listener = std::function<void(std::vector<value>)>;

/// Has something done on a thread that waits; false: it does not any more.
using job_taker = std::function<bool(std::function<void()>)>;

/// How far a call has come.
enum class call_stage {
  queued,      ///< it waits for its turn
  handed_over, ///< Python's side has it, and has not started it
  running,     ///< Python may have begun it
};

/// What a call answers that was given up at that stage. `why`:
/// deadline_exceeded, cancelled or session_closed.
error given_up_error(const operation& asked, errc why, call_stage reached);

/// True for what the interruption of a call leaves: `snakebridge.Cancelled`.
bool is_interruption(const error& outcome);

/// Where in its pool a call may run.
struct destination {
  std::uint32_t interpreter = 0; ///< that one; 0: its session's home
  std::uint32_t epoch = 0; ///< the incarnation its refs are of; 0: it has none
  bool anywhere = false;   ///< or whichever has nothing to do
  /// For the node that has its session, where that is another; else null.
  std::shared_ptr<const call_route> route = {};
};

/// Gives a call up, if it has not been answered and all that is left.
struct giving_up {
  std::weak_ptr<dispatcher> through;
  std::weak_ptr<exchange> given_up;
  errc why;

  void operator()() const;
};

class exchange {
public:
  /// Its answer goes to `done`; empty: some thread waits for it. What comes
  /// before that goes to `on_items`, of `next` alone.
  exchange(operation asked, std::shared_ptr<const session_gate> session,
           steady_clock::time_point deadline, destination to = {},
           completion done = {}, items_listener on_items = {})
      : asked{std::move(asked)},
        session{std::move(session)},
        deadline{deadline},
        to{to},
        waited_for_{!done},
        done_{std::move(done)},
        on_items_{std::move(on_items)} {}

  const operation asked;
  const std::shared_ptr<const session_gate> session;
  const steady_clock::time_point deadline;
  const destination to;

  // For the dispatcher, under its lock.
  std::uint32_t home = 0;        ///< the interpreter it is counted at, waiting
  std::uint32_t interpreter = 0; ///< that was given it; 0: none was
  std::uint32_t executor = 0;    ///< of that one, which is its session's
  std::uint32_t lost = 0; ///< incarnations that had it, unstarted, and died

  std::shared_ptr<message> prepared; ///< its encoded request
  /// For the host that has it, which may change it.
  std::atomic<std::uint64_t> id = 0;
  bool inside = false; ///< a callback made it, inside the call it is in
  std::weak_ptr<const exchange> around = {}; ///< that call
  /// Of one nobody waits for: where its own callbacks run, if that is told.
  job_taker called_back_by = {};
  // For who has claimed it, before it is settled.
  std::chrono::nanoseconds ran{}; ///< as far as that is known
  std::size_t reply_bytes = 0;
  std::uint64_t replied = 0; ///< the how-manieth reply of its host is its own

  /// Watches the deadline of one nobody waits for, and its tokens; forgotten
  /// with the answer. Before it is given to anyone; perhaps it is given up here
  /// and now.
  void watch(const std::shared_ptr<timers>& clock, const giving_up& late);

  /// Who is told of its answer before all others; before it is given to anyone.
  /// It must not throw.
  using end_listener =
    std::function<void(const exchange&, const result<value>&)>;
  void tell_end(end_listener listener) { on_end_ = std::move(listener); }

  /// It is that call, or was made by callbacks inside it.
  bool is_within(const exchange& outer) const {
    if (this == &outer)
      return true;
    const auto next = around.lock();
    return next && next->is_within(outer);
  }
  bool waited_for() const { return waited_for_; }

  /// Where it is put in; for `help` and `hurry`.
  std::weak_ptr<dispatcher> through = {};
  /// Of one nobody waits for: its answer is brought in when somebody asks for
  /// it (`dispatcher::help`), or soon. Until `hurry`, by who goes on with it.
  std::atomic<bool> may_be_late = false;
  /// For the host that has it, which counts those.
  bool counted_as_prompt = false;
  bool takes_items() const { return static_cast<bool>(on_items_); }
  /// Passes them on; false for more than were asked for. One thread at a time.
  bool deliver(std::vector<value> items) {
    if (items.empty())
      return true;
    delivered_ += items.size();
    if (!on_items_ || delivered_ > asked.batch.items)
      return false;
    on_items_(std::move(items));
    return true;
  }
  bool answered() const { return answered_.load(std::memory_order_acquire); }

  /// Answers it; false if somebody had already.
  bool answer(result<value> outcome);
  /// Takes the right to answer without an answer yet: true for the first.
  bool claim() { return !answered_.exchange(true); }
  /// The second half of `answer`, for who has claimed.
  void settle(result<value> outcome);

  enum class news { answered, lead, called_back, deadline };
  /// Waits for the answer, or to be appointed to read the host's channel, or
  /// for the deadline on that clock. Only for the one thread that waits for it.
  news wait(timers& clock);
  /// The same for a thread that waits beside its completion, which may have run
  /// when this says `answered`; at most until then.
  news wait_beside(timers& clock, steady_clock::time_point until);
  /// Such a thread does something else until it is answered, or `call_helper`
  /// is called, by whoever else answers it. Null: it does not any more.
  void helps(std::function<void()> call_helper);
  /// Asks the waiting thread to lead; true if it will hear of it.
  bool appoint();
  /// Gives the waiting thread something to do; false: none waits, or not any
  /// more.
  bool call_back(std::function<void()> job);
  bool is_called_back() const {
    return called_back_.load(std::memory_order_acquire);
  }
  /// Does what it was given, in order; false: it was nothing.
  bool do_job();
  /// The answer: waits for who has claimed it and is about to settle.
  result<value> take();

private:
  std::atomic<bool> answered_{false};
  std::shared_ptr<timers> clock_; // where its deadline is set
  timer_token timer_;
  std::optional<std::stop_callback<giving_up>> on_cancel_, on_client_end_;
  const bool waited_for_ = true;
  completion done_;
  end_listener on_end_;
  const items_listener on_items_;
  std::size_t delivered_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<result<value>> outcome_;
  bool appointed_ = false;
  bool has_beside_ = false; // a thread waits beside
  std::function<void()> call_helper_;
  std::thread::id helper_;
  bool completed_ = false;
  std::atomic<bool> called_back_ = false;
  std::vector<std::function<void()>> jobs_; // in order
  bool at_job_ = false;
};

} // namespace snakebridge
