#pragma once
// The thread on which all links of a node live, and its event loop, KJ's. What
// others want of them they post, and never wait for it without a deadline.
// Owned by node_links; a post may come from any thread, and after the end.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <kj/async.h>

#include "runtime/base/descriptor.hpp"
#include "runtime/base/spinner.hpp"
#include "runtime/base/timers.hpp"

namespace kj {
struct AsyncIoContext;
class Timer;
} // namespace kj

namespace snakebridge {

/// What was posted, in order. It may outlive its loop.
class loop_jobs {
public:
  using job = std::function<void()>;

  explicit loop_jobs(std::size_t waiting_max);

  /// Runs it on the loop's thread, soon. False: too many wait there, or the
  /// loop has ended; it is destroyed here.
  bool post(job todo) { return put(todo, false); }
  /// The same of the end of something that was posted, for which there is room.
  bool post_end(job todo) { return put(todo, true); }
  /// The same here and now, where this is the loop's thread.
  void run(job todo) {
    if (is_here())
      todo();
    else
      post_end(std::move(todo));
  }
  /// This is the loop's thread.
  bool is_here() const { return here_ == std::this_thread::get_id(); }
  bool is_closed();
  /// The loop is to end, when it has run what was posted.
  void close();
  /// Waits until it has ended, and has let go all that is of KJ. False: it has
  /// not in time, or this is its thread.
  bool await_end(steady_clock::time_point until);

private:
  friend class node_loop;

  struct taken {
    std::vector<job> jobs;
    bool are_last; ///< nothing comes after them
  };

  bool put(job& todo, bool whatever_waits);
  taken take();
  void be_over();

  const std::size_t waiting_max_;
  const descriptor wake_;
  std::atomic<std::thread::id> here_{};
  std::mutex mutex_;
  std::vector<job> waiting_;
  bool closed_ = false;
  bool over_ = false;
  std::condition_variable ended_;
};

class node_loop {
public:
  /// `begin` runs first on the thread, `end` last: what lives there is made and
  /// destroyed by them. Nothing can be posted from then on, and what was posted
  /// before has run. Throws std::system_error where there is no thread or
  /// descriptor.
  node_loop(std::function<void(node_loop&)> begin, std::function<void()> end);
  ~node_loop();
  node_loop(const node_loop&) = delete;
  node_loop& operator=(const node_loop&) = delete;

  const std::shared_ptr<loop_jobs>& jobs() const { return jobs_; }

  // On the thread of the loop.

  kj::AsyncIoContext& io() { return *io_; }
  kj::Timer& timer();
  /// Something has come, and is often followed by more: the loop looks for that
  /// a moment before it sleeps.
  void stir();

private:
  void serve();
  void await_stir();
  kj::Promise<void> look(steady_clock::time_point until);

  const std::shared_ptr<loop_jobs> jobs_;
  kj::AsyncIoContext* io_ = nullptr;
  kj::Own<kj::PromiseFulfiller<void>> stirred_; // once while it is waited for
  spinner looks_;
  std::thread thread_;
};

} // namespace snakebridge
