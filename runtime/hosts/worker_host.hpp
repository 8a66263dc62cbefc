#pragma once
// A host whose Python is a process of its own. One thread per host starts the
// process, watches it and outlives it: that thread owns the host object, reads
// the output, and reads replies to calls nobody waits for. Replies to waiting
// threads are read by one of those threads itself, the leader, so that a call
// takes just two switches; when the leader has its answer it appoints another.

#include <atomic>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include <snakebridge/config.hpp>

#include "runtime/base/live_threads.hpp"
#include "runtime/calls/interpreter_events.hpp"
#include "runtime/calls/interpreter_host.hpp"
#include "runtime/hosts/cancel_ladder.hpp"
#include "runtime/hosts/output_lines.hpp"
#include "runtime/hosts/spare_workers.hpp"
#include "runtime/hosts/start_place.hpp"
#include "runtime/hosts/vital_signs.hpp"
#include "runtime/hosts/worker_process.hpp"
#include "runtime/wire/channel.hpp"

namespace snakebridge {

/// Also what a pool's spare workers are started with.
struct worker_settings {
  std::filesystem::path program;                  ///< empty: found beside us
  std::filesystem::path python;                   ///< as in pool_config
  std::map<std::string, std::string> environment; ///< as in pool_config
  std::vector<std::string> pass_env;
  std::vector<std::filesystem::path> path;
  std::vector<std::string> preload;
  worker_limits limits;
  std::size_t payload_bytes_max = 0;
  conversion_config conversion;
  std::chrono::milliseconds start_timeout{};
  std::chrono::milliseconds cancel_grace{};
  std::chrono::milliseconds kill_grace{};
  std::chrono::milliseconds heartbeat_limit{};
  std::chrono::milliseconds stall_report{};
  std::chrono::milliseconds stall_kill{};
  std::chrono::milliseconds stop_timeout{};
  std::shared_ptr<const start_place> began; ///< null: here and now
  std::function<void(const log_line&)> on_output;
  event_listener on_event;
  std::shared_ptr<spare_workers> spares; ///< null: there are none
  std::filesystem::path root = "/";      ///< of the system's files
};

/// Starts a worker and gives it its orders. Errors: startup_failed,
/// environment_invalid.
result<spare_workers::worker> launch_worker(const worker_settings& settings,
                                            bool spare);

class worker_host final : public interpreter_host,
                          public std::enable_shared_from_this<worker_host> {
public:
  worker_host(incarnation self, worker_settings settings,
              std::shared_ptr<live_threads> threads);

  void start(host_events events) override;
  void stop() override;
  void kill(std::string reason) override;
  bool accept(const exchange_ptr& taken) override;
  void flush() override;
  exchange::news wait_for(exchange& mine, timers& clock) override;
  call_stage abandon(exchange& given_up) override;
  void withdraw(std::uint64_t session) override;
  void release(std::uint64_t session) override;
  std::size_t running() const override { return running_; }
  bool has_ended() const override { return !open_; }
  host_stats stats() const override;
  std::uint64_t resident_bytes() const override;

private:
  using time_point = steady_clock::time_point;

  // On the host's own thread.
  void serve();
  std::optional<error> launch();
  result<spare_workers::worker> launch_in_time();
  bool has_events();
  bool is_serving() const;
  void watch();
  bool watch_once();
  void read_control();
  struct stream;
  void read_output(stream& from);
  void finish_output(stream& of);
  void finish_output_of_ended_calls();
  std::uint64_t tag_with_running_call(log_line& line) const;
  void take_line(log_line& line, std::string_view text, line_end end);
  void finish_handed_off();
  void check_times();
  std::string overdue(time_point now) const;
  void stacks_written();
  void end(std::optional<error> failed_start, process_end how);
  error death(const process_end& how, const exchange* running) const;
  interpreter_event event_of_call(event_kind what,
                                  const exchange* running) const;
  void tell_stalled();
  void tell_ended(const error& why, const exchange* running) const;
  std::optional<time_point> next_time() const;

  /// Who reads, and so what they do with replies to calls nobody waits for.
  enum class reader { own_thread, leader };

  // On any thread.
  bool spin();
  channel_state read_replies(reader who);
  exchange_ptr take_back(frame& reply, reader who);
  void finish(const exchange_ptr& replied, const frame& reply);
  void let_go(const session_gate& session, const result<value>& untaken);
  bool begin_to_lead(const exchange& mine);
  void lead(const exchange& mine);
  void end_of_lead();
  void ensure_reader();
  void ensure_reader_locked();
  void channel_lost(channel_state how);
  void let_own_thread_read();
  void wake() const;

  // With the lock held: how a call is ended.
  call_stage withdraw_call(std::uint64_t call);
  void expect_back();
  void hurry(time_point now);
  void look(time_point now);
  vital_signs::sight look_at_worker() const;
  void condemn(std::uint64_t call, std::string reason);
  void is_back(std::uint64_t call);
  void say(frame_kind what, std::uint64_t call);
  void post_release(std::shared_ptr<message> released);
  static descriptor make_event();
  static void drain(const descriptor& event);

  const incarnation self_;
  const worker_settings settings_;
  const std::shared_ptr<live_threads> threads_;
  // Events. They may be missing until there is a process.
  descriptor wake_;        // the own thread
  descriptor wake_leader_; // the leader

  host_events events_;
  std::optional<worker_process> process_; // its thread's, see its header
  std::unique_ptr<channel> control_;      // own thread only
  std::unique_ptr<channel> data_;         // set once, before `open_`
  std::mutex reading_;                    // of data_

  mutable std::mutex mutex_;
  std::atomic<bool> open_ = false; // ready, and calls are accepted
  bool ended_ = false; // the process is gone
  bool ready_ = false; // it once was
  bool leader_ = false;
  bool own_thread_reads_ = false;
  bool wakes_ = false; // the own thread, with the next flush
  bool asked_to_stop_ = false;
  std::optional<time_point> start_by_, stop_by_, ended_by_;
  std::optional<late_call> late_;
  time_point hurry_at_; // when its next step is due
  // Why it will be killed, once it has written its stacks.
  struct verdict {
    std::uint64_t call; // unless that comes back before
    std::string reason;
    time_point by;
  };
  std::optional<verdict> verdict_;
  vital_signs signs_;
  std::optional<time_point> report_by_; // the stacks are on their way
  std::string kill_reason_;
  // What is said of one that is slow to die as well, whatever it dies of.
  static constexpr std::string_view lived_on =
    "it closed its channel and lived on";
  std::optional<error> start_error_;
  std::uint64_t last_call_ = 0;
  std::size_t unwaited_ = 0; // calls in handed_over_ that nobody waits for
  std::map<std::uint64_t, exchange_ptr> handed_over_;
  // Those, and what was taken out and is not at its end yet: replies that are
  // being read, and calls that are about to run elsewhere.
  std::atomic<std::size_t> running_ = 0;
  std::vector<std::pair<exchange_ptr, frame>> handed_off_; // for own thread

  time_point refill_at_; // own thread only
  bool control_lost_ = false;
  // What Python prints, which is the own thread's.
  struct stream {
    descriptor* pipe = nullptr; // null: the process is not there
    output_lines lines = {};
    log_line line = {};     // as the last that came, but for its text
    std::uint64_t call = 0; // which it belongs to; 0: none
  };
  stream output_, errors_;
  // One of them has text that waits for the end of its line, or of its call.
  std::atomic<bool> has_rest_ = false;
  std::deque<std::string> last_lines_;
  std::uint64_t memory_kills_before_ = 0;
};

} // namespace snakebridge
