#pragma once
// One answer that a thread waits for and another has: of the directory, of a
// link, of another node. Shared by the two.

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

#include <snakebridge/cancel.hpp>
#include <snakebridge/result.hpp>

#include "runtime/base/timers.hpp"

namespace snakebridge {

template <class T>
class awaited {
public:
  /// The first answer counts.
  void set(result<T> answer) {
    const std::lock_guard lock{mutex_};
    if (!answer_)
      answer_.emplace(std::move(answer));
    changed_.notify_all();
  }

  /// Waits for it, once. Errors: those it is; cancelled; `late` at the
  /// deadline.
  result<T> wait(steady_clock::time_point until, const cancel_token& cancel,
                 const error& late) {
    std::unique_lock lock{mutex_};
    if (changed_.wait_until(lock, cancel, until,
                            [this] { return answer_.has_value(); }))
      return *std::move(answer_);
    if (cancel.stop_requested())
      return tl::unexpected{error{errc::cancelled, "it was cancelled"}};
    return tl::unexpected{late};
  }

private:
  std::mutex mutex_;
  std::condition_variable_any changed_; // waits with a cancel_token
  std::optional<result<T>> answer_;
};

} // namespace snakebridge
