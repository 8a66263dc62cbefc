#pragma once
// A host whose Python runs in this process: for trusted code and the lowest
// latency. A waiting thread executes its own call; calls nobody waits for run
// on the host's own thread. Calls run one at a time. What Python does cannot be
// undone here: a call that is late or cancelled is interrupted, but waited for,
// and a crash is a crash of the program. A new incarnation is a new object
// table.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include <snakebridge/config.hpp>

#include "runtime/interpreter_host.hpp"
#include "runtime/live_threads.hpp"
#include "runtime/spinner.hpp"
#include "runtime/status_page.hpp"

namespace snakebridge {

// Hidden, because Python's types inside it are.
class [[gnu::visibility("hidden")]] embedded_host final
    : public interpreter_host,
      public std::enable_shared_from_this<embedded_host> {
public:
  /// `waiting_max`: threads that may wait for their turn. Values are converted
  /// by `rules`. `cancel_grace`: as in pool_config.
  embedded_host(incarnation self, std::filesystem::path python,
                std::size_t waiting_max, std::shared_ptr<live_threads> threads,
                conversion_config rules,
                std::chrono::milliseconds cancel_grace);
  ~embedded_host() override;

  void start(host_events events) override;
  void stop() override;
  void kill(std::string reason) override;
  bool runs_in_caller() const override {
    return true;
  }
  result<value> run(const operation& asked, const session_gate& session,
                    steady_clock::time_point deadline) override;
  bool accept(const call_ptr& taken, bool assisted) override;
  void assist(const call& mine) override;
  call_stage abandon(call & given_up) override;
  void release(std::uint64_t session) override;
  host_stats stats() const override;

private:
  struct python_side; // the object table: Python's types stay in the .cpp

  void serve();
  void serve_accepted();
  void await_work(std::unique_lock<std::mutex> & lock);
  /// Somebody's time with Python. Numbers ascend.
  struct turn {
    std::uint64_t number = 0;
    std::uint64_t session = 0;
    std::uint64_t call = 0; ///< id of the accepted call; 0: the caller's own
    steady_clock::time_point deadline = {};
  };
  result<turn> take_turn(const operation& asked, const session_gate& session,
                         steady_clock::time_point deadline);
  void end_turn();
  void withdraw_turn();
  result<value> execute(const operation& asked, const session_gate& session,
                        const turn& mine);

  const incarnation self_;
  const std::filesystem::path python_;
  const std::size_t waiting_max_;
  const conversion_config rules_;
  const std::chrono::milliseconds cancel_grace_;
  const std::shared_ptr<live_threads> threads_;
  host_events events_;
  std::unique_ptr<python_side> python_side_;
  object_counts counts_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<turn> turn_;
  std::uint64_t last_turn_ = 0;
  std::size_t waiting_ = 0; // threads, for the turn
  bool stopping_ = false;
  bool asked_to_stop_ = false;
  bool ready_ = false;
  std::string kill_reason_;
  std::uint64_t last_accepted_ = 0; // the id of a call
  std::uint64_t last_begun_ = 0;
  bool refused_ = false; // since the last on_room
  std::deque<call_ptr> accepted_;
  std::vector<std::uint64_t> to_release_;
  std::optional<steady_clock::time_point> expiry_; // of an object, the next
  bool expiry_waits_ = false;                      // until the turn is over

  std::atomic<bool> offered_ = false; // there may be something to do
  spinner own_thread_looks_, assistants_look_;
};

} // namespace snakebridge
