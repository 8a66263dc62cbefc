#pragma once
// Answers that come later: what the functions of `bridge.async()` answer, and
// the items of its streams (<snakebridge/async_stream.hpp>).
//
//   sb::future<sb::value> root = bridge.async().call("math", "sqrt", 16);
//   …
//   sb::result<sb::value> r = root.get();
//
// Each is answered once, at the latest when its call's time is over, whether
// somebody waits or not; to drop one neither waits nor cancels. What goes on
// with an answer (`then`, a coroutine) runs on the bridge's callback threads
// (`callback_threads`), never on one that brings answers, and its calls use the
// session of the call it goes on with, unless they name another. One that waits
// there for long keeps the others waiting.

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <snakebridge/cancel.hpp>
#include <snakebridge/result.hpp>

namespace snakebridge {

template <class T>
class future;

class exchange;

namespace detail {

/// Where what goes on with an answer runs: on the callback threads of a bridge,
/// in the session of the call. It may outlive both.
class continuation_place;
using place_ptr = std::shared_ptr<const continuation_place>;

std::chrono::steady_clock::time_point now(const continuation_place& in);
/// Opened once, by any thread. Copies are the same gate.
class one_time_gate {
public:
  one_time_gate();
  void open() const;
  /// Without the GIL, which this thread may hold and others need.
  void wait() const;

private:
  struct inside;
  std::shared_ptr<inside> inside_;
};

/// What a continuation threw: an sb::exception's own error, else
/// callback_failed.
error error_of(const std::exception_ptr& thrown);
/// Throws std::future_error.
[[noreturn]] void throw_no_state();

/// An answer that comes later, whatever it is to be.
class answer_core : public std::enable_shared_from_this<answer_core> {
public:
  answer_core(const answer_core&) = delete;
  answer_core& operator=(const answer_core&) = delete;

  /// The call that will set it, if it is not set yet.
  void comes_of(std::shared_ptr<exchange> call);
  bool is_set() const;
  bool wait_until(std::chrono::steady_clock::time_point until);

  /// Cancels the call, and those of all that it is made of.
  bool cancel();
  const cancel_token& token() const;
  /// To cancel this one cancels that as well, from now on.
  void is_made_of(const answer_core& further) const;

  const place_ptr& place() const;

protected:
  using next_step = std::function<void(answer_core&)>;

  explicit answer_core(place_ptr place);
  ~answer_core();
  /// What it is set to is there. Once.
  void publish();
  /// Calls `next` once it is set, on a callback thread.
  void go_on(next_step next);

private:
  void run_next(next_step next);

  struct inside;
  const std::unique_ptr<inside> inside_;
};

template <class T>
class answer_state final : public answer_core {
public:
  explicit answer_state(place_ptr place) : answer_core{std::move(place)} {}

  /// Once.
  void set(result<T> outcome) {
    outcome_.emplace(std::move(outcome));
    publish();
  }
  /// Once it is set, and once.
  result<T> take() { return std::move(*outcome_); }

  /// Calls `next` with what it is set to, on a callback thread.
  void on_set(std::function<void(result<T>)> next) {
    go_on([next = std::move(next)](answer_core& of) {
      next(static_cast<answer_state&>(of).take());
    });
  }

private:
  std::optional<result<T>> outcome_; // nobody looks before it is set
};

template <class T>
struct future_content {
  using type = T;
};
template <class T>
struct future_content<result<T>> {
  using type = T;
};
template <class T>
struct future_content<future<T>> {
  using type = T;
};

/// How the library gets at what a future is made of.
struct future_access {
  template <class T>
  static std::shared_ptr<answer_state<T>> take(future<T>& of) {
    if (!of.state_)
      throw_no_state();
    return std::exchange(of.state_, nullptr);
  }
};

/// Sets `made` to what the continuation answers, or throws.
template <class Answer, class Run>
void pass_on(const std::shared_ptr<answer_state<Answer>>& made,
             const Run& run) {
  using given = std::invoke_result_t<Run>;
  try {
    if constexpr (std::is_same_v<given, future<Answer>>) {
      auto later = run();
      const auto from = future_access::take(later);
      made->is_made_of(*from);
      from->on_set(
        [made](result<Answer> outcome) { made->set(std::move(outcome)); });
    } else if constexpr (std::is_void_v<given>) {
      run();
      made->set({});
    } else {
      made->set(run());
    }
  } catch (...) {
    made->set(error_of(std::current_exception()));
  }
}

} // namespace detail

/// An answer of type T, or an error. Moved, not copied; one thread uses it at a
/// time. It may outlive its bridge: then it has its answer. Of one that is
/// empty, moved from or read, all but `valid` throw std::future_error.
template <class T>
class [[nodiscard]] future {
public:
  future() = default;
  explicit future(std::shared_ptr<detail::answer_state<T>> of)
      : state_{std::move(of)} {}
  future(future&&) noexcept = default;
  future& operator=(future&&) noexcept = default;

