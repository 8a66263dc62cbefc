#include "runtime/hosts/spare_workers.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <poll.h>

#include "config/tunables.hpp"
#include "runtime/base/log.hpp"
#include "runtime/wire/messages.hpp"

namespace snakebridge {

namespace {

constexpr std::chrono::milliseconds look{limits::spares_look_ms};
constexpr std::chrono::milliseconds wait_max{limits::spares_wait_ms_max};

std::string why_it_died(launched_worker& dead) {
  std::vector<frame> said;
  dead.control->receive(said, false);
  bool malformed = false;
  for (const auto& each : said)
    if (each.header.kind == frame_kind::failed)
      return wire::decode_start_failure(each, malformed).message();
  const auto end = dead.process.reap();
  if (!end.signal.empty())
    return "it was killed by " + end.signal;
  return end.exit_status
           ? fmt::format("it exited with status {}", *end.exit_status)
           : std::string{"nobody knows why"};
}

} // namespace

bool spare_workers::is_alive(const worker& which) {
  pollfd ended{which->process.watch(), POLLIN, 0};
  return ::poll(&ended, 1, 0) == 0;
}

// It has answered its orders.
bool spare_workers::is_ready(const worker& which) {
  pollfd answered{which->control->poll_descriptor(), POLLIN, 0};
  return is_alive(which) && ::poll(&answered, 1, 0) == 1;
}

void spare_workers::collect(time_point now) {
  std::deque<worker> dead; // they end outside the lock
  {
    const std::lock_guard lock{mutex_};
    const auto rest =
      std::stable_partition(living_.begin(), living_.end(), is_alive);
    std::move(rest, living_.end(), std::back_inserter(dead));
    living_.erase(rest, living_.end());
  }
  for (const auto& each : dead)
    lost(now, why_it_died(*each));
}

// The first is replaced at once.
void spare_workers::lost(time_point now, const std::string& why) {
  bool is_news = false;
  {
    const std::lock_guard lock{mutex_};
    if (now - last_loss_ > 2 * wait_max)
      losses_ = 0;
    last_loss_ = now;
    auto wait = losses_ == 0 ? look * 0 : look;
    for (unsigned each = 1; each < losses_ && wait < wait_max; ++each)
      wait *= 2;
    not_before_ = now + std::min(wait, wait_max);
    is_news = losses_++ == 0;
  }
  if (is_news)
    logger()->warn("pool '{}' has lost a spare worker and makes another, more "
                   "slowly if they go on dying: {}",
                   pool_, why);
}

spare_workers::worker spare_workers::take() {
  collect(std::chrono::steady_clock::now());
  const std::lock_guard lock{mutex_};
  if (living_.empty())
    return nullptr;
  auto chosen = std::find_if(living_.begin(), living_.end(), is_ready);
  if (chosen == living_.end())
    chosen = living_.begin();
  auto taken = std::move(*chosen);
  living_.erase(chosen);
  return taken;
}

spare_workers::time_point
spare_workers::refill(const std::function<result<worker>()>& launch,
                      time_point now) {
  collect(now);
  {
    const std::lock_guard lock{mutex_};
    if (closed_ || living_.size() + starting_ >= wanted_)
      return now + look;
    if (now < not_before_)
      return not_before_;
    ++starting_;
  }
  auto started = launch();
  if (!started)
    lost(now, started.error().message());
  const std::lock_guard lock{mutex_};
  --starting_;
  if (!started)
    return std::max(not_before_, now + look);
  if (closed_)
    return now + look;
  living_.push_back(std::move(*started));
  return living_.size() + starting_ < wanted_ ? now : now + look;
}

std::size_t spare_workers::ready() {
  collect(std::chrono::steady_clock::now());
  const std::lock_guard lock{mutex_};
  return static_cast<std::size_t>(
    std::count_if(living_.begin(), living_.end(), is_ready));
}

void spare_workers::close() {
  std::deque<worker> ending;
  const std::lock_guard lock{mutex_};
  closed_ = true;
  ending.swap(living_);
  for (const auto& each : ending)
    each->process.kill(); // all at once; each is collected by its destructor
}

void spare_workers::reopen() {
  const std::lock_guard lock{mutex_};
  closed_ = false;
}

} // namespace snakebridge
