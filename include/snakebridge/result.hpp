#pragma once
// What a function answers that can fail: its value, or the error that says what
// to do. A result has the interface of std::expected and is safe to use without
// a look: where it has no value, `*r`, `r->` and `r.value()` throw the
// exception that matches its error. Of a result that is about to go, `*` and
// `value()` answer the value itself and not a reference into it, so `for (const
// auto& each : *bridge.call(…))` is sound. `f()->…` looks into it, so what that
// points into, as `f()->get_if<T>()` does, is gone after the full expression.
// To leave a result lying is a warning of the compiler.

#include <concepts>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <tl/expected.hpp>

#include <snakebridge/error.hpp>

namespace snakebridge {

template <class T>
class result;

namespace detail {

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<result<T>> = true;

/// What makes a result by itself, and not as its value.
template <class U>
inline constexpr bool is_outcome = is_result<U>;
template <>
inline constexpr bool is_outcome<error> = true;
template <>
inline constexpr bool is_outcome<tl::unexpected<error>> = true;
template <>
inline constexpr bool is_outcome<std::in_place_t> = true;
template <>
inline constexpr bool is_outcome<tl::unexpect_t> = true;

/// What a result may be made of as its value.
template <class U, class T>
concept value_of_result =
  !is_outcome<std::remove_cvref_t<U>> && std::constructible_from<T, U>;

template <class T>
concept default_made = std::is_void_v<T> || std::default_initializable<T>;
template <class T>
inline constexpr bool is_made_without_throwing =
  std::is_void_v<T> || std::is_nothrow_default_constructible_v<T>;

template <class T, class U>
concept comparable = requires(const T& left, const U& right) {
  { left == right } -> std::convertible_to<bool>;
};

/// The type a call of `F` answers, as what a result may hold.
template <class F, class... Args>
using answer_of = std::remove_cvref_t<std::invoke_result_t<F, Args...>>;

[[noreturn]] void throw_no_error();

} // namespace detail

/// Throws the exception that matches the error.
[[noreturn]] void throw_error(const error& failed);

template <class T>
class [[nodiscard]] result {
public:
  using value_type = T;
  using error_type = snakebridge::error;
  using unexpected_type = tl::unexpected<snakebridge::error>;
  template <class U>
  using rebind = result<U>;

  // Not defaulted: `result<T>{}` would write zeros over all of it first.
  result() noexcept(
    detail::is_made_without_throwing<T>) requires detail::default_made<T> {}

  template <class U = T>
  requires detail::value_of_result<U, T>
  explicit(!std::convertible_to<U, T>) result(U&& item)
      : held_(tl::in_place, std::forward<U>(item)) {}

  result(snakebridge::error why) : held_{tl::unexpect, std::move(why)} {}
  result(tl::unexpected<snakebridge::error> why)
      : held_{tl::unexpect, std::move(why.value())} {}

  explicit result(std::in_place_t) requires(std::is_void_v<T>) {}
  template <class... Args>
  requires std::constructible_from<T, Args...>
  explicit result(std::in_place_t, Args&&... args)
      : held_(tl::in_place, std::forward<Args>(args)...) {}
  template <class U, class... Args>
  requires std::constructible_from < T, std::initializer_list<U>
  &, Args... > explicit result(std::in_place_t, std::initializer_list<U> items,
                               Args&&... args)
      : held_(tl::in_place, items, std::forward<Args>(args)...) {}
  template <class... Args>
  requires std::constructible_from<snakebridge::error, Args...>
  explicit result(tl::unexpect_t, Args&&... args)
      : held_{tl::unexpect, snakebridge::error{std::forward<Args>(args)...}} {}

  template <class U>
  requires(
    !std::same_as<
      U, T> && std::constructible_from<T, const U&>) explicit(!std::
                                                                convertible_to<
                                                                  const U&, T>)
    result(const result<U>& other)
      : held_{other ? tl::expected<T, snakebridge::error>{tl::in_place, *other}
                    : tl::expected<T, snakebridge::error>{tl::unexpect,
                                                          other.error()}} {}
  template <class U>
  requires(!std::same_as<U, T> && std::constructible_from<T, U>) explicit(
    !std::convertible_to<U, T>) result(result<U>&& other)
      : held_{other ? tl::expected<T, snakebridge::error>{tl::in_place,
                                                          *std::move(other)}
                    : tl::expected<T, snakebridge::error>{
                      tl::unexpect, std::move(other).error()}} {}

