#pragma once
// A host whose Python is a process of its own. One thread per host starts the
// process, watches it and outlives it: that thread owns the host object, reads
// the output, and reads replies to calls nobody waits for. Replies to waiting
// threads are read by one of those threads itself, the leader, so that a call
// takes just two switches; when the leader has its answer it appoints another.

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include <snakebridge/config.hpp>

#include "runtime/channel.hpp"
#include "runtime/interpreter_host.hpp"
#include "runtime/live_threads.hpp"
#include "runtime/output_lines.hpp"
#include "runtime/worker_process.hpp"

namespace snakebridge {

struct worker_settings {
  std::filesystem::path program;                  ///< empty: found beside us
  std::filesystem::path python;                   ///< as in pool_config
  std::map<std::string, std::string> environment; ///< as in pool_config
  std::vector<std::string> pass_env;
  worker_limits limits;
  std::size_t payload_bytes_max = 0;
  conversion_config conversion;
  std::chrono::milliseconds start_timeout{};
  std::chrono::milliseconds cancel_grace{};
  std::chrono::milliseconds stop_timeout{};
  std::function<void(const log_line&)> on_output;
};

class worker_host final : public interpreter_host,
                          public std::enable_shared_from_this<worker_host> {
public:
  worker_host(incarnation self, worker_settings settings,
              std::shared_ptr<live_threads> threads);

  void start(host_events events) override;
  void stop() override;
  void kill(std::string reason) override;
  result<void> prepare(call& made) override;
  bool accept(const call_ptr& taken, bool assisted) override;
  void assist(const call& mine) override;
  void lead(call& mine) override;
  bool abandon(call& given_up) override;
  void release(std::uint64_t session) override;
  host_stats stats() const override;

private:
  using time_point = steady_clock::time_point;

  // On the host's own thread.
  void serve();
  std::optional<error> launch();
  void watch();
  bool watch_once();
  void read_control();
  void read_output();
  log_line line_of_running_call() const;
  void take_line(log_line line, std::string_view text, bool is_error);
  void finish_handed_off();
  void check_times();
  void end(std::optional<error> failed_start, process_end how);
  error death(const process_end& how, const call* running) const;
  std::optional<time_point> next_time() const;

  /// Who reads, and so what they do with replies to calls nobody waits for.
  enum class reader { own_thread, leader, assistant };

  // On any thread.
  channel_state read_replies(reader who);
  void deliver(frame reply, reader who);
  void finish(const call_ptr& replied, const frame& reply);
  void end_of_lead();
  void ensure_reader();
  void ensure_reader_locked();
  void channel_lost(channel_state how);
  void let_own_thread_read();
  void wake() const;
  static void drain(const descriptor& event);

  const incarnation self_;
  const worker_settings settings_;
  const std::shared_ptr<live_threads> threads_;
  const descriptor wake_;        // the own thread
  const descriptor wake_leader_; // the leader

  host_events events_;
  std::optional<worker_process> process_; // its thread's, see its header
  std::unique_ptr<channel> control_;      // own thread only
  std::unique_ptr<channel> data_;         // set once, before `open_`
  std::mutex reading_;                    // of data_

  mutable std::mutex mutex_;
  bool open_ = false;  // ready, and calls are accepted
  bool ended_ = false; // the process is gone
  bool ready_ = false; // it once was
  bool leader_ = false;
  bool own_thread_reads_ = false;
  bool asked_to_stop_ = false;
  std::optional<time_point> start_by_, stop_by_, back_by_, ended_by_;
  std::uint64_t late_call_ = 0; // the call that must be back by back_by_
  std::string kill_reason_;
  std::optional<error> start_error_;
  std::uint64_t last_call_ = 0;
  std::size_t unwaited_ = 0; // calls in handed_over_ that nobody waits for
  std::map<std::uint64_t, call_ptr> handed_over_;
  std::vector<std::pair<call_ptr, frame>> handed_off_; // for own thread

  bool control_lost_ = false;
  output_lines output_, errors_;
  std::vector<std::string> last_lines_;
};

} // namespace snakebridge
