#pragma once
// Items of a stream on their way to who asked for them: written as they are
// produced, sent when their batch is full, when the first of them has waited
// for long enough though the producer works on, or at the end. Used on the
// thread that runs the producer, with the GIL; they are also sent on the thread
// of the ticks, without it.

#include <mutex>
#include <optional>

#include <snakebridge/operation.hpp>

#include "runtime/base/batch_ticks.hpp"
#include "runtime/python/from_python.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

class item_batch : public batch_ticks::batch {
public:
  explicit item_batch(const batch_limits& limits) : limits_{limits} {}
  item_batch(const item_batch&) = delete;
  item_batch& operator=(const item_batch&) = delete;

  /// Another item, its refs kept in the session; true when it is time to answer
  /// with what is there. Throws what `guarded` tells; then it is not in.
  bool add(py::handle item, session_objects& session, leaves as,
           std::size_t bytes_max);
  /// Sends off what is there.
  void send_rest();

  steady_clock::time_point look(steady_clock::time_point now) final;

protected:
  ~item_batch() = default;

  /// Writes the item at that place of the batch; places ascend from 0. Answers
  /// what all of it takes in bytes.
  virtual std::size_t write(result_writer& writer, py::handle item,
                            std::uint32_t at) = 0;
  /// The same of numbers, which are faster written where that is known.
  virtual std::size_t write(std::int64_t item, std::uint32_t at) = 0;
  virtual std::size_t write(double item, std::uint32_t at) = 0;
  /// Sends the batch off, with so many items: if another was begun, it is not
  /// among them. The next is at 0.
  virtual void send(std::uint32_t count) = 0;

  const batch_limits limits_;
  std::mutex mutex_; // of all below, and of `write` and `send`
  std::uint32_t count_ = 0;

private:
  std::optional<std::size_t> write_number(py::handle item, leaves as);
  bool is_in(std::size_t bytes);

  std::size_t refs_ = 0;
  bool is_late_ = false; // part of it has been sent off
  steady_clock::time_point first_came_;
};

} // namespace gnu::visibility("hidden")]]snakebridge