  bool valid() const { return state_ != nullptr; }
  bool ready() const { return used().is_set(); }
  /// Waits at most so long: whether it is there.
  bool wait_for(std::chrono::nanoseconds time) {
    auto& mine = used();
    return mine.wait_until(detail::now(*mine.place()) + time);
  }
  /// Waits for the answer. Where a test moves the clock by hand, one that is
  /// not there is deadline_exceeded.
  result<T> get() {
    const auto mine = detail::future_access::take(*this);
    if (!mine->wait_until(std::chrono::steady_clock::time_point::max()))
      return error{errc::deadline_exceeded,
                   "the answer has not come, and nobody else moves the clock"};
    return mine->take();
  }
  /// Cancels its call: it answers `cancelled` unless it has its answer already.
  /// Of one made by `then` or `when_all`, all that it is made of. False if it
  /// was cancelled before.
  bool cancel() { return used().cancel(); }

  /// Calls `next(result<T>)` with the answer, on a callback thread. The future
  /// of what that answers: a value, a result, a future or nothing. What it
  /// throws is its error: an sb::exception's own, else callback_failed.
  template <class Next>
  requires std::invocable<Next&, result<T>>
  auto then(Next next) {
    using given = std::invoke_result_t<Next&, result<T>>;
    using answer = typename detail::future_content<given>::type;
    const auto from = detail::future_access::take(*this);
    const auto made =
      std::make_shared<detail::answer_state<answer>>(from->place());
    made->is_made_of(*from);
    // Shared, because what it holds may not be copyable.
    from->on_set([made, next = std::make_shared<Next>(std::move(next))](
                   result<T> outcome) {
      detail::pass_on<answer>(
        made, [&]() -> given { return (*next)(std::move(outcome)); });
    });
    return future<answer>{made};
  }

  /// `co_await` answers a result<T>; the coroutine goes on on a callback
  /// thread, or at once if the answer is there.
  auto operator co_await() {
    struct waiting {
      std::shared_ptr<detail::answer_state<T>> from;
      std::optional<result<T>> outcome = {};

      bool await_ready() const { return from->is_set(); }
      void await_suspend(std::coroutine_handle<> goes_on) {
        // Not ours to touch once it is set: the coroutine may be gone by then.
        const auto kept = from;
        kept->on_set([this, goes_on](result<T> told) {
          outcome.emplace(std::move(told));
          goes_on.resume();
        });
      }
      result<T> await_resume() {
        return outcome ? *std::move(outcome) : from->take();
      }
    };
    return waiting{detail::future_access::take(*this)};
  }

private:
  friend struct detail::future_access;

  detail::answer_state<T>& used() const {
    if (!state_)
      detail::throw_no_state();
    return *state_;
  }

  std::shared_ptr<detail::answer_state<T>> state_;
};

/// All their answers in order, once the last is there. Throws
/// std::future_error for no futures, which have no bridge.
template <class T>
future<std::vector<result<T>>> when_all(std::vector<future<T>> all) {
  using answers = std::vector<result<T>>;
  struct gathered {
    std::vector<std::optional<result<T>>> parts;
    std::atomic<std::size_t> left;
  };
  std::vector<std::shared_ptr<detail::answer_state<T>>> sources;
  for (auto& each : all)
    sources.push_back(detail::future_access::take(each));
  if (sources.empty())
    detail::throw_no_state();
  const auto made =
    std::make_shared<detail::answer_state<answers>>(sources.front()->place());
  const auto mine = std::make_shared<gathered>();
  mine->parts.resize(sources.size());
  mine->left = sources.size();
  for (std::size_t at = 0; at < sources.size(); ++at) {
    made->is_made_of(*sources[at]);
    sources[at]->on_set([made, mine, at](result<T> outcome) {
      mine->parts[at].emplace(std::move(outcome));
      if (--mine->left > 0)
        return;
      answers told;
      told.reserve(mine->parts.size());
      for (auto& each : mine->parts)
        told.push_back(*std::move(each));
      made->set(std::move(told));
    });
  }
  return future<answers>{made};
}

/// The same of futures of several types, as a tuple.
template <class First, class... Ts>
future<std::tuple<result<First>, result<Ts>...>> when_all(future<First> first,
                                                          future<Ts>... all) {
  using answers = std::tuple<result<First>, result<Ts>...>;
  struct gathered {
    std::tuple<std::optional<result<First>>, std::optional<result<Ts>>...>
      parts;
    std::atomic<std::size_t> left = 1 + sizeof...(Ts);
  };
  const auto sources = std::tuple{detail::future_access::take(first),
                                  detail::future_access::take(all)...};
  const auto made = std::make_shared<detail::answer_state<answers>>(
    std::get<0>(sources)->place());
  const auto mine = std::make_shared<gathered>();
  const auto gather = [&]<std::size_t At>(
                        std::integral_constant<std::size_t, At>) {
    const auto& source = std::get<At>(sources);
    made->is_made_of(*source);
    source->on_set([made, mine](auto outcome) {
      std::get<At>(mine->parts).emplace(std::move(outcome));
      if (--mine->left == 0)
        made->set(
          std::apply([](auto&... each) { return answers{*std::move(each)...}; },
                     mine->parts));
    });
  };
  [&]<std::size_t... At>(std::index_sequence<At...>) {
    (gather(std::integral_constant<std::size_t, At>{}), ...);
  }
  (std::index_sequence_for<First, Ts...>{});
  return future<answers>{made};
}

} // namespace snakebridge