  bool has_value() const noexcept { return held_.has_value(); }
  explicit operator bool() const noexcept { return held_.has_value(); }

  /// The value. Throws the exception that matches the snakebridge::error where
  /// it has none.
  std::add_lvalue_reference_t<T> value() & {
    check();
    if constexpr (!std::is_void_v<T>)
      return *held_;
  }
  std::add_lvalue_reference_t<const T> value() const& {
    check();
    if constexpr (!std::is_void_v<T>)
      return *held_;
  }
  T value() && {
    check();
    if constexpr (!std::is_void_v<T>)
      return *std::move(held_);
  }
  T value() const&& {
    check();
    if constexpr (!std::is_void_v<T>)
      return *held_;
  }
  std::add_lvalue_reference_t<T> operator*() & { return value(); }
  std::add_lvalue_reference_t<const T> operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T operator*() const&& { return std::move(*this).value(); }
  std::add_pointer_t<T> operator->() requires(!std::is_void_v<T>) {
    check();
    return &*held_;
  }
  std::add_pointer_t<const T> operator->() const requires(!std::is_void_v<T>) {
    check();
    return &*held_;
  }

  /// The error. Throws std::logic_error where there is a value.
  snakebridge::error& error() & {
    check_failed();
    return held_.error();
  }
  const snakebridge::error& error() const& {
    check_failed();
    return held_.error();
  }
  snakebridge::error error() && {
    check_failed();
    return std::move(held_).error();
  }
  snakebridge::error error() const&& {
    check_failed();
    return held_.error();
  }

  template <class U>
  requires(!std::is_void_v<T>) T value_or(U&& instead)
  const& { return held_ ? *held_ : static_cast<T>(std::forward<U>(instead)); }
  template <class U>
  requires(!std::is_void_v<T>) T value_or(U&& instead) && {
    return held_ ? *std::move(held_) : static_cast<T>(std::forward<U>(instead));
  }
  template <class E = snakebridge::error>
  snakebridge::error error_or(E&& instead) const {
    return held_ ? snakebridge::error{std::forward<E>(instead)} : held_.error();
  }

  template <class... Args>
  decltype(auto) emplace(Args&&... args) {
    if constexpr (std::is_void_v<T>)
      held_ = {};
    else
      held_ = tl::expected<T, snakebridge::error>(tl::in_place,
                                                  std::forward<Args>(args)...);
    return value();
  }

  void swap(result& other) { std::swap(held_, other.held_); }

  /// `then(value)`, which answers a result; the snakebridge::error stays.
  template <class F>
  auto and_then(F&& then) & {
    return chained(*this, std::forward<F>(then));
  }
  template <class F>
  auto and_then(F&& then) const& {
    return chained(*this, std::forward<F>(then));
  }
  template <class F>
  auto and_then(F&& then) && {
    return chained(std::move(*this), std::forward<F>(then));
  }

  /// A result of `change(value)`; the snakebridge::error stays.
  template <class F>
  auto transform(F&& change) & {
    return changed(*this, std::forward<F>(change));
  }
  template <class F>
  auto transform(F&& change) const& {
    return changed(*this, std::forward<F>(change));
  }
  template <class F>
  auto transform(F&& change) && {
    return changed(std::move(*this), std::forward<F>(change));
  }

  /// The value, else `otherwise(error)`, which answers a result of this type.
  template <class F>
  result or_else(F&& otherwise) & {
    return mended(*this, std::forward<F>(otherwise));
  }
  template <class F>
  result or_else(F&& otherwise) const& {
    return mended(*this, std::forward<F>(otherwise));
  }
  template <class F>
  result or_else(F&& otherwise) && {
    return mended(std::move(*this), std::forward<F>(otherwise));
  }

