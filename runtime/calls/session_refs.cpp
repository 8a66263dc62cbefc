#include "runtime/calls/session_refs.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "runtime/base/log.hpp"

namespace snakebridge {

std::uint64_t session_refs::sum() const {
  std::uint64_t all = 0;
  for (const auto& each : counts_)
    all += each.held;
  return all;
}

ref_bounds session_refs::bounds_in(std::uint32_t interpreter) const {
  if (const auto only = only_.load(); only == 0 || only == interpreter)
    return {.rules = rules_};
  const std::lock_guard lock{mutex_};
  std::uint64_t elsewhere = 0, sharing = 1;
  for (const auto& each : counts_)
    if (each.interpreter != interpreter && each.held > 0) {
      elsewhere += each.held;
      ++sharing;
    }
  // Where the oldest give way each may hold its share at least, or one that is
  // full would leave no room for two objects in another.
  const std::uint64_t max = rules_.max;
  if (rules_.on_full == on_full::prune)
    elsewhere =
      std::min(elsewhere, max - std::max(max / sharing, std::uint64_t{1}));
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  return {.rules = rules_,
          .elsewhere = static_cast<std::uint32_t>(std::min(elsewhere, most))};
}

void session_refs::told(const refs_told& now, const std::string& session) {
  std::unique_lock lock{mutex_};
  const auto last =
    std::find_if(counts_.begin(), counts_.end(), [&](const refs_told& each) {
      return each.interpreter == now.interpreter;
    });
  if (last == counts_.end())
    counts_.push_back(now);
  else if (std::pair{now.epoch, now.reply}
           < std::pair{last->epoch, last->reply})
    return;
  else
    *last = now;
  counts_changed();
  const auto all = sum();
  const bool beyond = rules_.strict_mode && all > rules_.strict_mode_threshold;
  const bool is_news = beyond && !warned_;
  warned_ = beyond;
  lock.unlock(); // who takes the log may call
  if (is_news)
    logger()->warn("session '{}' holds {} refs, more than its "
                   "strict_mode_threshold = {}; release those it does not need",
                   session, all, rules_.strict_mode_threshold);
}

std::uint64_t session_refs::held() const {
  const std::lock_guard lock{mutex_};
  return sum();
}

bool session_refs::is_used(std::uint32_t interpreter) const {
  const std::lock_guard lock{mutex_};
  return std::any_of(
    counts_.begin(), counts_.end(), [&](const refs_told& each) {
      return each.interpreter == interpreter && (each.held > 0 || each.names);
    });
}

void session_refs::forget_up_to(std::uint32_t interpreter,
                                std::uint32_t epoch) {
  const std::lock_guard lock{mutex_};
  // It stays, to know what comes too late.
  const refs_told none{.interpreter = interpreter,
                       .epoch = epoch,
                       .reply = std::numeric_limits<std::uint64_t>::max()};
  const auto last =
    std::find_if(counts_.begin(), counts_.end(), [&](const refs_told& each) {
      return each.interpreter == interpreter;
    });
  if (last == counts_.end())
    counts_.push_back(none);
  else if (last->epoch <= epoch)
    *last = none;
  counts_changed();
}

void session_refs::counts_changed() {
  only_ = counts_.empty()       ? 0
          : counts_.size() == 1 ? counts_.front().interpreter
                                : several;
}

error naming_session(error refused, const std::string& session) {
  if (refused.code() != errc::quota_exceeded)
    return refused;
  return error{errc::quota_exceeded,
               fmt::format("session '{}' {}", session, refused.message())}
    .with_may_have_run(refused.may_have_run());
}

} // namespace snakebridge
