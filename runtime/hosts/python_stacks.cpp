#include "runtime/hosts/python_stacks.hpp"

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/python/python.hpp"

namespace snakebridge {

namespace {

void write_stack(std::string& to, py::object frame) {
  for (std::size_t left = limits::exception_frames_max;
       left > 0 && !frame.is_none(); --left) {
    const auto code = frame.attr("f_code");
    to += fmt::format("  File \"{}\", line {} in {}\n",
                      text_with_surrogates(code.attr("co_filename")),
                      frame.attr("f_lineno").cast<int>(),
                      text_with_surrogates(code.attr("co_name")));
    frame = frame.attr("f_back");
  }
}

} // namespace

std::string stacks_of_all_threads(unsigned long current) {
  std::string written;
  try {
    const py::dict frames =
      py::module_::import("sys").attr("_current_frames")();
    for (const auto& [thread, frame] : frames) {
      if (written.size() > limits::stacks_bytes_max)
        break;
      const auto number = thread.cast<unsigned long>();
      written += fmt::format("{}hread 0x{:016x} (most recent call first):\n",
                             number == current ? "Current t" : "T", number);
      write_stack(written, py::reinterpret_borrow<py::object>(frame));
    }
  } catch (const std::exception&) {
    written.clear();
  }
  return written;
}

} // namespace snakebridge
