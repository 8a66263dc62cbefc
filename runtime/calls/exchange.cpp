#include "runtime/calls/exchange.hpp"

#include <fmt/format.h>

#include "runtime/base/ensure.hpp"
#include "runtime/calls/dispatcher.hpp"

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

void giving_up::operator()() const {
  const auto late = given_up.lock();
  const auto by = through.lock();
  if (late && by)
    by->give_up(late, why);
}

bool exchange::answer(result<value> outcome) {
  if (!claim())
    return false;
  settle(std::move(outcome));
  return true;
}

void exchange::settle(result<value> outcome) {
  ensure(answered(), "who settles a call has claimed it");
  if (on_end_)
    on_end_(*this, outcome);
  if (clock_) {
    timer_token set;
    {
      const std::lock_guard lock{mutex_};
      set = timer_;
    }
    clock_->cancel(set);
  }
  if (!waited_for_) {
    // The completion goes with the call, so what it captured is freed now.
    std::exchange(done_, completion{})(std::move(outcome));
    {
      const std::lock_guard lock{mutex_};
      completed_ = true;
      if (call_helper_ && helper_ != std::this_thread::get_id())
        call_helper_();
      if (!has_beside_)
        return;
    }
    changed_.notify_one();
    return;
  }
  {
    const std::lock_guard lock{mutex_};
    outcome_ = std::move(outcome);
  }
  changed_.notify_one();
}

exchange::news exchange::wait(timers& clock) {
  std::unique_lock lock{mutex_};
  while (!outcome_ && !appointed_ && jobs_.empty())
    if (clock.wait_until(lock, changed_, deadline) == std::cv_status::timeout)
      break;
  if (outcome_)
    return news::answered;
  if (!jobs_.empty())
    return news::called_back;
  // Who leads comes back here at its deadline, and is appointed again if it is
  // the only one: that must not keep it.
  if (!appointed_ || clock.now() >= deadline)
    return news::deadline;
  appointed_ = false;
  return news::lead;
}

exchange::news exchange::wait_beside(timers& clock,
                                     steady_clock::time_point until) {
  std::unique_lock lock{mutex_};
  has_beside_ = true;
  while (!completed_ && !appointed_)
    if (clock.wait_until(lock, changed_, until) == std::cv_status::timeout)
      break;
  has_beside_ = false;
  if (completed_)
    return news::answered;
  return std::exchange(appointed_, false) && clock.now() < until
           ? news::lead
           : news::deadline;
}

void exchange::helps(std::function<void()> call_helper) {
  const std::lock_guard lock{mutex_};
  call_helper_ = std::move(call_helper);
  helper_ = std::this_thread::get_id();
}

bool exchange::appoint() {
  {
    const std::lock_guard lock{mutex_};
    if (outcome_ || answered() || at_job_ || !jobs_.empty())
      return false;
    appointed_ = true;
  }
  changed_.notify_one();
  return true;
}

bool exchange::call_back(std::function<void()> job) {
  if (!waited_for_)
    return called_back_by && called_back_by(std::move(job));
  {
    const std::lock_guard lock{mutex_};
    if (outcome_ || answered())
      return false;
    jobs_.push_back(std::move(job));
    called_back_ = true;
  }
  changed_.notify_one();
  return true;
}

bool exchange::do_job() {
  std::function<void()> job;
  {
    const std::lock_guard lock{mutex_};
    if (jobs_.empty())
      return false;
    job = std::move(jobs_.front());
    jobs_.erase(jobs_.begin());
    called_back_ = !jobs_.empty();
    at_job_ = true;
  }
  job();
  const std::lock_guard lock{mutex_};
  at_job_ = false;
  return true;
}

result<value> exchange::take() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return outcome_.has_value(); });
  return std::move(*outcome_);
}

void exchange::watch(const std::shared_ptr<timers>& clock,
                     const giving_up& late) {
  // First, so that whoever settles finds it. Who waits sees to it himself.
  if (!waited_for_) {
    clock_ = clock;
    // It may be due at once, and settle on the timers' thread.
    const std::lock_guard lock{mutex_};
    timer_ = clock_->at(deadline, late);
  }
  auto cancelled = late;
  cancelled.why = errc::cancelled;
  if (asked.cancel.stop_possible())
    on_cancel_.emplace(asked.cancel, cancelled);
  if (asked.client_ended.stop_possible())
    on_client_end_.emplace(asked.client_ended, cancelled);
}

} // namespace snakebridge
