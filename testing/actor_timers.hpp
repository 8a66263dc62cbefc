#pragma once
// The clock of a bridge on fake Python: that of its actor system, which the
// fixture `deterministic` moves by hand. What is due runs in an actor.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include "runtime/base/timers.hpp"

namespace snakebridge::testing {

class actor_timers final : public timers {
public:
  explicit actor_timers(caf::actor_system& system)
      : system_{system},
        actor_{system.spawn([set = set_](caf::event_based_actor*) {
          return caf::behavior{[set](std::uint64_t number) {
            if (const auto due = set->take(number))
              due();
          }};
        })} {}
  ~actor_timers() override { stop(); }

  steady_clock::time_point now() const override {
    return system_.clock().now();
  }

  timer_token at(steady_clock::time_point when,
                 std::function<void()> due) override {
    const timer_token token{when, set_->add(std::move(due))};
    caf::delayed_anon_send(actor_, when - now(), token.second);
    return token;
  }

  void cancel(const timer_token& token) override {
    static_cast<void>(set_->take(token.second));
  }

  // The thread that waits is the one that moves the clock: it would wait for
  // ever.
  std::cv_status wait_until(std::unique_lock<std::mutex>&,
                            std::condition_variable&,
                            steady_clock::time_point) override {
    return std::cv_status::timeout;
  }

  void stop() override {
    caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
    set_->clear();
  }

private:
  struct timer_set {
    std::uint64_t add(std::function<void()> due) {
      const std::lock_guard lock{mutex};
      all.emplace(++last, std::move(due));
      return last;
    }

    // Empty: it was cancelled.
    std::function<void()> take(std::uint64_t number) {
      const std::lock_guard lock{mutex};
      const auto taken = all.extract(number);
      return taken ? std::move(taken.mapped()) : std::function<void()>{};
    }

    void clear() {
      std::map<std::uint64_t, std::function<void()>> forgotten;
      const std::lock_guard lock{mutex};
      forgotten.swap(all);
    }

    std::mutex mutex;
    std::map<std::uint64_t, std::function<void()>> all;
    std::uint64_t last = 0;
  };

  const std::shared_ptr<timer_set> set_ = std::make_shared<timer_set>();
  caf::actor_system& system_;
  const caf::actor actor_;
};

} // namespace snakebridge::testing
