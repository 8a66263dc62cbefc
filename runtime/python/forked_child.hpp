#pragma once
// Python code may fork in a call. The child is Python's own affair until it
// comes back to us: there it ends, as at the end of a script, because the
// caller is its parent's.

#include "runtime/python/python.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

/// Ends this process, a forked child: what it printed is flushed, and nothing
/// else of the program runs. Its status is that of `raised`, as Python has it
/// (SystemExit's code; 1 with a traceback), and 0 without.
[[noreturn]] void end_forked_child(py::error_already_set* raised = nullptr);

} // namespace gnu::visibility("hidden")]]snakebridge
