#include "runtime/base/roomy_stack.hpp"

#include <cstdint>
#include <exception>
#include <new>

#include <pthread.h>

#include "config/tunables.hpp"

namespace snakebridge {

namespace {

struct bounds {
  std::uintptr_t low = 0;
  std::uintptr_t high = 0;
};

bounds bounds_of_this_thread() {
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0)
    return {};
  void* low = nullptr;
  std::size_t size = 0;
  ::pthread_attr_getstack(&attributes, &low, &size);
  ::pthread_attr_destroy(&attributes);
  const auto begin = reinterpret_cast<std::uintptr_t>(low);
  return {begin, begin + size};
}

struct errand {
  const std::function<void()>& work;
  std::exception_ptr failed = nullptr;
};

void* run(void* given) {
  auto& mine = *static_cast<errand*>(given);
  try {
    mine.work();
  } catch (...) {
    mine.failed = std::current_exception();
  }
  return nullptr;
}

} // namespace

bool has_stack(std::size_t bytes) {
  thread_local const bounds mine = bounds_of_this_thread();
  const auto here =
    reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  return here < mine.low || here >= mine.high || here - mine.low >= bytes;
}

void run_on_roomy_stack(const std::function<void()>& work) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, limits::roomy_stack_bytes);
  pthread_t thread{};
  errand mine{work};
  const int failed = ::pthread_create(&thread, &attributes, run, &mine);
  ::pthread_attr_destroy(&attributes);
  if (failed != 0)
    throw std::bad_alloc{};
  ::pthread_join(thread, nullptr);
  if (mine.failed)
    std::rethrow_exception(mine.failed);
}

} // namespace snakebridge
