#include "runtime/python/running_call.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace snakebridge {

namespace {

thread_local const running_call* of_this_thread = nullptr;

// With the GIL. Threads that were abandoned in Python may outlive the statics
// of the program.
std::vector<const running_call*>& all() {
  static auto* const kept = new std::vector<const running_call*>;
  return *kept;
}

} // namespace

bool running_call::is_over() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return is_withdrawn() || std::chrono::nanoseconds{now}.count() >= deadline_ns;
}

running_scope::running_scope(const running_call& now)
    : now_{&now},
      before_{std::exchange(of_this_thread, &now)} {
  all().push_back(now_);
}

running_scope::~running_scope() {
  of_this_thread = before_;
  all().erase(std::find(all().begin(), all().end(), now_));
}

const running_call* call_of_this_thread() {
  return of_this_thread;
}

const running_call* call_here() {
  if (of_this_thread != nullptr)
    return of_this_thread;
  return all().empty() ? nullptr : all().back();
}

py::object cancelled_type() {
  return py::module_::import("snakebridge").attr("Cancelled");
}

} // namespace snakebridge
