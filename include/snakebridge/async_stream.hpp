#pragma once
// Streams whose items come as futures: what `bridge.async().stream(…)` answers.
//
//   sb::task<double> sum(sb::bridge& bridge) {
//     auto numbers = bridge.async().stream("m", "numbers").as<double>();
//     double all = 0;
//     while (auto item = or_throw(co_await numbers.next()))
//       all += *item;
//     co_return all;
//   }
//
// All that <snakebridge/stream.hpp> says holds: nothing happens before the
// first item is asked for, batches come ahead of their reader, and stop with
// it.

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <snakebridge/future.hpp>
#include <snakebridge/result.hpp>
#include <snakebridge/value.hpp>

namespace snakebridge {

namespace detail {

/// An asynchronous stream, whatever its items are to be.
class async_reader {
public:
  class state;

  explicit async_reader(std::shared_ptr<state> of);
  async_reader(async_reader&& other) noexcept;
  async_reader& operator=(async_reader&& other) noexcept;
  ~async_reader();

  using item = std::optional<value>;
  /// `done` is called once, here or on another thread; it must not block.
  void next(cancel_token cancel, std::function<void(result<item>)> done);
  void close(std::function<void(result<void>)> done);
  void batch(std::size_t items);
  void timeout_idle(std::chrono::milliseconds time);
  const place_ptr& place() const;

private:
  state& used() const;

  std::shared_ptr<state> state_; // null: moved away
};

} // namespace detail

/// Its items, of type T. Moved, not copied; one thread uses it at a time. One
/// that was moved from throws std::future_error.
/// Destroyed, it closes its generator and does not wait for that; requests that
/// wait for items are then `cancelled`.
template <class T = value>
class [[nodiscard]] async_stream {
public:
  explicit async_stream(detail::async_reader of) : reader_{std::move(of)} {}

  /// The next item; nothing: it has ended. Several may be asked for, and are
  /// answered in order. To cancel one loses no item: the next that asks has it.
  /// Errors: those of `stream::next`, after which it has ended but for
  /// not_convertible; overloaded where 64 requests wait already.
  future<std::optional<T>> next() {
    const auto made =
      std::make_shared<detail::answer_state<std::optional<T>>>(reader_.place());
    reader_.next(made->token(),
                 [made](result<detail::async_reader::item> told) {
                   made->set(read(std::move(told)));
                 });
    return future<std::optional<T>>{made};
  }

  /// Ends it: what its generator's `finally` does has been done then. Requests
  /// that wait for items are `cancelled`. Errors: what `finally` raises, and
  /// those of `caller`.
  future<void> close() {
    const auto made =
      std::make_shared<detail::answer_state<void>>(reader_.place());
    reader_.close([made](result<void> told) { made->set(std::move(told)); });
    return future<void>{made};
  }

  /// As those of `stream`.
  async_stream& batch(std::size_t items) & {
    reader_.batch(items);
    return *this;
  }
  async_stream batch(std::size_t items) && {
    reader_.batch(items);
    return std::move(*this);
  }
  async_stream& timeout_idle(std::chrono::milliseconds time) & {
    reader_.timeout_idle(time);
    return *this;
  }
  async_stream timeout_idle(std::chrono::milliseconds time) && {
    reader_.timeout_idle(time);
    return std::move(*this);
  }
  template <class U>
  async_stream<U> as() && {
    return async_stream<U>{std::move(reader_)};
  }

private:
  static result<std::optional<T>>
  read(result<detail::async_reader::item> told) {
    if constexpr (std::same_as<T, value>) {
      return told;
    } else {
      return std::move(told).and_then(
        [](const detail::async_reader::item& item) -> result<std::optional<T>> {
          if (!item)
            return std::optional<T>{};
          return item->template to<T>().transform(
            [](T converted) { return std::optional<T>{std::move(converted)}; });
        });
    }
  }

  detail::async_reader reader_;
};

} // namespace snakebridge
