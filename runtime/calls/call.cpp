#include "runtime/calls/call.hpp"

#include <fmt/format.h>

#include "runtime/base/timers.hpp"

namespace snakebridge {

error given_up_error(const operation& asked, errc why, call_stage reached) {
  const char* when = "while Python ran it";
  if (reached == call_stage::queued)
    when = "before it started: it waited for its turn";
  else if (reached == call_stage::handed_over)
    when = "before it started: it was next in its worker";
  const auto what = describe(asked);
  const auto text =
    why == errc::cancelled ? fmt::format("{}: it was cancelled {}", what, when)
    : why == errc::session_closed
      ? fmt::format("{}: its session ended {}; open it again", what, when)
      : fmt::format("{}: its time ran out {}; give it more time, or ask for "
                    "less",
                    what, when);
  return error{why, text}.with_may_have_run(reached == call_stage::running);
}

bool is_interruption(const error& outcome) {
  const auto* raised = outcome.python();
  return raised != nullptr && raised->type == "Cancelled"
         && raised->module == "snakebridge";
}

bool call::answer(result<value> outcome) {
  if (!claim())
    return false;
  settle(std::move(outcome));
  return true;
}

void call::settle(result<value> outcome) {
  if (deadlines_) {
    timer_token set;
    {
      const std::lock_guard lock{mutex_};
      set = timer_;
    }
    deadlines_->cancel(set);
  }
  if (!waited_for_) {
    // The completion goes with the call, so what it captured is freed now.
    std::exchange(done_, completion{})(std::move(outcome));
    settled_.store(true, std::memory_order_release);
    return;
  }
  {
    const std::lock_guard lock{mutex_};
    outcome_ = std::move(outcome);
  }
  changed_.notify_one();
}

call::news call::wait() {
  std::unique_lock lock{mutex_};
  changed_.wait_until(lock, deadline,
                      [this] { return outcome_.has_value() || appointed_; });
  if (outcome_)
    return news::answered;
  // Who leads comes back here at its deadline, and is appointed again if it is
  // the only one: that must not keep it.
  if (!appointed_ || steady_clock::now() >= deadline)
    return news::deadline;
  appointed_ = false;
  return news::lead;
}

bool call::appoint() {
  {
    const std::lock_guard lock{mutex_};
    if (outcome_ || answered())
      return false;
    appointed_ = true;
  }
  changed_.notify_one();
  return true;
}

void call::made_again(std::function<void()> expire) {
  const std::lock_guard lock{mutex_};
  expire_ = std::move(expire);
}

void call::expire() {
  std::function<void()> expired;
  {
    const std::lock_guard lock{mutex_};
    expired.swap(expire_);
  }
  if (expired)
    expired();
}

result<value> call::await() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return outcome_.has_value(); });
  return std::move(*outcome_);
}

void call::watch(std::shared_ptr<timers> deadlines,
                 std::function<void()> expired) {
  deadlines_ = std::move(deadlines);
  // It may be due at once, and settle on the timers' thread.
  const std::lock_guard lock{mutex_};
  timer_ = deadlines_->at(deadline, std::move(expired));
}

void call::watch(const std::function<void()>& cancelled) {
  if (asked.cancel.stop_possible())
    on_cancel_.emplace(asked.cancel, cancelled);
  if (asked.client_ended.stop_possible())
    on_client_end_.emplace(asked.client_ended, cancelled);
}

} // namespace snakebridge
