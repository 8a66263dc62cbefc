#pragma once
// Iterating in Python: generators, iterators, any iterable, asynchronous ones
// too.
//
//   for (sb::result<sb::value> item : bridge.stream("builtins", "range", 10))
//     …
//
// Nothing happens before the first item is asked for. Items come in batches,
// and two more are asked for while one is read: a consumer that stops reading
// stops the producer. An error of Python or of the bridge is the last item.
// Leaving the loop, and the end of the stream before it, closes a generator:
// what its `finally` does is done then, or its time is over. One that is
// iterated again goes on, and is empty once it has ended.

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <snakebridge/convert.hpp>
#include <snakebridge/result.hpp>

namespace snakebridge {

/// What the body of `for_each` wants.
enum class flow : std::uint8_t { next, stop };

namespace detail {

class question;

/// A stream, whatever its items are to be.
class stream_reader {
public:
  class state;

  explicit stream_reader(std::unique_ptr<state> of);

  /// Puts the next item there; nothing: it has ended.
  void next(std::optional<result<value>>& into) {
    // Most items are taken out of a batch that is here, and are nobody's.
    if (state_ && state_->next != state_->end && !state_->next->holds_refs())
      into.emplace(std::in_place, std::move(*state_->next++));
    else
      into = next_of_state();
  }
  result<void> close();
  void batch(std::size_t items);
  void timeout_idle(std::chrono::milliseconds time);
  /// From now on objects among its items have owners.
  void own_items();

private:
  friend class state;

  /// Items that have come and were not read.
  struct unread {
    value* next = nullptr;
    value* end = nullptr;
  };
  /// It is a `state`, whose end closes the stream.
  struct deleter {
    void operator()(unread* of) const;
  };

  std::optional<result<value>> next_of_state();
  state* whole() const;

  std::unique_ptr<unread, deleter> state_; // null: moved away
};

} // namespace detail

/// Its items, of type T. Moved, not copied; one thread reads it at a time. It
/// may outlive its session and its bridge: then it has ended. Its iterator is
/// one of the session's refs, and kept as they are (`ref_rules`).
template <class T = value>
class [[nodiscard]] stream {
public:
  explicit stream(detail::stream_reader of) : reader_{std::move(of)} {}

  /// The next item; nothing: it has ended. Waits for it, at most for the idle
  /// timeout. Errors, after which it has ended: those of `caller`;
  /// not_iterable; deadline_exceeded where no item came in time;
  /// payload_too_large for an item; not_convertible for one that is no T, after
  /// which it goes on.
  std::optional<result<T>> next() {
    std::optional<result<T>> item;
    read(item);
    return item;
  }

  /// Items that come at once, at most; 1 to 1,000,000. `stream_rules` say how
  /// many else.
  stream& batch(std::size_t items) & {
    reader_.batch(items);
    return *this;
  }
  stream batch(std::size_t items) && {
    reader_.batch(items);
    return std::move(*this);
  }
  /// How long an item may take to come; `stream_rules` say else.
  stream& timeout_idle(std::chrono::milliseconds time) & {
    reader_.timeout_idle(time);
    return *this;
  }
  stream timeout_idle(std::chrono::milliseconds time) && {
    reader_.timeout_idle(time);
    return std::move(*this);
  }
  /// The same stream, of items of that type.
  template <class U>
  stream<U> as() && {
    return stream<U>{std::move(reader_)};
  }

  /// Calls `body` with each item until it answers flow::stop, or always where
  /// it answers nothing; then the stream is closed. Errors: of the first item
  /// that is one.
  template <class Body>
  result<void> for_each(Body body) {
    while (auto item = next()) {
      if (!*item) {
        static_cast<void>(close());
        return tl::unexpected{std::move(*item).error()};
      }
      if constexpr (std::same_as<std::invoke_result_t<Body&, T>, flow>) {
        if (body(*std::move(*item)) == flow::stop)
          return close();
      } else {
        body(*std::move(*item));
      }
    }
    return {};
  }

  /// Ends it: what its generator's `finally` does has been done then. Errors:
  /// what that raises, and those of `caller`. A stream that has ended is closed
  /// already.
  result<void> close() { return reader_.close(); }

  /// Input iterators: an item is moved out of its stream.
  class iterator {
  public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = result<T>;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    explicit iterator(stream& of) : of_{&of} { ++*this; }

    result<T>&& operator*() const { return std::move(*of_->item_); }
    iterator& operator++() {
      of_->read(of_->item_);
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const {
      return of_ == nullptr || !of_->item_;
    }

  private:
    stream* of_ = nullptr;
  };

  iterator begin() { return iterator{*this}; }
  std::default_sentinel_t end() const { return {}; }

private:
  friend class detail::question;

  void read(std::optional<result<T>>& into) {
    if constexpr (std::same_as<T, value>) {
      reader_.next(into);
    } else {
      std::optional<result<value>> item;
      reader_.next(item);
      if (item)
        into = item->and_then(
          [](const value& told) { return told.template to<T>(); });
      else
        into.reset();
    }
  }

  detail::stream_reader reader_;
  std::optional<result<T>> item_;
};

} // namespace snakebridge
