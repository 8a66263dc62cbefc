// What a worker reads: its orders, requests, releases. Python is real, and
// started with the first input; nothing that is asked for is done.
#include <snakebridge/result.hpp>

#include "runtime/python/guarded.hpp"
#include "runtime/worker/wire_call.hpp"
#include "tests/fuzz/input.hpp"

namespace snakebridge::fuzz {

namespace {

constexpr std::size_t reply_bytes_max = 1 << 20;

// An interpreter that has one object already, for refs to find, and all that
// arguments may need.
class interpreter {
public:
  interpreter() {
    promise(start_python({}, python_role::embedded).has_value(),
            "Python does not start");
    const gil_guard gil;
    for (const auto* name : {"datetime", "decimal", "uuid", "zoneinfo"})
      py::module_::import(name);
    try {
      py::module_::import("numpy");
    } catch (const py::error_already_set&) {
      // Then its types are unknown to the worker too.
    }
    objects_.emplace(live_);
    objects_->of(1).keep(py::module_::import("builtins").attr("object")());
  }

  object_table& objects() { return *objects_; }

private:
  object_counts live_;
  std::optional<object_table> objects_;
};

// Python ends with the process, so this must not end before it.
interpreter& python() {
  static auto& started = *new interpreter;
  return started;
}

template <class Read>
void expect_handled(Read read) {
  const gil_guard gil;
  const auto outcome = guarded(read);
  promise(PyErr_Occurred() == nullptr, "an exception is left behind");
  if (outcome)
    return;
  const auto code = outcome.error().code();
  promise(code == errc::message_malformed || code == errc::payload_too_large
            || code == errc::not_convertible || code == errc::ref_released
            || code == errc::python_raised,
          "a message is refused for no known reason");
}

} // namespace

void run_start(const frame& received) {
  const auto orders = wire::decode_start(received);
  promise(orders || orders.error().code() == errc::message_malformed,
          "orders are refused for no known reason");
}

void run_request(const frame& received) {
  auto& objects = python().objects();
  expect_handled([&] {
    wire_call asked{reply_bytes_max, {}, {}, {}};
    asked.read(received);
    if (asked.what == verb::next)
      asked.items();
    return asked.read(objects.of(1)).positional.size() + asked.slots().size();
  });
}

void run_release(const frame& received) {
  auto& objects = python().objects();
  expect_handled([&] {
    wire::incoming message{received};
    const auto asked = message.root<schema::Release>();
    // The one that refs of requests are looked up in stays.
    return asked.getSession() == 1 ? 0 : release(asked, objects);
  });
}

std::size_t live_python_objects() {
  python();
  const gil_guard gil;
  py::module_::import("gc").attr("collect")();
  return py::module_::import("sys")
    .attr("getallocatedblocks")()
    .cast<std::size_t>();
}

} // namespace snakebridge::fuzz
