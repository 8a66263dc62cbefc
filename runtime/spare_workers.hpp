#pragma once
// Workers of one pool that were started ahead: they have their orders and are
// ready, or soon will be, for whichever interpreter needs one next. Owned by
// the pool; filled up by the threads of its hosts. Any thread.

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "runtime/channel.hpp"
#include "runtime/worker_process.hpp"

namespace snakebridge {

/// A worker that was given its orders. What it answers lies in `control`.
struct launched_worker {
  launched_worker(worker_process started, std::unique_ptr<channel> to_it)
      : process{std::move(started)},
        control{std::move(to_it)} {}

  worker_process process;
  std::unique_ptr<channel> control;
};

class spare_workers {
public:
  using worker = std::unique_ptr<launched_worker>;

  explicit spare_workers(std::size_t wanted) : wanted_{wanted} {}
  spare_workers(const spare_workers&) = delete;
  spare_workers& operator=(const spare_workers&) = delete;

  /// One that is ready, else the oldest that lives; null when there is none.
  worker take();
  /// Collects those that died, and starts those that are missing. Stops at the
  /// first that cannot be started: who needs one will hear why.
  void refill(const std::function<result<worker>()>& launch);
  /// Those that are ready.
  std::size_t ready();
  /// Ends them all; none are started until `reopen`.
  void close();
  void reopen();

private:
  static bool is_alive(const worker& which);
  static bool is_ready(const worker& which);
  void collect();

  const std::size_t wanted_;
  std::mutex mutex_;
  std::deque<worker> living_; // when last looked at
  std::size_t starting_ = 0;
  bool closed_ = false;
};

} // namespace snakebridge
