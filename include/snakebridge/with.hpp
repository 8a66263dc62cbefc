#pragma once
// Python's context managers:
//
//   sb::with(bridge.import("builtins").attr("open")("/tmp/f", "w"),
//            [](sb::object f) { f.attr("write")("hi"); });

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <snakebridge/object.hpp>

namespace snakebridge {

namespace detail {

/// Inside a context manager, which has been entered: what Python raises in this
/// thread's calls is kept, so that the manager gets the object itself.
class entered {
public:
  explicit entered(object manager);
  ~entered();
  entered(const entered&) = delete;
  entered& operator=(const entered&) = delete;

  /// What `__enter__` answered.
  const object& given() const { return given_; }
  /// `__exit__` without an exception. Throws what it raises.
  void leave();
  /// `__exit__` with what the body threw: whether that is suppressed. Throws
  /// what it raises; a manager that has died with its interpreter, or its
  /// session, suppresses nothing.
  bool leave(const std::exception_ptr& thrown);

private:
  void end_of_body();

  const object manager_;
  std::optional<bool> keeps_around_;
  bool is_inside_ = true;
  object given_;
};

} // namespace detail

/// Enters the context manager, runs `body`, which may take what `__enter__`
/// answered, and leaves the manager, however the body ends. `__exit__` gets
/// what the body threw: an exception of Python's is the same object, with its
/// frames; other C++ exceptions are a `snakebridge.CallbackError` with their
/// text and type. Where it answers true that is suppressed, and the answer is
/// the body's type made of nothing; else it is thrown on. Asynchronous managers
/// too. It is left although the body was cancelled, or had no more time; inside
/// a callback it has the time of that. Throws what the body, `__enter__` and
/// `__exit__` do.
template <class Body>
auto with(object manager, Body&& body) {
  constexpr bool takes_it = std::invocable<Body, object>;
  const auto run = [&](const object& given) -> decltype(auto) {
    if constexpr (takes_it)
      return std::invoke(std::forward<Body>(body), given);
    else
      return std::invoke(std::forward<Body>(body));
  };
  using outcome =
    std::remove_cvref_t<std::invoke_result_t<decltype(run), const object&>>;
  detail::entered inside{std::move(manager)};
  try {
    if constexpr (std::is_void_v<outcome>) {
      run(inside.given());
      inside.leave();
      return;
    } else {
      outcome made = run(inside.given());
      inside.leave();
      return made;
    }
  } catch (...) {
    if (!inside.leave(std::current_exception()))
      throw;
  }
  if constexpr (!std::is_void_v<outcome>) {
    static_assert(std::default_initializable<outcome>,
                  "the exception may be suppressed: answer an optional");
    return outcome{};
  }
}

} // namespace snakebridge
