#pragma once
// The edge of Python: what is thrown behind it is an error in front of it.

#include <new>

#include "runtime/python/raised.hpp"
#include "runtime/wire/messages.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

/// Runs `ask` and answers what it does, or what it threw: Python's exceptions,
/// our refusals, and what a hostile message made Cap'n Proto throw. `keep_in`:
/// looked at after `ask`, which may have set it.
template <class Ask>
auto guarded(Ask ask, const exception_place& keep_in)
  -> result<decltype(ask())> {
  try {
    if constexpr (std::is_void_v<decltype(ask())>) {
      ask();
      return {};
    } else {
      return ask();
    }
  } catch (py::error_already_set& raised) {
    return to_error(raised, keep_in);
  } catch (const py::builtin_exception& raised) {
    raised.set_error();
    auto fetched = take_raised();
    return to_error(fetched, keep_in);
  } catch (const exception& refused) {
    return refused.error();
  } catch (const kj::Exception& broken) {
    return wire::malformed(broken);
  } catch (const std::bad_alloc&) {
    return tl::unexpected{
      error{errc::payload_too_large, "no memory left for the value"}};
  } catch (const std::exception& unexpected) {
    // pybind11, of what Python code cannot be blamed for but by its authors.
    PyErr_SetString(PyExc_SystemError, unexpected.what());
    auto fetched = take_raised();
    return to_error(fetched, keep_in);
  }
}

template <class Ask>
auto guarded(Ask ask) -> result<decltype(ask())> {
  return guarded(std::move(ask), exception_place{});
}

} // namespace gnu::visibility("hidden")]]snakebridge
