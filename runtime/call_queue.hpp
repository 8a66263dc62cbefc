#pragma once
// The calls of one interpreter, across its incarnations. Lanes put calls in;
// the host attached by the interpreter actor takes them out, first come first
// served. While no host is attached calls wait, at most `waiting_max` of them
// and each no longer than its deadline. Shared by the pool, the lanes and the
// interpreter actor; any thread.

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "runtime/interpreter_host.hpp"
#include "runtime/timers.hpp"

namespace snakebridge {

class call_queue : public std::enable_shared_from_this<call_queue> {
public:
  struct facts {
    std::uint32_t epoch = 0;
    bool ready = false;
    std::size_t waiting = 0;
    std::uint64_t calls = 0; ///< taken so far
    std::uint32_t deaths = 0;
    std::optional<error> last_death;
    std::optional<error> closed;
    host_stats host;
  };

  call_queue(std::uint32_t interpreter, std::size_t waiting_max,
             std::shared_ptr<timers> deadlines)
      : interpreter_{interpreter},
        waiting_max_{waiting_max},
        deadlines_{std::move(deadlines)} {}
  call_queue(const call_queue&) = delete;
  call_queue& operator=(const call_queue&) = delete;

  std::uint32_t interpreter() const { return interpreter_; }

  // For lanes. Both refuse with overloaded, session_closed, ref_stale and
  // whatever `close` was given.

  /// Runs a call and waits for its answer, at most until its deadline or until
  /// it is cancelled.
  result<value> run(operation asked,
                    std::shared_ptr<const session_gate> session,
                    steady_clock::time_point deadline, std::uint32_t epoch);
  /// Puts a call in and returns; its completion runs exactly once.
  void submit(const call_ptr& made);
  /// Forgets a session: its waiting calls answer session_closed, its objects
  /// are freed. The session's gate must be closed.
  void release(std::uint64_t session);
  /// Calls here and in the host: for choosing the least busy.
  std::size_t load() const;
  /// A host is there, and has nothing to do.
  bool is_free() const;
  /// An incarnation has died since.
  bool died_since(steady_clock::time_point since) const;
  /// The incarnation that serves calls; 0: none does.
  std::uint32_t serving_epoch() const;

  // For the interpreter actor.

  /// The number of the next incarnation.
  std::uint32_t next_epoch();
  /// Serves calls through `host` from now on.
  void attach(std::shared_ptr<interpreter_host> host);
  /// The host has room.
  void pump();
  /// The host is gone. Its calls that never started wait for the next.
  void detach(const interpreter_host* host, std::uint32_t epoch, host_end end);
  /// Refuses all calls, those that wait too, with `why`; the first reason stays
  /// until `reopen`.
  void close(error why);
  void reopen();

  /// Begins to stop the attached host, if there is one.
  void stop_host();

  /// Waits until a host is attached. Errors: why the last incarnation ended, if
  /// one did; what `close` was given; startup_failed at the deadline.
  result<void> wait_ready(steady_clock::time_point deadline);

  facts look() const;

private:
  using refusals = std::vector<std::pair<call_ptr, error>>;

  std::optional<error> refusal(const session_gate& session,
                               std::uint32_t epoch) const;
  /// Why a call that fails fast cannot run now.
  std::optional<error> busy(const operation& asked) const;
  /// `taken_by`, when not null, gets the host that took it at once, which this
  /// thread must then assist.
  std::optional<error> enqueue(const call_ptr& made,
                               std::shared_ptr<interpreter_host>* taken_by);
  void pump(refusals& refused);
  /// What answers the call with `why` as soon as it is run.
  std::function<void()> giving_up(const call_ptr& watched, errc why);
  result<value> wait(const call_ptr& mine);
  error give_up(const call_ptr& given_up, errc why);
  std::shared_ptr<interpreter_host> host() const;

  const std::uint32_t interpreter_;
  const std::size_t waiting_max_;
  const std::shared_ptr<timers> deadlines_;

  mutable std::mutex mutex_;
  std::condition_variable changed_; // host_, deaths_ or closed_
  std::deque<call_ptr> waiting_;
  std::shared_ptr<interpreter_host> host_;
  std::uint32_t epoch_ = 0;
  std::uint32_t deaths_ = 0;
  std::optional<error> closed_;
  std::optional<error> last_death_;
  steady_clock::time_point last_death_at_ = steady_clock::time_point::min();
  std::uint64_t calls_ = 0;
  // Incarnations up to this one are gone, and with them their objects.
  std::uint32_t ended_epoch_ = 0;
};

} // namespace snakebridge
