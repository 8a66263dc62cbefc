#include "runtime/python/item_batch.hpp"

#include <algorithm>

#include "config/tunables.hpp"

namespace snakebridge {

namespace {

constexpr std::chrono::milliseconds again{limits::tick_again_ms};

// With so many it is full.
std::uint32_t numbers_max(const batch_limits& limits) {
  if (limits.time.count() == 0 || limits.bytes == 0)
    return 1;
  const auto enough = (limits.bytes - 1) / sizeof(word) + 1;
  return static_cast<std::uint32_t>(
    std::min<std::size_t>(enough, limits.items));
}

} // namespace

item_batch::item_batch(const batch_limits& limits)
    : limits_{limits},
      numbers_max_{numbers_max(limits)} {}

template <class T>
void item_batch::begin_row() {
  row_ = std::make_unique_for_overwrite<T[]>(numbers_max_);
  first_came_ = steady_clock::now();
}
template void item_batch::begin_row<std::int64_t>();
template void item_batch::begin_row<double>();

item_batch::numbers item_batch::take_numbers() {
  const auto told = told_.load(std::memory_order_acquire);
  const auto from = std::exchange(taken_, told);
  return std::visit(
    [=]<class T>(const row<T>& all) {
      return numbers{std::span<const T>{all.get() + from, told - from}};
    },
    row_);
}

// Something else has come, and what was not taken goes with it. Where there is
// no memory for that, they stay numbers.
void item_batch::write_out_numbers() {
  const auto told = told_.load(std::memory_order_relaxed);
  std::visit(
    [&](const auto& all) {
      for (auto at = taken_; at < told; ++at)
        write(all[at], at - taken_);
    },
    row_);
  count_ = told - std::exchange(taken_, told);
  has_numbers_only_ = false;
}

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

bool item_batch::add_other(py::handle item, session_objects& session, leaves as,
                           std::size_t bytes_max) {
  const std::lock_guard lock{mutex_};
  if (has_numbers_only_)
    write_out_numbers();
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

// With the lock: what there is to send.
std::uint32_t item_batch::count() const {
  return has_numbers_only_ ? told_.load(std::memory_order_acquire) - taken_
                           : count_;
}

void item_batch::send_off() {
  if (count() == 0)
    return;
  if (has_numbers_only_)
    send(take_numbers());
  else
    send(std::exchange(count_, 0));
}

void item_batch::send_rest() {
  const std::lock_guard lock{mutex_};
  send_off();
}

steady_clock::time_point item_batch::look(steady_clock::time_point now) {
  const std::unique_lock lock{mutex_, std::try_to_lock};
  if (!lock)
    return now + again;
  if (count() > 0) {
    const auto due = first_came_ + limits_.time;
    if (now < due)
      return due;
    is_late_ = true;
    send_off();
  }
  return now + std::max(limits_.time, again);
}

} // namespace snakebridge
