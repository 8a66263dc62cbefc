#include "actors/circuit_breaker.hpp"

#include <utility>

#include <fmt/format.h>

namespace snakebridge {

result<circuit_breaker::ticket> circuit_breaker::admit(time_point now) {
  if (!is_on())
    return ticket{};
  const std::lock_guard lock{mutex_};
  if (!open_until_)
    return ticket{};
  if (now >= *open_until_ && !std::exchange(probing_, true))
    return ticket{.probes = true};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
    std::max(*open_until_ - now, time_point::duration::zero()));
  return tl::unexpected{error{
    errc::pool_down,
    probing_ ? fmt::format("pool '{}' has its circuit open: its interpreters "
                           "crashed {} times in {} ms; one call is trying it "
                           "out. Call again soon",
                           pool_, limits_.failures, limits_.period.count())
             : fmt::format("pool '{}' has its circuit open: its interpreters "
                           "crashed {} times in {} ms. Call again in {} ms",
                           pool_, limits_.failures, limits_.period.count(),
                           left.count())}};
}

void circuit_breaker::record(ticket of, outcome what, time_point now) {
  if (!is_on())
    return;
  const std::lock_guard lock{mutex_};
  if (of.probes) {
    probing_ = false;
    if (what == outcome::crashed)
      return open(now);
    if (what == outcome::untried)
      return; // the next call tries
    open_until_.reset();
    return failures_.clear();
  }
  // What was under way when it opened says nothing new.
  if (what != outcome::crashed || open_until_)
    return;
  failures_.push_back(now);
  while (now - failures_.front() > limits_.period)
    failures_.pop_front();
  if (failures_.size() >= limits_.failures)
    open(now);
}

void circuit_breaker::open(time_point now) {
  open_until_ = now + limits_.open;
  failures_.clear();
}

circuit_state circuit_breaker::state(time_point now) const {
  const std::lock_guard lock{mutex_};
  if (!open_until_)
    return circuit_state::closed;
  return now >= *open_until_ || probing_ ? circuit_state::half_open
                                         : circuit_state::open;
}

} // namespace snakebridge
