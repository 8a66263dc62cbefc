#include "runtime/python/awaiting.hpp"

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "runtime/base/event.hpp"
#include "runtime/base/process_mark.hpp"
#include "runtime/python/forked_child.hpp"

namespace snakebridge {

namespace {

struct awaited {
  awaited(std::uint64_t id, std::int64_t deadline_ns,
          std::shared_ptr<await_listener> listener)
      : running{.id = id, .deadline_ns = deadline_ns, .withdrawal = withdrawal},
        listener{std::move(listener)} {}

  std::atomic<std::uint64_t> withdrawal{0};
  const running_call running;
  const std::shared_ptr<await_listener> listener;
  bool has_begun = false;
};

// Never freed, as Python itself is not.
struct loop_side {
  std::mutex mutex; // never kept while Python code runs
  std::unordered_map<std::uint64_t, std::unique_ptr<awaited>> calls;
  std::vector<std::uint64_t> cancelled; // and not taken yet
  std::uint64_t last = 0;
  const descriptor wake = make_event();
  const process_mark process;
  std::function<void()> beaten;
  std::atomic<std::uint64_t> beats = 0;
  PyObject* call = nullptr;        // a ContextVar
  PyThreadState* thread = nullptr; // the loop's, while a task may run
};

loop_side& side() {
  static auto& made = *new loop_side;
  return made;
}

// That of the task which runs on this thread, the loop's; null: it is none's.
const running_call* call_of_task() {
  PyObject* found = nullptr;
  if (PyContextVar_Get(side().call, nullptr, &found) < 0)
    PyErr_Clear();
  const auto number = py::reinterpret_steal<py::object>(found);
  if (!number)
    return nullptr;
  const std::lock_guard lock{side().mutex};
  const auto place = side().calls.find(number.cast<std::uint64_t>());
  return place == side().calls.end() ? nullptr : &place->second->running;
}

py::list take_cancelled() {
  if (side().process.forked())
    end_forked_child();
  std::vector<std::uint64_t> taken;
  drain(side().wake);
  {
    const std::lock_guard lock{side().mutex};
    taken.swap(side().cancelled);
  }
  py::list numbers;
  for (const auto each : taken)
    numbers.append(each);
  return numbers;
}

// Takes it out; null: it is not there.
std::unique_ptr<awaited> take(std::uint64_t number) {
  const std::lock_guard lock{side().mutex};
  const auto place = side().calls.find(number);
  return place == side().calls.end()
           ? nullptr
           : std::move(side().calls.extract(place).mapped());
}

// False: whoever asked for it has been interrupted.
bool begun(std::uint64_t number) {
  if (side().process.forked())
    end_forked_child();
  std::shared_ptr<await_listener> listener;
  {
    const std::lock_guard lock{side().mutex};
    const auto place = side().calls.find(number);
    if (place == side().calls.end())
      return false;
    place->second->has_begun = true;
    listener = place->second->listener;
  }
  listener->on_begin();
  return true;
}

void ended(std::uint64_t number, const py::object& task) {
  if (side().process.forked())
    end_forked_child(); // by a task: it does not come back
  if (const auto gone = take(number))
    gone->listener->on_end(task, gone->running);
}

} // namespace

void define_awaiting(const py::dict& space) {
  auto& ours = side();
  ours.call =
    checked(PyContextVar_New("snakebridge.call", nullptr)).release().ptr();
  space["_call"] = py::reinterpret_borrow<py::object>(ours.call);
  space["_cancellations"] = ours.wake.get();
  space["_take_cancelled"] = py::cpp_function{take_cancelled};
  space["_begun"] = py::cpp_function{begun};
  space["_ended"] = py::cpp_function{ended};
  space["_beaten"] = py::cpp_function{[] {
    if (side().process.forked())
      end_forked_child();
    look_for_calls_by(call_of_task);
    side().thread = PyThreadState_Get();
    ++side().beats;
    if (side().beaten)
      side().beaten();
  }};
}

std::uint64_t new_await() {
  const std::lock_guard lock{side().mutex};
  return ++side().last;
}

std::size_t awaiting() {
  const std::lock_guard lock{side().mutex};
  return side().calls.size();
}

void begin_to_await(std::uint64_t number, py::handle awaitable,
                    std::uint64_t id, std::int64_t deadline_ns,
                    std::shared_ptr<await_listener> listener) {
  auto& ours = side();
  if (!ours.wake)
    throw exception{error{errc::overloaded,
                          "no file descriptor was left for the event loop"}};
  {
    const std::lock_guard lock{ours.mutex};
    ours.calls.emplace(
      number, std::make_unique<awaited>(id, deadline_ns, std::move(listener)));
  }
  try {
    py::module_::import("snakebridge").attr("_await")(number, awaitable);
  } catch (...) {
    // Interrupted, perhaps when the loop has it already.
    {
      const std::lock_guard lock{ours.mutex};
      if (const auto place = ours.calls.find(number);
          place == ours.calls.end() || place->second->has_begun)
        return;
    }
    forget_await(number);
    throw;
  }
}

void forget_await(std::uint64_t number) {
  take(number);
}

void cancel_await(std::uint64_t number) {
  auto& ours = side();
  {
    const std::lock_guard lock{ours.mutex};
    const auto place = ours.calls.find(number);
    if (place == ours.calls.end())
      return;
    place->second->withdrawal = place->second->running.id;
    ours.cancelled.push_back(number);
  }
  signal(ours.wake);
}

void on_loop_beat(std::function<void()> beaten) {
  side().beaten = std::move(beaten);
}

std::uint64_t loop_beats() {
  return side().beats;
}

loop_task task_on_loop() {
  try {
    const py::tuple found =
      py::module_::import("snakebridge").attr("_running")();
    return {.call = found[0].cast<std::uint64_t>(),
            .thread = found[1].cast<unsigned long>()};
  } catch (const std::exception&) {
    return {};
  }
}

namespace {

// The frame is of code of asyncio: what is raised in it loses a task its step.
bool is_of_asyncio(py::handle frame) {
  const auto file =
    frame.attr("f_code").attr("co_filename").cast<std::string>();
  return file.find("/asyncio/") != std::string::npos;
}

} // namespace

// From the second look on no bytecode runs, and so no other thread: what was
// seen is so when it is raised.
void interrupt_await(std::uint64_t call) {
  try {
    const py::tuple found =
      py::module_::import("snakebridge").attr("_running")();
    if (found[0].cast<std::uint64_t>() != call)
      return;
    const py::object number = found[1], task = found[2], loop = found[3];
    const py::object current = found[4], frames = found[5];
    const auto type = cancelled_type();
    const auto runs = checked(PyObject_CallOneArg(current.ptr(), loop.ptr()));
    const auto all = checked(PyObject_CallNoArgs(frames.ptr()));
    const auto frame = py::reinterpret_borrow<py::object>(
      PyDict_GetItemWithError(all.ptr(), number.ptr()));
    if (runs.is(task) && frame && !is_of_asyncio(frame))
      raise_in(side().thread, type);
  } catch (const std::exception&) {
    return; // it is tried again
  }
}

py::object next_awaited(py::handle iterator) {
  const auto step = py::module_::import("snakebridge").attr("_next_awaited");
  PyObject* const item = PyObject_CallOneArg(step.ptr(), iterator.ptr());
  if (item != nullptr)
    return py::reinterpret_steal<py::object>(item);
  auto raised = take_raised();
  if (!raised.matches(PyExc_StopAsyncIteration))
    throw raised;
  return {};
}

py::object close_awaited(py::handle iterator) {
  return py::module_::import("snakebridge").attr("_close_awaited")(iterator);
}

} // namespace snakebridge
