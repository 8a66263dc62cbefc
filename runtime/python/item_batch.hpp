#pragma once
// Items of a stream on their way to who asked for them: written as they are
// produced, sent when their batch is full, when the first of them has waited
// for long enough though the producer works on, or at the end. Used on the
// thread that runs the producer, with the GIL; they are also sent on the thread
// of the ticks, without it.
//
// Numbers of one kind are written without a lock, as long as nothing else has
// come: into a row that does not move, beyond those that were told of. Whoever
// sends them copies what was told of, so the row is written once and read as
// often as somebody sends.

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <variant>

#include <snakebridge/operation.hpp>

#include "runtime/base/batch_ticks.hpp"
#include "runtime/python/from_python.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

class item_batch : public batch_ticks::batch {
public:
  explicit item_batch(const batch_limits& limits);
  item_batch(const item_batch&) = delete;
  item_batch& operator=(const item_batch&) = delete;

  /// Another item, its refs kept in the session; true when it is time to answer
  /// with what is there. Throws what `guarded` tells; then it is not in.
  bool add(py::handle item, session_objects& session, leaves as,
           std::size_t bytes_max) {
    PyObject* object = item.ptr();
    if (has_numbers_only_ && as != leaves::all_refs) {
      if (PyLong_CheckExact(object)) {
        int overflow = 0;
        const auto number = PyLong_AsLongLongAndOverflow(object, &overflow);
        if (overflow == 0)
          if (auto* const row = row_of<std::int64_t>())
            return tell(*row, std::int64_t{number});
      } else if (PyFloat_CheckExact(object)) {
        if (auto* const row = row_of<double>())
          return tell(*row, PyFloat_AS_DOUBLE(object));
      }
    }
    return add_other(item, session, as, bytes_max);
  }
  /// Sends off what is there.
  void send_rest();

  steady_clock::time_point look(steady_clock::time_point now) final;

protected:
  /// Numbers that all are of one kind.
  using numbers =
    std::variant<std::span<const std::int64_t>, std::span<const double>>;

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
  /// Sends numbers, of which nothing was written.
  virtual void send(const numbers& all) = 0;

  /// With the lock: nothing but numbers has come.
  bool has_numbers_only() const { return has_numbers_only_; }
  /// With the lock: those that have not been taken.
  numbers take_numbers();

  const batch_limits limits_;
  std::mutex mutex_;        // of `write` and `send`, and of what they are about
  std::uint32_t count_ = 0; // are written; with the lock

private:
  template <class T>
  using row = std::unique_ptr<T[]>;

  // Where the next number of that kind goes; null: not into a row.
  template <class T>
  row<T>* row_of() {
    const auto told = told_.load(std::memory_order_relaxed);
    if (told == 0)
      begin_row<T>();
    return told < numbers_max_ ? std::get_if<row<T>>(&row_) : nullptr;
  }
  // The number is in: whether it is time to answer.
  template <class T>
  bool tell(row<T>& into, T number) {
    const auto at = told_.load(std::memory_order_relaxed);
    into[at] = number;
    told_.store(at + 1, std::memory_order_release);
    return at + 1 == numbers_max_ || is_late_.load(std::memory_order_relaxed);
  }
  template <class T>
  void begin_row();
  bool add_other(py::handle item, session_objects& session, leaves as,
                 std::size_t bytes_max);
  void write_out_numbers();
  std::optional<std::size_t> write_number(py::handle item, leaves as);
  bool is_in(std::size_t bytes);
  std::uint32_t count() const;
  void send_off();

  const std::uint32_t numbers_max_;
  // Of the producer, without the lock, until it tells of the first number; the
  // time also later, but with the lock.
  std::variant<row<std::int64_t>, row<double>> row_;
  steady_clock::time_point first_came_;
  std::atomic<std::uint32_t> told_ = 0; // numbers that are in the row
  std::atomic<bool> is_late_ = false;   // part of it has been sent off
  // With the lock, but for the producer's own look.
  bool has_numbers_only_ = true;
  std::uint32_t taken_ = 0; // of the numbers
  std::size_t refs_ = 0;
};

} // namespace gnu::visibility("hidden")]]snakebridge
