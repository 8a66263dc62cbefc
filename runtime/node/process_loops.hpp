#pragma once
// The loops of all nodes of this process. They end before the process does: a
// loop that ran on would use objects of KJ and OpenSSL that are static, and
// destroyed at its end. A bridge that nobody destroys before, as where a
// program calls `exit`, is the reason.

#include <memory>
#include <mutex>
#include <set>

namespace snakebridge {

class loop_jobs;

class process_loops {
public:
  /// Of a child after a fork: none, as it has no thread of them.
  static process_loops& all();

  /// For what changes the process for a moment: one loop at a time.
  [[nodiscard]] std::unique_lock<std::mutex> lock() {
    return std::unique_lock{mutex_};
  }

  void add(std::shared_ptr<loop_jobs> of);
  void remove(const std::shared_ptr<loop_jobs>& of);

private:
  process_loops();
  void end();

  std::mutex mutex_;
  std::set<std::shared_ptr<loop_jobs>> running_;
};

} // namespace snakebridge
