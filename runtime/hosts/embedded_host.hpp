#pragma once
// A host whose Python runs in this process: for trusted code and the lowest
// latency. A waiting thread executes its own call; calls nobody waits for run
// on the host's own thread. Calls run one at a time, and threads get their
// turn as a turnstile gives it; what awaits something is on the event loop
// meanwhile, and has no turn. What Python does cannot be undone here: a call
// that is late or cancelled is interrupted, but waited for, and a crash is a
// crash of the program. Killed in a call it is abandoned: it says `on_end` at
// once, and the call answers when it comes back. A new incarnation is a new
// object table.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>

#include <snakebridge/config.hpp>

#include "runtime/base/live_threads.hpp"
#include "runtime/base/spinner.hpp"
#include "runtime/calls/interpreter_events.hpp"
#include "runtime/calls/interpreter_host.hpp"
#include "runtime/hosts/start_place.hpp"
#include "runtime/hosts/turnstile.hpp"
#include "runtime/wire/status_page.hpp"

namespace snakebridge {

class callback_caller;
struct [[gnu::visibility("hidden")]] performed;

struct embedded_settings {
  std::filesystem::path python; ///< as in pool_config, and so are the others
  std::size_t queue_max = 0;    ///< threads that may wait for their turn
  std::vector<std::filesystem::path> path;
  std::vector<std::string> preload;
  std::string on_start;
  conversion_config conversion;
  helper_rules helpers;
  std::chrono::milliseconds start_timeout{};
  std::chrono::milliseconds cancel_grace{};
  std::chrono::milliseconds stall_report{};
  std::chrono::milliseconds stop_timeout{};
  std::shared_ptr<const start_place> began; ///< null: here and now
  event_listener on_event;
};

// Hidden, because Python's types inside it are.
class [[gnu::visibility("hidden")]] embedded_host final
    : public interpreter_host,
      public std::enable_shared_from_this<embedded_host> {
public:
  embedded_host(incarnation self, embedded_settings settings,
                std::shared_ptr<live_threads> threads);
  ~embedded_host() override;

  void start(host_events events) override;
  void stop() override;
  void kill(std::string reason) override;
  bool runs_in_caller() const override {
    return true;
  }
  std::optional<result<value>> run(
    const operation& asked, const session_gate& session,
    steady_clock::time_point deadline, const callers_side& by) override;
  bool accept(const exchange_ptr& taken) override;
  void flush() override;
  exchange::news wait_for(exchange & mine, timers & clock) override;
  call_stage abandon(exchange & given_up) override;
  void withdraw(std::uint64_t session) override;
  void release(std::uint64_t session, std::size_t) override;
  std::size_t running() const override {
    return running_;
  }
  bool has_ended() const override {
    return stopping_;
  }
  host_stats stats() const override;

private:
  struct python_side; // the object table: Python's types stay in the .cpp
  class callbacks;
  class call_in_turn;
  class awaited_call;

  /// Somebody's time with Python. Numbers ascend.
  struct turn {
    std::uint64_t number = 0;
    const operation* asked = nullptr; ///< null: none, objects are let go
    const session_gate* session = nullptr;
    exchange_ptr accepted = {}; ///< null: the call of the thread itself
    steady_clock::time_point began = {};
    steady_clock::time_point deadline = {};
  };

  result<std::filesystem::path> find_python();
  result<void> start_python_side();
  result<void> run_on_start(steady_clock::time_point until);
  std::shared_ptr<callback_caller> callbacks_of_python();
  void serve();
  void serve_accepted();
  void begin_own_turn(std::unique_lock<std::mutex> & lock);
  void run_own_turn(std::unique_lock<std::mutex> & lock);
  void await_work(std::unique_lock<std::mutex> & lock);
  void let_go(const std::vector<std::uint64_t>& sessions);
  std::optional<result<turn>> take_turn(
    const operation& asked, const session_gate& session,
    steady_clock::time_point deadline, steady_clock::time_point now);
  void know(const session_gate& session);
  void end_turn();
  void tell_end(error why);
  void withdraw_turn();
  void withdraw_await(std::uint64_t number);
  void withdraw_start();
  void tell_stalled(std::uint64_t number, steady_clock::time_point since,
                    std::string stacks);
  void tell_loop_stalled(std::uint64_t call, steady_clock::time_point since,
                         std::string stacks);
  void tell_stalled(interpreter_event told, steady_clock::time_point since,
                    std::string stacks) const;
  std::optional<result<value>> execute(
    const operation& asked, const session_gate& session, const turn& mine,
    const exchange_maker& later);
  void tell_held(const session_gate& session, const performed& done);
  void end_awaits(const error& why);
  void forget_awaits(const error& why);
  /// What this thread is inside of; null: nothing.
  struct whereabouts {
    const embedded_host* host = nullptr;
    const turn* in = nullptr;
  };
  static whereabouts& here();

  const incarnation self_;
  const embedded_settings settings_;
  const std::shared_ptr<live_threads> threads_;
  host_events events_;
  std::shared_ptr<python_side> python_side_; // with the GIL
  object_counts counts_;

  mutable std::mutex mutex_;
  std::condition_variable work_; // for the own thread
  turnstile turns_;
  turn turn_; // of whoever is inside
  std::uint64_t last_turn_ = 0;
  std::uint64_t starting_ = 0; // the number of on_start, while it runs
  std::atomic<bool> stopping_ = false;
  bool asked_to_stop_ = false;
  bool ready_ = false;
  bool end_told_ = false;
  std::string kill_reason_;
  std::uint64_t last_accepted_ = 0; // the id of a call
  std::deque<exchange_ptr> accepted_;
  // Those, and the one that runs, until it is answered.
  std::atomic<std::size_t> running_ = 0;
  std::vector<std::uint64_t> to_release_;
  std::unordered_map<std::uint64_t, exchange_ptr> awaiting_; // by its number
  std::condition_variable await_ended_;
  std::vector<std::uint64_t> forgotten_; // calls that did not end in time
  // Of sessions that have had calls here.
  std::uint64_t last_session_ = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<session_callbacks>>
    callbacks_;
  // Of an object, the next.
  steady_clock::time_point expiry_ = steady_clock::time_point::max();

  std::atomic<bool> offered_ = false; // there may be something to do
  spinner own_thread_looks_;
};

} // namespace snakebridge
