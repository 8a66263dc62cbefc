#include "runtime/base/process_mark.hpp"

#include <pthread.h>

namespace snakebridge {

std::atomic<std::uint64_t> process_mark::forks{0};

process_mark::process_mark() {
  [[maybe_unused]] static const int counting =
    ::pthread_atfork(nullptr, nullptr, [] { ++forks; });
  made_at_ = forks.load(std::memory_order_relaxed);
}

} // namespace snakebridge
