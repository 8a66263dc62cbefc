#pragma once
// A host whose Python is a process of its own. One thread per host starts the
// process, watches it and outlives it: that thread owns the host object, reads
// the output, and reads replies to calls nobody waits for. The calls are the
// link's, what a late or silent worker gets next is the care's.

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include <snakebridge/config.hpp>

#include "runtime/base/live_threads.hpp"
#include "runtime/calls/interpreter_events.hpp"
#include "runtime/calls/interpreter_host.hpp"
#include "runtime/hosts/spare_workers.hpp"
#include "runtime/hosts/start_place.hpp"
#include "runtime/hosts/worker_care.hpp"
#include "runtime/hosts/worker_link.hpp"
#include "runtime/hosts/worker_output.hpp"
#include "runtime/hosts/worker_process.hpp"

namespace snakebridge {

/// Also what a pool's spare workers are started with.
struct worker_settings {
  std::filesystem::path program;                  ///< empty: found beside us
  std::filesystem::path python;                   ///< as in pool_config
  std::map<std::string, std::string> environment; ///< as in pool_config
  std::vector<std::string> pass_env;
  std::vector<std::filesystem::path> path;
  std::vector<std::string> preload;
  std::string on_start;
  worker_limits limits;
  std::uint32_t threads = 1; ///< as in pool_config
  std::size_t payload_bytes_max = 0;
  conversion_config conversion;
  helper_rules helpers;
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
  bool times_calls = false;              ///< somebody listens to calls
  std::shared_ptr<spare_workers> spares; ///< null: there are none
  std::filesystem::path root = "/";      ///< of the system's files
};

/// Starts a worker and gives it its orders. Errors: startup_failed,
/// environment_invalid; overloaded where the system lacks something for it now.
result<spare_workers::worker> launch_worker(const worker_settings& settings);

class worker_host final : public interpreter_host,
                          public worker_link::owner,
                          public std::enable_shared_from_this<worker_host> {
public:
  worker_host(incarnation self, worker_settings settings,
              std::shared_ptr<live_threads> threads);

  void start(host_events events) override;
  void stop() override;
  void kill(std::string reason) override;
  bool accept(const exchange_ptr& taken) override {
    return link_.accept(taken);
  }
  bool accept_inside(const exchange_ptr& taken) override {
    return link_.accept_inside(taken);
  }
  void flush() override { link_.flush(); }
  exchange::news wait_for(exchange& mine, timers& clock) override {
    return link_.wait_for(mine, clock);
  }
  void help(exchange& mine, timers& clock,
            steady_clock::time_point until) override {
    link_.help(mine, clock, until);
  }
  void hurry(exchange& told) override { link_.hurry(told); }
  call_stage abandon(exchange& given_up) override {
    return link_.abandon(given_up);
  }
  void withdraw(std::uint64_t session) override { link_.withdraw(session); }
  void release(std::uint64_t session, std::size_t executor) override {
    link_.release(session, executor);
  }
  std::size_t running() const override { return link_.running(); }
  std::size_t running(std::size_t executor) const override {
    return link_.running(executor);
  }
  bool has_ended() const override { return !link_.is_open(); }
  host_stats stats() const override;
  std::uint64_t resident_bytes() const override;

private:
  using time_point = steady_clock::time_point;

  // On the host's own thread.
  void serve();
  std::optional<error> launch();
  result<spare_workers::worker> launch_in_time();
  bool make_missing_events();
  bool watch();
  void read_control();
  std::uint64_t tag(log_line& line) const;
  void look(time_point now);
  void look_after_worker(time_point now);
  bool kill_for(std::string reason);
  void act_on(const std::vector<worker_care::step>& due);
  std::string overdue(time_point now);
  std::optional<time_point> next_time() const;
  void say(frame_kind what, std::uint64_t call);
  void tell_stalled(std::uint64_t call);
  void end(std::optional<error> failed_start, process_end how);
  exchange_ptr culprit(const process_end& how,
                       const std::vector<exchange_ptr>& ran) const;
  error death(const process_end& how, const exchange* running,
              const std::vector<exchange_ptr>& ran) const;
  interpreter_event event_of_call(event_kind what,
                                  const exchange* running) const;

  // Of the link, on any thread.
  void wake() override;
  void on_room() override { events_.on_room(); }
  void on_channel_end() override;
  std::shared_ptr<interpreter_host> self() override {
    return shared_from_this();
  }

  const incarnation self_;
  const worker_settings settings_;
  const std::shared_ptr<live_threads> threads_;
  descriptor wake_; // the own thread's event; it may be missing at first
  host_events events_;
  worker_link link_;

  mutable std::mutex mutex_;
  std::optional<worker_process> process_; // its thread's, see its header
  bool ended_ = false;                    // the process is gone
  bool ready_ = false;                    // it once was
  bool asked_to_stop_ = false;
  std::optional<time_point> start_by_, stop_by_, ended_by_;
  std::string kill_reason_;

  // The own thread's.
  std::unique_ptr<channel> control_;
  bool control_lost_ = false;
  worker_output output_;
  worker_care care_;
  std::vector<executor_sight> seen_;
  std::uint64_t killed_in_ = 0; // the call it was killed for; 0: none
  std::optional<error> start_error_;
  time_point refill_at_;
  std::uint64_t memory_kills_before_ = 0;
  // What is said of one that is slow to die as well, whatever it dies of.
  static constexpr std::string_view lived_on =
    "it closed its channel and lived on";
};

} // namespace snakebridge
