#pragma once
// Coroutines over futures:
//
//   sb::task<double> mean(sb::bridge& bridge, sb::list numbers) {
//     auto sum = co_await bridge.async().call("math", "fsum", numbers);
//     co_return or_throw(sum).as<double>() / numbers.size();
//   }
//   double m = sb::sync_wait(mean(bridge, {1, 2, 3}));
//
// A task begins when it is awaited, and goes on on the callback threads of the
// bridge. What it throws is thrown where it is awaited.

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <snakebridge/future.hpp>

namespace snakebridge {

template <class T>
class task;

namespace detail {

class task_promise_base {
public:
  std::suspend_always initial_suspend() const noexcept { return {}; }
  auto final_suspend() const noexcept {
    struct goes_on {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<>
      await_suspend(std::coroutine_handle<>) const noexcept {
        return waits;
      }
      void await_resume() const noexcept {}
      std::coroutine_handle<> waits;
    };
    return goes_on{waits_};
  }
  void unhandled_exception() { thrown_ = std::current_exception(); }
  void set_waiting(std::coroutine_handle<> waits) { waits_ = waits; }

protected:
  void rethrow() const {
    if (thrown_)
      std::rethrow_exception(thrown_);
  }

private:
  std::coroutine_handle<> waits_ = std::noop_coroutine();
  std::exception_ptr thrown_;
};

template <class T>
class task_promise final : public task_promise_base {
public:
  task<T> get_return_object();
  template <class U>
  void return_value(U&& outcome) {
    outcome_.emplace(std::forward<U>(outcome));
  }
  T take() {
    rethrow();
    return *std::move(outcome_);
  }

private:
  std::optional<T> outcome_;
};

template <>
class task_promise<void> final : public task_promise_base {
public:
  task<void> get_return_object();
  void return_void() const {}
  void take() const { rethrow(); }
};

} // namespace detail

/// What a coroutine will answer. Moved, not copied; awaited once. One that is
/// dropped before it began never does; while it runs it must not be dropped.
template <class T = void>
class [[nodiscard]] task {
public:
  using promise_type = detail::task_promise<T>;

  explicit task(std::coroutine_handle<promise_type> of) : of_{of} {}
  task(task&& other) noexcept : of_{std::exchange(other.of_, nullptr)} {}
  task& operator=(task&& other) noexcept {
    std::swap(of_, other.of_);
    return *this;
  }
  ~task() {
    if (of_)
      of_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<>
  await_suspend(std::coroutine_handle<> waits) const noexcept {
    of_.promise().set_waiting(waits);
    return of_;
  }
  T await_resume() const { return of_.promise().take(); }

private:
  std::coroutine_handle<promise_type> of_;
};

namespace detail {

template <class T>
task<T> task_promise<T>::get_return_object() {
  return task<T>{std::coroutine_handle<task_promise>::from_promise(*this)};
}
inline task<void> task_promise<void>::get_return_object() {
  return task<void>{std::coroutine_handle<task_promise>::from_promise(*this)};
}

/// A coroutine that begins at once and is nobody's.
struct detached {
  struct promise_type {
    detached get_return_object() const { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const {}
    [[noreturn]] void unhandled_exception() const { std::terminate(); }
  };
};

/// What a task has answered, once somebody has waited for it.
template <class T>
struct task_outcome {
  std::optional<T> answered;
  std::exception_ptr thrown;
};
template <>
struct task_outcome<void> {
  std::exception_ptr thrown;
};

template <class T>
detached run_into(task<T> what, task_outcome<T>& outcome, one_time_gate done) {
  // What it was made with is gone before anybody hears of its end.
  try {
    const auto ends_here = std::move(what);
    if constexpr (std::is_void_v<T>)
      co_await ends_here;
    else
      outcome.answered.emplace(co_await ends_here);
  } catch (...) {
    outcome.thrown = std::current_exception();
  }
  done.open();
}

} // namespace detail

/// Runs a task and waits for what it answers, or throws what it throws. On a
/// callback thread it keeps that from what the task may wait for.
template <class T>
T sync_wait(task<T> what) {
  detail::task_outcome<T> outcome;
  const detail::one_time_gate done;
  detail::run_into(std::move(what), outcome, done);
  done.wait();
  if (outcome.thrown)
    std::rethrow_exception(outcome.thrown);
  if constexpr (!std::is_void_v<T>)
    return *std::move(outcome.answered);
}

} // namespace snakebridge
