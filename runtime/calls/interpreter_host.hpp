#pragma once
// The seam between who decides (actors) and where Python runs. A host executes
// Python for one incarnation of one interpreter: in a worker process, in this
// process, or, in tests, nowhere. An interpreter actor owns it; a dispatcher
// feeds it. All functions may be called from any thread and none blocks, but
// for `run`, `wait_for` and `help`, which are there to block their caller.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/calls/exchange.hpp"
#include "runtime/values/origin.hpp"

namespace snakebridge {

/// How an incarnation ended.
struct host_end {
  error why;
  bool asked = false;                  ///< by `stop`: an orderly end
  std::vector<exchange_ptr> unstarted; ///< to run elsewhere, in order
};

/// How a host tells its owner, from any thread and without a lock of its own.
/// `on_ready` at most once, then `on_room` whenever it has answered calls,
/// `on_end` once and last: calls that had started are answered by then.
struct host_events {
  std::function<void()> on_ready;
  std::function<void()> on_room;
  std::function<void(host_end)> on_end;
};

struct host_stats {
  int pid = 0;
  std::size_t running = 0; ///< as `running` says
  std::uint64_t live_objects = 0;
  std::uint64_t pruned = 0;
  std::uint64_t expired = 0;
};

class interpreter_host {
public:
  virtual ~interpreter_host() = default;

  /// Begins to start; says `on_ready` or `on_end`.
  virtual void start(host_events events) = 0;
  /// Begins to end in order: what runs may finish, within the stop timeout.
  virtual void stop() = 0;

  /// Ends at once, whatever runs. Says `on_end` with the reason.
  virtual void kill(std::string reason) = 0;

  /// True where a waiting thread executes its own call.
  virtual bool runs_in_caller() const { return false; }
  /// For a call on its caller's thread that awaits something: what is to be
  /// answered in its place. Asked for at most once.
  using exchange_maker = std::function<exchange_ptr()>;
  /// What such a call and its caller tell each other.
  struct callers_side {
    const exchange_maker& later;
    steady_clock::time_point now;        ///< as the caller has just read it
    steady_clock::time_point& ran_since; ///< when it had its turn
  };
  /// Executes the call on this thread, where `runs_in_caller`. Nothing: the
  /// host has ended before the call could start. Where it has asked for
  /// `later`, that is answered instead.
  virtual std::optional<result<value>> run(const operation& asked,
                                           const session_gate& session,
                                           steady_clock::time_point deadline,
                                           const callers_side& by);

  /// Takes the call if it can start soon; else false, and `on_room` follows.
  /// The dispatcher calls it with its lock held, so calls arrive in order: it
  /// takes constant time, and sends nothing.
  virtual bool accept(const exchange_ptr& taken) = 0;
  /// The same of one that a callback makes, inside the call of that executor
  /// which waits for it. False: it takes no more of them.
  virtual bool accept_inside(const exchange_ptr&) { return false; }
  /// Sends what was accepted, and what `release` left.
  virtual void flush() {}
  /// Waits for an exchange that this host was given, on the thread that waits
  /// for it, which may bring in answers meanwhile.
  virtual exchange::news wait_for(exchange& mine, timers& clock) {
    return mine.wait(clock);
  }
  /// A thread waits beside the completion of one: it may bring in answers until
  /// that is answered, or until then, and may come back at once.
  virtual void help(exchange& /* mine */, timers& /* clock */,
                    steady_clock::time_point /* until */) {}
  /// It may not be late any more.
  virtual void hurry(exchange& /* told */) {}
  /// The caller of a call that was submitted has given up: answers how far it
  /// has come, sees to it that it does not start any more, and if it runs that
  /// it ends, in stages.
  virtual call_stage abandon(exchange& given_up) = 0;
  /// The same for all accepted calls of a session, which has ended.
  virtual void withdraw(std::uint64_t session) = 0;
  /// Frees all objects of a session, and those its accepted calls still make,
  /// which that executor runs; `flush` sends that.
  virtual void release(std::uint64_t session, std::size_t executor) = 0;

  /// Accepted calls that are not answered yet.
  virtual std::size_t running() const = 0;
  /// Those of one executor.
  virtual std::size_t running(std::size_t) const { return running(); }
  /// It takes no calls any more: its Python is gone or about to go, though it
  /// has not said so yet.
  virtual bool has_ended() const = 0;
  virtual host_stats stats() const = 0;
  /// Resident memory of its process; 0: it has none of its own.
  virtual std::uint64_t resident_bytes() const { return 0; }
};

} // namespace snakebridge
