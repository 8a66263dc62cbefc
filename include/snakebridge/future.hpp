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
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
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

/// This thread waits for the answer of that call, at most until then: it brings
/// in answers meanwhile. It may come back earlier.
void help(const std::shared_ptr<exchange>& call,
          std::chrono::steady_clock::time_point until);
/// Somebody goes on with its answer.
void hurry(const std::shared_ptr<exchange>& call);

/// Where what goes on with an answer runs: on the callback threads of a bridge,
/// in the session of the call. It may outlive both.
class continuation_place;
using place_ptr = std::shared_ptr<const continuation_place>;

/// Runs it on a callback thread; here, once there are none any more.
void run_later(const place_ptr& in, std::function<void()> what);
/// One step of a wait on the bridge's clock: false when it is later than
/// `until`, and where nobody moves the clock for one that waits.
bool wait_step(const continuation_place& in, std::unique_lock<std::mutex>& lock,
               std::condition_variable& changed,
               std::chrono::steady_clock::time_point until);
std::chrono::steady_clock::time_point now(const continuation_place& in);
/// Runs it without the GIL, which this thread may hold and others need.
void run_without_gil(const std::function<void()>& what);
/// What a continuation threw: an sb::exception's own error, else
/// callback_failed.
error error_of(const std::exception_ptr& thrown);

/// What can be cancelled of a future, and of those made of it.
class cancel_chain {
public:
  /// From now on this one as well.
  void add(const std::shared_ptr<cancel_chain>& further);
  const cancel_token& token() const { return token_; }
  bool cancel();

private:
  cancel_source own_;
  cancel_token token_ = own_.token();
  std::mutex mutex_;
  std::vector<std::shared_ptr<cancel_chain>> further_;
};

template <class T>
class answer_state : public std::enable_shared_from_this<answer_state<T>> {
public:
  explicit answer_state(place_ptr place) : place_{std::move(place)} {}

  /// The call that will set it, if it is not set yet.
  void comes_of(std::shared_ptr<exchange> call) {
    const std::lock_guard lock{mutex_};
    if (!outcome_)
      call_ = std::move(call);
  }
  /// Once.
  void set(result<T> outcome) {
    next_step next;
    std::shared_ptr<exchange> over;
    {
      const std::lock_guard lock{mutex_};
      outcome_.emplace(std::move(outcome));
      next = std::exchange(next_, {});
      over.swap(call_);
    }
    changed_.notify_all();
    if (next)
      run_next(std::move(next));
  }
  bool is_set() const {
    const std::lock_guard lock{mutex_};
    return outcome_.has_value();
  }
  bool wait_until(std::chrono::steady_clock::time_point until) {
    if (is_set())
      return true;
    bool set = false;
    run_without_gil([&] {
      if (const auto call = this->call())
        help(call, until);
      std::unique_lock lock{mutex_};
      while (!outcome_ && wait_step(*place_, lock, changed_, until)) {
      }
      set = outcome_.has_value();
    });
    return set;
  }
  /// Once it is set, and once.
  result<T> take() {
    const std::lock_guard lock{mutex_};
    return std::move(*outcome_);
  }

  using next_step = std::function<void(result<T>)>;
  /// Calls `next` with what it is set to, on a callback thread.
  void on_set(next_step next) {
    std::unique_lock lock{mutex_};
    if (outcome_) {
      lock.unlock();
      return run_next(std::move(next));
    }
    next_ = std::move(next);
    const auto call = call_;
    lock.unlock();
    if (call)
      hurry(call);
  }

  const place_ptr& place() const { return place_; }
  const std::shared_ptr<cancel_chain>& chain() const { return chain_; }

private:
  std::shared_ptr<exchange> call() const {
    const std::lock_guard lock{mutex_};
    return call_;
  }
  void run_next(next_step next) {
    run_later(place_, [self = this->shared_from_this(),
                       next = std::move(next)] { next(self->take()); });
  }

  const place_ptr place_;
  const std::shared_ptr<cancel_chain> chain_ = std::make_shared<cancel_chain>();
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<result<T>> outcome_;
  std::shared_ptr<exchange> call_;
  next_step next_;
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
      throw std::future_error{std::future_errc::no_state};
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
      made->chain()->add(from->chain());
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
  bool cancel() { return used().chain()->cancel(); }

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
    made->chain()->add(from->chain());
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
      throw std::future_error{std::future_errc::no_state};
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
    throw std::future_error{std::future_errc::no_state};
  const auto made =
    std::make_shared<detail::answer_state<answers>>(sources.front()->place());
  const auto mine = std::make_shared<gathered>();
  mine->parts.resize(sources.size());
  mine->left = sources.size();
  for (std::size_t at = 0; at < sources.size(); ++at) {
    made->chain()->add(sources[at]->chain());
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
    made->chain()->add(source->chain());
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
