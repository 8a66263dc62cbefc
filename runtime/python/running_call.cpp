#include "runtime/python/running_call.hpp"

#include <chrono>

namespace snakebridge {

namespace {

thread_local const running_call* of_this_thread = nullptr;

} // namespace

bool running_call::is_over() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return is_withdrawn() || std::chrono::nanoseconds{now}.count() >= deadline_ns;
}

running_scope::running_scope(const running_call& now)
    : before_{std::exchange(of_this_thread, &now)} {}

running_scope::~running_scope() {
  of_this_thread = before_;
}

const running_call* call_of_this_thread() {
  return of_this_thread;
}

py::object cancelled_type() {
  return py::module_::import("snakebridge").attr("Cancelled");
}

} // namespace snakebridge
