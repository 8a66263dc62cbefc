#include "runtime/base/event.hpp"

#include <algorithm>

#include <sys/eventfd.h>

namespace snakebridge {

descriptor make_event() {
  return descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
}

void signal(const descriptor& event) {
  const std::uint64_t one = 1;
  // Full only when it is signalled already.
  static_cast<void>(!::write(event.get(), &one, sizeof one));
}

void drain(const descriptor& event) {
  std::uint64_t count = 0;
  static_cast<void>(!::read(event.get(), &count, sizeof count));
}

bool poll_until(std::span<pollfd> watched, steady_clock::time_point until) {
  if (until == steady_clock::time_point::max())
    return ::ppoll(watched.data(), watched.size(), nullptr, nullptr) != 0;
  const auto left =
    std::max(until - steady_clock::now(), steady_clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec wait{seconds.count(),
                      std::chrono::nanoseconds{left - seconds}.count()};
  return ::ppoll(watched.data(), watched.size(), &wait, nullptr) != 0;
}

} // namespace snakebridge
