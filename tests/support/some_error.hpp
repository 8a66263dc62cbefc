#pragma once
// An exception of Python's with something of all that one may have.

#include <memory>

#include <snakebridge/result.hpp>

namespace snakebridge::testing {

inline python_error some_error() {
  python_error cause;
  cause.type = "ZeroDivisionError";
  python_error raised;
  raised.type = "ValueError";
  raised.module = "builtins";
  raised.message = "no";
  raised.traceback = "Traceback";
  raised.frames = {{"f.py", 3, "f"}, {"g.py", 4, "g"}};
  raised.notes = {"note"};
  raised.mro = {"builtins.ValueError", "builtins.object"};
  raised.cause = std::make_shared<const python_error>(cause);
  raised.context = raised.cause;
  raised.exceptions = {cause};
  raised.facts = {{"dtype", "float64"}};
  return raised;
}

} // namespace snakebridge::testing
