// What the owner of a call_queue does with it: hosts come and go, and it opens
// and closes.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/calls/call_queue.hpp"

namespace snakebridge {

std::uint32_t call_queue::next_epoch() {
  const std::lock_guard lock{mutex_};
  if (std::exchange(deaths_made_good_, deaths_) < deaths_)
    ++restarts_;
  return epoch_ = ++last_epoch_;
}

std::uint32_t call_queue::successor_epoch() {
  const std::lock_guard lock{mutex_};
  return ++last_epoch_;
}

bool call_queue::is_used_locked() const {
  return std::any_of(users_.begin(), users_.end(), [this](const auto& each) {
    return each.second->refs.is_used(interpreter_);
  });
}

bool call_queue::is_used() const {
  const std::lock_guard lock{mutex_};
  return is_used_locked();
}

call_queue::replacement
call_queue::replace(const std::shared_ptr<interpreter_host>& host,
                    std::uint32_t epoch) {
  auto replaced = host;
  auto came_of_it = replacement::done;
  {
    const std::lock_guard lock{mutex_};
    // What runs may yet make objects: it is looked at when it has ended.
    if (closed_ || !host_ || is_used_locked())
      came_of_it = replacement::used;
    else if (running() > 0)
      came_of_it = replacement::waits;
    replacing_ = came_of_it == replacement::waits;
    if (came_of_it == replacement::done) {
      ended_epoch_ = std::max(ended_epoch_, epoch_);
      epoch_ = epoch;
      host_.swap(replaced);
      calls_before_ = calls_;
      due_ = false;
      ++recycled_;
    }
  }
  pump();
  if (came_of_it == replacement::done)
    replaced->stop();
  return came_of_it;
}

void call_queue::serve_on() {
  {
    const std::lock_guard lock{mutex_};
    replacing_ = false;
  }
  pump();
}

bool call_queue::look_if_due(const recycle_limits& limits,
                             std::chrono::milliseconds age) {
  const auto serving = host();
  const auto resident =
    serving && limits.memory_bytes > 0 ? serving->resident_bytes() : 0;
  const std::lock_guard lock{mutex_};
  const auto beyond = [](auto amount, auto limit) {
    return limit > decltype(limit){} && amount >= limit;
  };
  due_ = due_ || beyond(calls_ - calls_before_, limits.calls)
         || beyond(age, limits.age) || beyond(resident, limits.memory_bytes);
  return due_;
}

void call_queue::attach(std::shared_ptr<interpreter_host> host) {
  {
    const std::lock_guard lock{mutex_};
    host_ = std::move(host);
    calls_before_ = calls_;
    due_ = replacing_ = false;
  }
  changed_.notify_all();
  pump();
}

void call_queue::detach(const interpreter_host* host, std::uint32_t epoch,
                        host_end end) {
  refusals refused;
  {
    const std::lock_guard lock{mutex_};
    // One that never served, or serves no more, changes nothing.
    const bool present = host_.get() == host || epoch == epoch_;
    if (host_.get() == host) {
      host_.reset();
      replacing_ = false;
    }
    if (present)
      ended_epoch_ = std::max(ended_epoch_, epoch);
    if (present && !end.asked) {
      ++deaths_;
      last_death_ = end.why;
      last_death_at_ = deadlines_->now();
    }
    for (auto each = end.unstarted.rbegin(); each != end.unstarted.rend();
         ++each) {
      if (auto why = refusal((*each)->asked, *(*each)->session, (*each)->epoch))
        refused.emplace_back(*each, std::move(*why));
      else if ((*each)->asked.fails_fast)
        refused.emplace_back(*each, unavailable());
      else if (++(*each)->lost > limits::call_losses_max)
        refused.emplace_back(*each, end.why);
      else
        waiting_.push_front(*each);
    }
    // It may be long until there is another.
    for (const auto& each : waiting_.take_stale(ended_epoch_))
      refused.emplace_back(each,
                           *refusal(each->asked, *each->session, each->epoch));
    pump(refused); // another host may be there already
  }
  changed_.notify_all();
  for (auto& [each, why] : refused)
    each->answer(tl::unexpected{std::move(why)});
  ask_mates();
}

void call_queue::close(error why) {
  std::vector<call_ptr> refused;
  {
    const std::lock_guard lock{mutex_};
    if (!closed_)
      closed_ = why;
    refused = waiting_.take_all();
  }
  changed_.notify_all();
  for (const auto& each : refused)
    each->answer(tl::unexpected{why});
}

void call_queue::stop_host() {
  if (const auto here = host())
    here->stop();
}

void call_queue::reopen() {
  const std::lock_guard lock{mutex_};
  closed_.reset();
  retired_ = false;
  deaths_before_ = deaths_made_good_ = deaths_;
}

void call_queue::retire() {
  const error stale{
    errc::ref_stale,
    fmt::format("interpreter {} is not in service any more: its pool has "
                "become smaller; make the object again",
                interpreter_)};
  const error foreign{errc::ref_foreign,
                      fmt::format("this bridge has no interpreter {}: the "
                                  "object belongs to another",
                                  interpreter_)};
  refusals refused;
  {
    const std::lock_guard lock{mutex_};
    retired_ = true;
    if (!closed_)
      closed_ = epoch_ > 0 ? stale : foreign;
    for (const auto& each : waiting_.take_all())
      refused.emplace_back(each,
                           *refusal(each->asked, *each->session, each->epoch));
  }
  changed_.notify_all();
  for (auto& [each, why] : refused)
    each->answer(tl::unexpected{std::move(why)});
}

bool call_queue::retire_if_unused() {
  {
    const std::lock_guard lock{mutex_};
    if (!users_.empty())
      return false;
    retired_ = true; // nobody comes any more
  }
  retire();
  return true;
}

bool call_queue::is_retired() const {
  const std::lock_guard lock{mutex_};
  return retired_;
}

void call_queue::hold(std::optional<error> why) {
  {
    const std::lock_guard lock{mutex_};
    held_ = std::move(why);
  }
  help_out(); // unless it is held
}

void call_queue::expect_host() {
  const std::lock_guard lock{mutex_};
  deaths_before_ = deaths_made_good_ = deaths_;
}

result<void> call_queue::wait_ready(steady_clock::time_point deadline) {
  std::unique_lock lock{mutex_};
  const bool told = changed_.wait_until(lock, deadline, [this] {
    return host_ || deaths_ > deaths_before_ || (closed_ && !retired_);
  });
  if (host_)
    return {};
  if (!told)
    return tl::unexpected{
      error{errc::startup_failed,
            fmt::format("interpreter {} is not ready in time", interpreter_)}};
  return tl::unexpected{last_death_ ? *last_death_ : *closed_};
}

call_queue::facts call_queue::look() const {
  const std::lock_guard lock{mutex_};
  facts now{.epoch = epoch_,
            .ready = false,
            .waiting = waiting_.size(),
            .calls = calls_,
            .deaths = deaths_,
            .restarts = restarts_,
            .recycled = recycled_,
            .due = due_,
            .held = held_.has_value(),
            .last_death = last_death_,
            .closed = closed_,
            .host = {}};
  if (host_) {
    now.host = host_->stats();
    now.host.running = running();
    now.ready = !now.host.ended;
  }
  return now;
}

} // namespace snakebridge
