#include "runtime/node/link_life.hpp"

#include <algorithm>

#include "config/tunables.hpp"

namespace snakebridge {

namespace {

using std::chrono::milliseconds;

// splitmix64: small, and good enough to keep nodes out of step.
std::uint64_t drawn(std::uint64_t& from) {
  from += 0x9e3779b97f4a7c15U;
  auto mixed = from;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
  return mixed ^ (mixed >> 31U);
}

} // namespace

link_life::link_life(milliseconds heartbeat_limit, steady_clock::time_point now)
    : heartbeat_limit_{heartbeat_limit},
      beat_{std::clamp(heartbeat_limit / limits::beats_in_limit_min,
                       milliseconds{1}, milliseconds{limits::link_beat_ms})},
      shaken_until_{now + milliseconds{limits::handshake_ms_max}},
      last_arrived_{now},
      last_sent_{now} {}

void link_life::shaken(steady_clock::time_point now) {
  is_shaken_ = true;
  last_arrived_ = now;
}

steady_clock::time_point link_life::silent_at() const {
  return std::max(last_arrived_ + heartbeat_limit_, heard_until_);
}

steady_clock::time_point link_life::next_look() const {
  return is_shaken_ ? std::min(silent_at(), last_sent_ + beat_) : shaken_until_;
}

link_life::finding link_life::look(steady_clock::time_point now) {
  if (!is_shaken_)
    return now >= shaken_until_ ? finding::not_in_time : finding::nothing;
  // A process that was stopped, or a loop that was busy, has not listened. Once
  // in a silence: who is always late would never find it.
  if (now > next_look() + beat_ && heard_until_ <= last_arrived_)
    heard_until_ = now + beat_;
  if (now >= silent_at())
    return finding::silent;
  return now >= last_sent_ + beat_ ? finding::beat : finding::nothing;
}

steady_clock::time_point redial::next(steady_clock::time_point now) {
  // Doubled so often it is above its bound whatever that is.
  constexpr unsigned doublings_max = 20;
  const auto wait = std::min<std::uint64_t>(
    std::uint64_t{limits::redial_ms_min} << std::min(failed_, doublings_max),
    limits::redial_ms_max);
  ++failed_;
  const auto half_us = wait * 500;
  return now + std::chrono::microseconds{half_us + drawn(random_) % half_us};
}

} // namespace snakebridge
