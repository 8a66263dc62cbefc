#pragma once
// Workers of one pool that were started ahead: they have their orders and are
// ready, or soon will be, for whichever interpreter needs one next. Owned by
// the pool; filled up by the threads of its hosts. Any thread.

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/hosts/worker_process.hpp"
#include "runtime/wire/channel.hpp"

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
  using time_point = std::chrono::steady_clock::time_point;

  /// `pool`: its name, to warn of.
  spare_workers(std::string pool, std::size_t wanted)
      : pool_{std::move(pool)},
        wanted_{wanted} {}
  spare_workers(const spare_workers&) = delete;
  spare_workers& operator=(const spare_workers&) = delete;

  /// One that is ready, else the oldest that lives; null when there is none.
  worker take();
  /// Collects those that died, and starts one if any is missing; later and
  /// later where one after the other dies or cannot be started. Answers when to
  /// come again.
  time_point refill(const std::function<result<worker>()>& launch,
                    time_point now);
  /// Those that are ready.
  std::size_t ready();
  /// Ends them all; none are started until `reopen`.
  void close();
  void reopen();

private:
  static bool is_alive(const worker& which);
  static bool is_ready(const worker& which);
  void collect(time_point now);
  void lost(time_point now, const std::string& why);

  const std::string pool_;
  const std::size_t wanted_;
  std::mutex mutex_;
  std::deque<worker> living_; // when last looked at
  std::size_t starting_ = 0;
  bool closed_ = false;
  unsigned losses_ = 0; // in a row
  time_point last_loss_, not_before_;
};

} // namespace snakebridge
