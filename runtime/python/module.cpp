// The module `snakebridge` that Python code sees.
#include <fmt/format.h>

#include "runtime/python/running_call.hpp"

namespace snakebridge {

namespace {

constexpr auto* source = R"py(
import sys, types
module = types.ModuleType("snakebridge", "What SnakeBridge gives Python code.")
class Atom:
    """A name that is its own meaning, from C++ (sb::atom)."""
    __slots__ = ("value",)
    __module__ = "snakebridge"
    def __init__(self, value):
        object.__setattr__(self, "value", str(value))
    def __setattr__(self, name, value):
        raise AttributeError("an Atom does not change")
    def __delattr__(self, name):
        raise AttributeError("an Atom does not change")
    def __reduce__(self):
        return (Atom, (self.value,))
    def __eq__(self, other):
        if type(other) is not Atom:
            return NotImplemented
        return self.value == other.value
    def __hash__(self):
        return hash((Atom, self.value))
    def __str__(self):
        return self.value
    def __repr__(self):
        return f"Atom({self.value!r})"
class NotAuthorizedError(ImportError):
    """The pool's setting `importable` does not allow this module."""
    __module__ = "snakebridge"

class Cancelled(BaseException):
    """Raised in a call whose caller cancelled it, has gone or had no more time.

    Clean up and let it pass: a call that goes on is killed with its worker."""
    __module__ = "snakebridge"
module.Atom = Atom
module.NotAuthorizedError = NotAuthorizedError
module.Cancelled = Cancelled
module.cancelled = cancelled
sys.modules.setdefault("snakebridge", module)
)py";

} // namespace

result<void> define_module() {
  const gil_guard gil;
  try {
    py::dict space;
    space["__builtins__"] = py::module_::import("builtins");
    space["__name__"] = "snakebridge";
    space["cancelled"] = py::cpp_function{
      [] {
        const auto* running = call_here();
        return running != nullptr && running->is_over();
      },
      py::name("cancelled"),
      "True when nobody wants the result of the call that runs on this thread, "
      "or has started it: it was cancelled, or is past its deadline."};
    py::exec(source, space);
    return {};
  } catch (const py::error_already_set& raised) {
    return tl::unexpected{error{
      errc::startup_failed,
      fmt::format("Python's side could not be set up: {}", raised.what())}};
  }
}

} // namespace snakebridge
