#pragma once
// One call on its way: what is asked, for whom, until when, and who is told.
// Shared by the thread that waits for it (or the completion that will be run)
// and the host that serves it. It is answered exactly once, whoever is first.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <snakebridge/operation.hpp>

#include "runtime/base/timers.hpp"
#include "runtime/calls/session_refs.hpp"
#include "runtime/wire/channel.hpp"

namespace snakebridge {

class call_queue;

/// What the runtime knows of a session. Owned by its lane; `closed` never goes
/// back, and after it no call of the session starts.
struct session_gate {
  session_gate(std::uint64_t session_number, std::string session_id,
               const ref_rules& rules = {})
      : number{session_number},
        id{std::move(session_id)},
        refs{rules} {}

  const std::uint64_t number; ///< never used twice in this process
  const std::string id;
  std::atomic<bool> closed{false};
  mutable session_refs refs; ///< hosts write into it
};

/// Runs once, on whatever thread has the answer: it must not block.
using completion = std::function<void(result<value>)>;

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

class call {
public:
  /// A call some thread waits for.
  call(operation asked, std::shared_ptr<const session_gate> session,
       steady_clock::time_point deadline)
      : asked{std::move(asked)},
        session{std::move(session)},
        deadline{deadline} {}
  /// A call whose answer goes to `done`.
  call(operation asked, std::shared_ptr<const session_gate> session,
       steady_clock::time_point deadline, completion done)
      : asked{std::move(asked)},
        session{std::move(session)},
        deadline{deadline},
        waited_for_{false},
        done_{std::move(done)} {}

  operation asked; ///< until it is made again by another interpreter
  const std::shared_ptr<const session_gate> session;
  const steady_clock::time_point deadline;
  /// The incarnation its refs belong to; 0: it has none.
  std::uint32_t epoch = 0;
  /// For another interpreter of the pool that would run it while it waits: its
  /// session comes there, true unless it cannot. Empty: it stays.
  using joiner = std::function<bool(const std::shared_ptr<call_queue>&)>;
  joiner join;
  /// It waited elsewhere before: it is not new.
  bool taken_over = false;

  // For the host that has the call, under the host's own rules.
  std::uint64_t id = 0;
  std::unique_ptr<message> prepared; ///< its encoded request
  /// Incarnations that died while they had it, unstarted.
  std::uint32_t lost = 0;

  /// Watches the deadline of a call nobody waits for; forgotten with the
  /// answer. Set before the call is given to anyone.
  void watch(std::shared_ptr<timers> deadlines, std::function<void()> expired);

  /// Runs `cancelled` once one of its tokens is; perhaps here and now.
  void watch(const std::function<void()>& cancelled);

  bool waited_for() const { return waited_for_; }
  bool answered() const { return answered_.load(std::memory_order_acquire); }
  /// Its answer has gone where it belongs.
  bool settled() const { return settled_.load(std::memory_order_acquire); }

  /// Answers the call; false if somebody had already.
  bool answer(result<value> outcome);
  /// Takes the right to answer without an answer yet: true for the first.
  bool claim() { return !answered_.exchange(true); }
  /// The second half of `answer`, for who has claimed.
  void settle(result<value> outcome);

  enum class news { answered, lead, deadline };
  /// Waits for the answer, or to be appointed to read the host's channel, or
  /// for the deadline. Only for the one thread that waits for the call.
  news wait();
  /// Asks the waiting thread to lead; true if it will hear of it.
  bool appoint();
  /// The answer, once `wait` said so.
  result<value> take() { return std::move(*outcome_); }
  /// Waits for an answer another thread has claimed and is about to settle.
  result<value> await();
  /// It is claimed, and another call made in its place, which `expire` gives up
  /// at the deadline.
  void made_again(std::function<void()> expire);
  /// What `made_again` said, if it was said.
  void expire();

private:
  std::atomic<bool> answered_{false};
  std::atomic<bool> settled_{false};
  std::shared_ptr<timers> deadlines_;
  timer_token timer_;
  using on_stop = std::stop_callback<std::function<void()>>;
  std::optional<on_stop> on_cancel_, on_client_end_;
  const bool waited_for_ = true;
  completion done_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<result<value>> outcome_;
  bool appointed_ = false;
  std::function<void()> expire_;
};

using call_ptr = std::shared_ptr<call>;

} // namespace snakebridge
