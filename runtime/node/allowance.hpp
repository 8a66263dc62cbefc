#pragma once
// How many bytes may be out at a time: who takes some gives them back when it
// is done, and who finds too few left waits its turn. The window of a link, and
// the memory of what arrives over it. Shared by those that have some; on the
// loop's thread.

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include <kj/async.h>
#include <kj/refcount.h>

namespace snakebridge {

class allowance final : public kj::Refcounted {
public:
  explicit allowance(std::size_t bytes_max)
      : left_{bytes_max},
        all_{bytes_max} {}

  /// Some bytes; they are given back at its end.
  class share {
  public:
    share(share&& other) noexcept
        : of_{kj::mv(other.of_)},
          bytes_{std::exchange(other.bytes_, 0)} {}
    share& operator=(share&&) = delete;
    ~share() noexcept {
      if (of_.get() != nullptr)
        of_->give_back(bytes_);
    }

  private:
    friend class allowance;
    share(kj::Own<allowance> of, std::size_t bytes)
        : of_{kj::mv(of)},
          bytes_{bytes} {}

    kj::Own<allowance> of_;
    std::size_t bytes_;
  };

  /// Waits for so many. Who wants more than there can be gets all.
  kj::Promise<share> take(std::size_t bytes) {
    bytes = kj::min(bytes, all_);
    if (has_turn(bytes))
      return given(bytes);
    auto later = kj::newPromiseAndFulfiller<share>();
    waiting_.push_back({bytes, kj::mv(later.fulfiller)});
    return kj::mv(later.promise);
  }
  /// Nothing: there are too few left, or others wait.
  std::optional<share> take_now(std::size_t bytes) {
    if (!has_turn(bytes))
      return std::nullopt;
    return given(bytes);
  }
  std::size_t left() const { return left_; }

private:
  struct waiter {
    std::size_t bytes;
    kj::Own<kj::PromiseFulfiller<share>> wakes;
  };

  // Who has gone keeps nobody waiting.
  bool has_turn(std::size_t bytes) {
    while (!waiting_.empty() && !waiting_.front().wakes->isWaiting())
      waiting_.pop_front();
    return waiting_.empty() && bytes <= left_;
  }
  share given(std::size_t bytes) {
    left_ -= bytes;
    return {kj::addRef(*this), bytes};
  }
  void give_back(std::size_t bytes) {
    left_ += bytes;
    while (!waiting_.empty()
           && (waiting_.front().bytes <= left_
               || !waiting_.front().wakes->isWaiting())) {
      auto next = kj::mv(waiting_.front());
      waiting_.pop_front();
      if (next.wakes->isWaiting())
        next.wakes->fulfill(given(next.bytes));
    }
  }

  std::size_t left_;
  const std::size_t all_;
  std::deque<waiter> waiting_;
};

} // namespace snakebridge
