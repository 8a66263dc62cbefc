#pragma once
// What Python awaits: on the interpreter's event loop, which snakebridge.py
// keeps. Used with the GIL, which is free while they wait.

#include "runtime/python/python.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

/// The next item of an asynchronous iterator; null: there is none. Throws what
/// Python raises.
py::object next_awaited(py::handle iterator);

/// Closes an asynchronous generator; the same throws.
/// What `awaitable` answers, on the event loop. Throws what it raises.
py::object awaited(py::handle awaitable);
py::object close_awaited(py::handle iterator);

} // namespace gnu::visibility("hidden")]]snakebridge
