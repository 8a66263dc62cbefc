#pragma once
// One worker process: started with its descriptors, watched by a pidfd, killed
// as a group, always reaped. Owned by a worker_host and used on its thread;
// only `kill` and the shared memory may be used from others.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/resource.h>

#include <snakebridge/result.hpp>

#include "runtime/base/descriptor.hpp"
#include "runtime/wire/status_page.hpp"

namespace snakebridge {

/// The program to run as a worker: `wanted` if not empty, else the one beside
/// this library or program. Errors: startup_failed, naming where it looked.
result<std::filesystem::path> find_worker(const std::filesystem::path& wanted);

/// How a process ended, as far as the system tells.
struct process_end {
  std::optional<int> exit_status;
  std::string signal; ///< "SIGKILL"
  std::string stacks; ///< of its Python threads, when it wrote them
  rusage used{};
};

class worker_process {
public:
  /// `environment`: all of it, "NAME=value" each. `folder`: to work in; -1:
  /// ours. It lives on when this thread ends: its control socket, or the end of
  /// this process, tells it when nobody is left. Errors: startup_failed;
  /// overloaded where the system has no descriptor, process or memory left for
  /// it now.
  static result<worker_process> start(const std::filesystem::path& program,
                                      std::vector<std::string> environment,
                                      int folder = -1);

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

  /// Lives as long as this.
  shared_memory& shared() { return *shared_; }
  const status_page& status() const { return shared_->status; }
  /// Nobody wants that call any more: unless it has started, it never will.
  void withdraw(std::uint64_t call) {
    shared_->status.withdrawal(call).store(call);
  }
  bool is_withdrawn(std::uint64_t call) const {
    return shared_->status.withdrawal(call).load() == call;
  }
  /// The stacks it has written since it was last asked, at most
  /// limits::stacks_bytes_max of them.
  std::string take_stacks();
  descriptor data;
  descriptor control;
  descriptor output;
  descriptor errors;

private:
  worker_process() = default;

  int pid_ = 0;
  bool reaped_ = false;
  descriptor pidfd_;
  descriptor stacks_;
  shared_memory* shared_ = nullptr;
};

} // namespace snakebridge