  /// The value, else a result of the snakebridge::error `change(error)`.
  template <class F>
  result transform_error(F&& change) & {
    return told_anew(*this, std::forward<F>(change));
  }
  template <class F>
  result transform_error(F&& change) const& {
    return told_anew(*this, std::forward<F>(change));
  }
  template <class F>
  result transform_error(F&& change) && {
    return told_anew(std::move(*this), std::forward<F>(change));
  }

  friend bool operator==(const result& left, const result& right) {
    if (left.has_value() != right.has_value())
      return false;
    if (!left.has_value())
      return left.held_.error() == right.held_.error();
    if constexpr (std::is_void_v<T>)
      return true;
    else
      return *left.held_ == *right.held_;
  }
  template <class U>
  requires(!std::same_as<U, T> && detail::comparable<T, U>) friend bool
  operator==(const result& left, const result<U>& right) {
    if (left.has_value() && right.has_value())
      return *left.held_ == *right;
    return !left.has_value() && !right.has_value()
           && left.held_.error() == right.error();
  }
  template <class U>
  requires(detail::value_of_result<U, T>) friend bool
  operator==(const result& left, const U& right) {
    return left.held_ && *left.held_ == right;
  }
  friend bool operator==(const result& left, const snakebridge::error& right) {
    return !left.held_ && left.held_.error() == right;
  }

private:
  void check() const {
    if (!held_) [[unlikely]]
      throw_error(held_.error());
  }
  void check_failed() const {
    if (held_) [[unlikely]]
      detail::throw_no_error();
  }

  // `F` of the value of `self`, which has one.
  template <class Self, class F>
  static decltype(auto) of_value(Self&& self, F&& ask) {
    if constexpr (std::is_void_v<T>)
      return std::invoke(std::forward<F>(ask));
    else
      return std::invoke(std::forward<F>(ask), *std::forward<Self>(self).held_);
  }
  template <class Self, class F>
  static auto chained(Self&& self, F&& then) {
    using answer = std::remove_cvref_t<decltype(of_value(
      std::forward<Self>(self), std::forward<F>(then)))>;
    static_assert(detail::is_result<answer>, "`and_then` needs a result");
    if (!self.held_)
      return answer{std::forward<Self>(self).held_.error()};
    return answer{of_value(std::forward<Self>(self), std::forward<F>(then))};
  }
  template <class Self, class F>
  static auto changed(Self&& self, F&& change) {
    using answer = std::remove_cvref_t<decltype(of_value(
      std::forward<Self>(self), std::forward<F>(change)))>;
    if (!self.held_)
      return result<answer>{std::forward<Self>(self).held_.error()};
    if constexpr (std::is_void_v<answer>) {
      of_value(std::forward<Self>(self), std::forward<F>(change));
      return result<void>{};
    } else {
      return result<answer>{std::in_place, of_value(std::forward<Self>(self),
                                                    std::forward<F>(change))};
    }
  }
  template <class Self, class F>
  static result mended(Self&& self, F&& otherwise) {
    if (self.held_)
      return std::forward<Self>(self);
    return std::invoke(std::forward<F>(otherwise),
                       std::forward<Self>(self).held_.error());
  }
  template <class Self, class F>
  static result told_anew(Self&& self, F&& change) {
    if (self.held_)
      return std::forward<Self>(self);
    return snakebridge::error{std::invoke(
      std::forward<F>(change), std::forward<Self>(self).held_.error())};
  }

  tl::expected<T, snakebridge::error> held_;
};

/// The value, or the exception that matches the error.
template <class T>
T or_throw(result<T> outcome) {
  return std::move(outcome).value();
}

/// What `body` answers, as a result: a `snakebridge::exception` that leaves it
/// is the error it stands for, and a result it answers is the result itself.
/// All other exceptions pass.
template <std::invocable Body>
auto attempt(Body&& body) {
  using answer = detail::answer_of<Body>;
  using outcome =
    std::conditional_t<detail::is_result<answer>, std::type_identity<answer>,
                       std::type_identity<result<answer>>>;
  try {
    if constexpr (std::is_void_v<answer>) {
      std::invoke(std::forward<Body>(body));
      return result<void>{};
    } else {
      return typename outcome::type{std::invoke(std::forward<Body>(body))};
    }
  } catch (const exception& failed) {
    return typename outcome::type{failed.error()};
  }
}

} // namespace snakebridge
