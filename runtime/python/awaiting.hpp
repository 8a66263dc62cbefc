#pragma once
// What Python awaits: on the interpreter's event loop, which snakebridge.py
// keeps, on a thread of its own. A call whose result is awaited goes on there
// as a task, and the thread that ran it is free. Used with the GIL, unless it
// says otherwise.

#include <functional>
#include <memory>

#include "runtime/python/running_call.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

/// What the module `snakebridge` needs of it. Throws what Python raises.
void define_awaiting(const py::dict& space);

/// The number of what is to be awaited next: they ascend, in this process.
std::uint64_t new_await();
/// How many calls await something now.
std::size_t awaiting();

/// Told of a task on the loop's thread. It must not throw.
class await_listener {
public:
  virtual ~await_listener() = default;
  /// It is about to begin.
  virtual void on_begin() {}
  /// `of`: the call, that may be withdrawn.
  virtual void on_end(py::handle task, const running_call& of) = 0;
};

/// Awaits that, in a copy of this thread's context; code in it is of call `id`.
/// Throws what Python raises, and overloaded where there is no descriptor left
/// for the loop; then nobody is told of anything.
void begin_to_await(std::uint64_t number, py::handle awaitable,
                    std::uint64_t id, std::int64_t deadline_ns,
                    std::shared_ptr<await_listener> listener);
/// Nobody is told of its end any more.
void forget_await(std::uint64_t number);
/// Withdraws the call, and cancels its task; again, each time it is asked to.
/// With or without the GIL, on any thread.
void cancel_await(std::uint64_t number);
/// Runs, on the loop's thread, some times a second while calls await. Once set.
void on_loop_beat(std::function<void()> beaten);
/// How often that was. Also without the GIL.
std::uint64_t loop_beats();

struct loop_task {
  std::uint64_t call = 0; ///< whose task runs; 0: none's, or that is not known
  unsigned long thread = 0; ///< as Python numbers it; 0: there is no loop
};
/// What is on the loop's thread now. Throws nothing.
loop_task task_on_loop();
/// Raises `snakebridge.Cancelled` in the Python code of that call's task, where
/// that runs now. Throws nothing.
void interrupt_await(std::uint64_t call);

/// The next item of an asynchronous iterator; null: there is none. The thread
/// waits for it. Throws what Python raises.
py::object next_awaited(py::handle iterator);
/// Closes an asynchronous generator; the same.
py::object close_awaited(py::handle iterator);

} // namespace gnu::visibility("hidden")]]snakebridge
