#include "runtime/python/item_batch.hpp"

#include <algorithm>

#include "config/tunables.hpp"

namespace snakebridge {

namespace {

constexpr std::chrono::milliseconds again{limits::tick_again_ms};

} // namespace

bool item_batch::add(py::handle item, session_objects& session, leaves as,
                     std::size_t bytes_max) {
  const std::lock_guard lock{mutex_};
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
  if (count_++ == 0)
    first_came_ = steady_clock::now();
  const auto refs_max =
    std::max<std::size_t>(session.refs_max() / limits::batch_refs_part, 1);
  return is_late_ || count_ >= limits_.items || bytes >= limits_.bytes
         || refs_ >= refs_max || limits_.time.count() == 0;
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
