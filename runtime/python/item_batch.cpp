#include "runtime/python/item_batch.hpp"

#include <algorithm>

#include "config/tunables.hpp"

namespace snakebridge {

namespace {

constexpr std::chrono::milliseconds again{limits::tick_again_ms};

} // namespace

// Nothing: it is none, or is to be told as something else.
std::optional<std::size_t> item_batch::write_number(py::handle item,
                                                    leaves as) {
  PyObject* object = item.ptr();
  if (as == leaves::all_refs)
    return {};
  if (PyFloat_CheckExact(object))
    return write(PyFloat_AS_DOUBLE(object), count_);
  if (!PyLong_CheckExact(object))
    return {};
  int overflow = 0;
  const auto number = PyLong_AsLongLongAndOverflow(object, &overflow);
  return overflow == 0 ? std::optional{write(std::int64_t{number}, count_)}
                       : std::nullopt;
}

// It is in the batch, which takes so many bytes: whether that is enough.
bool item_batch::is_in(std::size_t bytes) {
  if (count_++ == 0)
    first_came_ = steady_clock::now();
  return is_late_ || count_ >= limits_.items || bytes >= limits_.bytes
         || limits_.time.count() == 0;
}

bool item_batch::add(py::handle item, session_objects& session, leaves as,
                     std::size_t bytes_max) {
  const std::lock_guard lock{mutex_};
  if (const auto bytes = write_number(item, as); bytes && *bytes <= bytes_max)
    return is_in(*bytes);
  const auto put = [&] {
    result_writer writer{session, as, bytes_max};
    const auto bytes = write(writer, item, count_);
    if (bytes > bytes_max)
      throw exception{wire::too_large(bytes_max)};
    session.settle();
    refs_ += writer.made();
    writer.commit();
    return bytes;
  };
  std::size_t bytes = 0;
  try {
    bytes = put();
  } catch (const exception& refused) {
    // Alone it may fit.
    if (refused.error().code() != errc::payload_too_large || count_ == 0)
      throw;
    send(std::exchange(count_, 0));
    is_late_ = true; // what is in it now is to be answered
    bytes = put();
  }
  const auto refs_max =
    std::max<std::size_t>(session.refs_max() / limits::batch_refs_part, 1);
  return is_in(bytes) || refs_ >= refs_max;
}

void item_batch::send_rest() {
  const std::lock_guard lock{mutex_};
  if (count_ > 0)
    send(std::exchange(count_, 0));
}

steady_clock::time_point item_batch::look(steady_clock::time_point now) {
  const std::unique_lock lock{mutex_, std::try_to_lock};
  if (!lock)
    return now + again;
  const auto due = first_came_ + limits_.time;
  if (count_ > 0 && now < due)
    return due;
  if (count_ > 0) {
    is_late_ = true;
    send(std::exchange(count_, 0));
  }
  return now + std::max(limits_.time, again);
}

} // namespace snakebridge
