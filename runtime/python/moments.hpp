#pragma once
// The types of Python's datetime module. Each `…_of` takes an object of just
// that type, and answers nothing where its tzinfo is no value.

#include <optional>

#include <snakebridge/value.hpp>

#include "runtime/python/python.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {
namespace moments {

/// One of the four of datetime: just these, and not what stands in for them.
bool is_type(const PyTypeObject* type);

std::optional<value> date_of(py::handle from);
std::optional<value> time_of(py::handle from);
std::optional<value> datetime_of(py::handle from);
std::optional<value> timedelta_of(py::handle from);

/// Throw Python's ValueError for a field out of its bounds.
py::object python_date(const date& from);
py::object python_time(const time& from);
py::object python_datetime(const datetime& from);
py::object python_timedelta(const timedelta& from);

} // namespace moments
} // namespace gnu::visibility("hidden")]]snakebridge
