#pragma once
// Sends what has waited in batches for long enough, while those who fill them
// are held up by a producer that blocks. On a thread of its own, which is there
// from the first batch on and rests while there is none. Any thread.

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/base/timers.hpp"

namespace snakebridge {

class batch_ticks {
public:
  class batch {
  public:
    /// Sends off what has waited for long enough: when to look again. It waits
    /// for nobody.
    virtual steady_clock::time_point look(steady_clock::time_point now) = 0;

  protected:
    ~batch() = default;
  };

  /// The batch is looked at while the scope lasts.
  class scope {
  public:
    scope(batch_ticks& by, batch& filled);
    ~scope();
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

    /// False where there is no thread for it.
    bool is_looked_at() const { return is_looked_at_; }

  private:
    batch_ticks& by_;
    batch& filled_;
    bool is_looked_at_ = true;
  };

  /// `finish`: what is called after that, and may wait until it has been sent.
  explicit batch_ticks(std::function<void()> finish = [] {})
      : finish_{std::move(finish)} {}
  /// Does not return while a batch is looked at.
  ~batch_ticks();
  batch_ticks(const batch_ticks&) = delete;
  batch_ticks& operator=(const batch_ticks&) = delete;

private:
  void begin_to_tick();
  void tick();

  const std::function<void()> finish_;
  std::unique_ptr<timers> clock_;
  std::mutex mutex_;
  std::vector<batch*> filled_;
  bool ticks_ = false;
  steady_clock::time_point used_;
  steady_clock::duration step_{};
};

} // namespace snakebridge
