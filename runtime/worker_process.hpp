#pragma once
// One worker process: started with its descriptors, watched by a pidfd, killed
// as a group, always reaped. Owned by a worker_host and used on its thread,
// which is the one whose end would end the process (PR_SET_PDEATHSIG); only
// `kill` and the status page may be used from others.

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include <snakebridge/error.hpp>

#include "runtime/descriptor.hpp"
#include "runtime/status_page.hpp"

namespace snakebridge {

/// Where the worker finds its descriptors; 1 and 2 are the output pipes.
namespace worker_descriptor {
inline constexpr int data = 3;
inline constexpr int control = 4;
inline constexpr int status = 5;
inline constexpr int faults = 6; ///< only in builds with fault points
} // namespace worker_descriptor

/// The program to run as a worker: `wanted` if not empty, else the one beside
/// this library or program. Errors: startup_failed, naming where it looked.
result<std::filesystem::path> find_worker(const std::filesystem::path& wanted);

/// How a process ended, as far as the system tells.
struct process_end {
  std::optional<int> exit_status;
  std::string signal; ///< "SIGKILL"
};

class worker_process {
public:
  /// Errors: startup_failed.
  static result<worker_process>
  start(const std::filesystem::path& program,
        const std::map<std::string, std::string>& environment);

  worker_process(worker_process&& other) noexcept;
  worker_process& operator=(worker_process&&) = delete;
  /// Kills and reaps what has not been reaped.
  ~worker_process();

  int pid() const { return pid_; }
  /// Readable when the process has ended.
  int watch() const { return pidfd_.get(); }
  /// SIGKILL to it and all of its group.
  void kill();
  /// Once `watch` is readable: collects it and kills what is left of its group.
  process_end reap();

  const status_page& status() const { return *page_; }
  descriptor data;
  descriptor control;
  descriptor output;
  descriptor errors;

private:
  worker_process() = default;

  int pid_ = 0;
  bool reaped_ = false;
  descriptor pidfd_;
  status_page* page_ = nullptr;
};

} // namespace snakebridge
