#include "runtime/base/process_mark.hpp"

#include <atomic>

#include <pthread.h>

namespace snakebridge {

namespace {

// On the way from the first process here.
std::atomic<std::uint64_t> forks{0};

} // namespace

process_mark::process_mark() {
  [[maybe_unused]] static const int counting =
    ::pthread_atfork(nullptr, nullptr, [] { ++forks; });
  made_at_ = forks_here();
}

std::uint64_t process_mark::forks_here() {
  return forks.load(std::memory_order_relaxed);
}

} // namespace snakebridge
