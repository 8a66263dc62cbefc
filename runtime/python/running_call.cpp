#include "runtime/python/running_call.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

namespace snakebridge {

namespace {

thread_local const running_call* of_this_thread = nullptr;
thread_local const running_call* (*look_here)() = nullptr;

struct running_one {
  const running_call* call;
  PyThreadState* thread;
  bool is_raised_in = false; // and perhaps not delivered yet
};

// With the GIL. Threads that were abandoned in Python may outlive the statics
// of the program.
std::vector<running_one>& all() {
  static auto* const kept = new std::vector<running_one>;
  return *kept;
}

} // namespace

bool running_call::is_over() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return is_withdrawn() || std::chrono::nanoseconds{now}.count() >= deadline_ns;
}

bool raise_in(PyThreadState* thread, py::handle type) {
  auto* const all = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
  const auto first = [all](const auto& which) {
    auto* each = all;
    while (each != nullptr && !which(*each))
      each = PyThreadState_Next(each);
    return each;
  };
  // It may have ended.
  if (!first([=](const PyThreadState& each) { return &each == thread; }))
    return false;
  const auto identity = thread->thread_id;
  if (first(
        [=](const PyThreadState& each) { return each.thread_id == identity; })
      != thread)
    return false;
  return PyThreadState_SetAsyncExc(identity, type.ptr()) == 1;
}

void raise_nothing_in(PyThreadState* thread) {
  Py_CLEAR(thread->async_exc);
}

running_scope::running_scope(const running_call& now)
    : now_{&now},
      before_{std::exchange(of_this_thread, &now)} {
  all().push_back({now_, PyThreadState_Get()});
}

running_scope::~running_scope() {
  of_this_thread = before_;
  auto& running = all();
  auto mine = std::prev(running.end());
  if (mine->call != now_) // others have begun since
    mine = std::find_if(
      running.begin(), running.end(),
      [this](const running_one& each) { return each.call == now_; });
  // What was not delivered must not reach what this thread runs next.
  if (mine->is_raised_in)
    raise_nothing_in(mine->thread);
  running.erase(mine);
}

void raise_cancelled_in(std::uint64_t call) {
  const auto type = cancelled_type();
  for (auto& each : all())
    if (each.call->id == call && each.call->is_withdrawn()
        && raise_in(each.thread, type))
      each.is_raised_in = true;
}

const running_call* call_of_this_thread() {
  return of_this_thread == nullptr && look_here != nullptr ? look_here()
                                                           : of_this_thread;
}

void look_for_calls_by(const running_call* (*look)()) {
  look_here = look;
}

const running_call* call_here() {
  if (const auto* own = call_of_this_thread())
    return own;
  return all().empty() ? nullptr : all().back().call;
}

py::object cancelled_type() {
  // Looked up once: Python code may make that impossible later. Not as a static
  // that is being made: an import lets go of the GIL.
  static PyObject* type = nullptr;
  if (type == nullptr)
    type = py::object{py::module_::import("snakebridge").attr("Cancelled")}
             .release()
             .ptr();
  return py::reinterpret_borrow<py::object>(type);
}

} // namespace snakebridge
