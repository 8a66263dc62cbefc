#pragma once
// What Python has of a callback: a callable, which calls its host. Used with
// the GIL.

#include <memory>
#include <string>

#include "runtime/python/python.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

/// How Python's side calls C++: as its placement does.
class callback_caller {
public:
  virtual ~callback_caller() = default;
  /// On any thread of Python. Throws what Python is to raise.
  virtual py::object call(std::uint64_t session, std::uint64_t callback,
                          const py::tuple& positional,
                          const py::dict& named) = 0;
  /// Python has one less of it. Also while Python ends.
  virtual void drop(std::uint64_t session, std::uint64_t callback) noexcept = 0;
};

/// A `snakebridge.Callback`; 0: of the program's tools, which are always there.
/// `given`: says false while it is not sure that Python gets it, when its end
/// is not told; null: it does.
py::object callback_proxy(std::shared_ptr<callback_caller> by,
                          std::uint64_t session, std::uint64_t callback,
                          std::shared_ptr<const bool> given = {});

/// What a callback threw: a `snakebridge.CallbackError`, or Python's TypeError.
[[noreturn]] void throw_thrown(const std::string& type,
                               const std::string& message);
/// Raises that exception again.
[[noreturn]] void throw_again(py::handle raised);
/// Nobody waits for the call it happened in.
[[noreturn]] void throw_cancelled();

} // namespace gnu::visibility("hidden")]]snakebridge
