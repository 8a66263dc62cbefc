#pragma once
// The call that runs on a thread of Python, as far as its end is concerned:
// what `snakebridge.cancelled()` looks at, and what decides whether
// `snakebridge.Cancelled` may be raised here. Whoever sets and asks is the
// thread itself; withdrawn it is from any.

#include <atomic>
#include <cstdint>

#include "runtime/python/python.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

struct running_call {
  std::uint64_t id = 0;
  std::int64_t deadline_ns = 0; ///< CLOCK_MONOTONIC
  const std::atomic<std::uint64_t>& withdrawal;

  /// Nobody wants it any more.
  bool is_withdrawn() const { return withdrawal.load() == id; }
  /// The same, or its time has run out.
  bool is_over() const;
};

/// Raises it in that thread of Python, before the next step of its Python code.
/// False: not now. (CPython finds a thread by its identity, and before 3.12 one
/// that is being started has that of the thread which starts it.) With the GIL.
bool raise_in(PyThreadState* thread, py::handle type);
/// What was raised in it and has not been delivered, is not. With the GIL.
void raise_nothing_in(PyThreadState* thread);

/// The call of this thread while the scope lasts. With the GIL.
class running_scope {
public:
  explicit running_scope(const running_call& now);
  ~running_scope();
  running_scope(const running_scope&) = delete;
  running_scope& operator=(const running_scope&) = delete;

private:
  const running_call* const now_;
  const running_call* const before_;
};

/// Raises `snakebridge.Cancelled` in the thread that runs that call, if nobody
/// wants it any more: before the next step of its Python code. A C function is
/// not interrupted. With the GIL; from another thread.
void raise_cancelled_in(std::uint64_t call);

/// Null between calls.
const running_call* call_of_this_thread();

/// Where no call of its own runs on this thread, it is of the call that `look`
/// finds: the event loop's, of a task's.
void look_for_calls_by(const running_call* (*look)());

/// The same; on a thread of Python's own the call that began last. With the
/// GIL.
const running_call* call_here();

/// `snakebridge.Cancelled`
py::object cancelled_type();

} // namespace gnu::visibility("hidden")]]snakebridge
