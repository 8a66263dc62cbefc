#pragma once
// The standard library's types as Python values, both ways. Conversion is
// exact or an error: 5 is an int, 5.0 a float, true a bool, and none becomes
// another on the way. Containers nest to any depth the limits allow.

#include <complex>
#include <concepts>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <snakebridge/value.hpp>

namespace snakebridge {

/// The error of a value that is not of the wanted type.
error not_convertible(std::string_view wanted, const value& got);
/// The same error, said of the item at `place` of a container: "[3]".
error not_convertible_at(std::string_view place, const error& inner);

namespace detail {

template <class T>
inline constexpr bool is_text = std::same_as<T, char>;

template <class T>
concept python_integer =
  std::integral<T> && !std::same_as<T, bool> && !is_text<T>;

result<integer> to_integer(const value& from);
result<double> to_floating(const value& from);
/// What stands for nothing where `value::cast` is asked: NaN, NaT, NA.
bool is_missing(const value& from);
/// What `cast` takes an object for, whose class is derived from a type that has
/// values (`ref::base`); null: nothing, or no loss is allowed.
const value* base_of(const value& from);
error out_of_range(std::string_view wanted, const value& got);
/// Of an integer of so many bits.
error beyond_bits(std::size_t bits, const value& got);
/// None of so many types takes it.
error none_of(std::size_t types, const value& got);
/// not_convertible: "this is no " and what Python would have.
[[noreturn]] void throw_not_in_python(std::string_view wanted);

} // namespace detail

template <>
struct converter<value> {
  static value to_value(const value& item) { return item; }
  static result<value> from_value(const value& item) { return item; }
};

template <>
struct converter<none_t> {
  static value to_value(none_t) { return {}; }
  static result<none_t> from_value(const value& from);
};

template <>
struct converter<std::nullptr_t> {
  static value to_value(std::nullptr_t) { return {}; }
};

template <>
struct converter<bool> {
  static value to_value(bool item) { return value::of_boolean(item); }
  static result<bool> from_value(const value& from);
};

template <detail::python_integer T>
struct converter<T> {
  static value to_value(T item) {
    if constexpr (std::unsigned_integral<T> && sizeof(T) == 8)
      if (!std::in_range<std::int64_t>(item))
        return value::of_integer(integer{item});
    return value::of_integer(static_cast<std::int64_t>(item));
  }
  static result<T> from_value(const value& from) {
    if (const auto* small = from.get_if<std::int64_t>())
      if (std::in_range<T>(*small))
        return static_cast<T>(*small);
    auto item = detail::to_integer(from);
    if (!item)
      return tl::unexpected{item.error()};
    if (const auto small = item->to_int64(); small && std::in_range<T>(*small))
      return static_cast<T>(*small);
    if constexpr (std::unsigned_integral<T> && sizeof(T) == 8)
      if (const auto large = item->to_uint64())
        return static_cast<T>(*large);
    return detail::beyond_bits(sizeof(T) * 8, from);
  }
};

template <>
struct converter<integer> {
  static value to_value(const integer& item) { return value::of_integer(item); }
  static result<integer> from_value(const value& from);
};

/// An int becomes a double only when it is one exactly.
template <>
struct converter<double> {
  static value to_value(double item) { return value::of_floating(item); }
  static result<double> from_value(const value& from);
};

template <>
struct converter<float> {
  static value to_value(float item) { return value::of_floating(item); }
  /// Rounds where it may (`value::cast`).
  static result<float> from_value(const value& from);
};

/// Of a complex; of a float or int that is one exactly.
template <std::floating_point T>
struct converter<std::complex<T>> {
  static value to_value(const std::complex<T>& item) {
    return value{std::complex<double>{item}};
  }
  static result<std::complex<T>> from_value(const value& from) {
    std::complex<double> item;
    if (const auto* both = from.get_if<std::complex<double>>())
      item = *both;
    else if (const auto real = detail::to_floating(from))
      item = *real;
    else
      return tl::unexpected{not_convertible("complex", from)};
    const auto narrow = [&](double part) {
      return converter<T>::from_value(value::of_floating(part));
    };
    const auto real = narrow(item.real()), imaginary = narrow(item.imag());
    if (!real || !imaginary)
      return tl::unexpected{detail::out_of_range("complex", from)};
    return std::complex<T>{*real, *imaginary};
  }
};

template <>
struct converter<char> {
  static value to_value(char item);
};

template <>
struct converter<std::string_view> {
  static value to_value(std::string_view item);
};

template <std::size_t N>
struct converter<char[N]> {
  static value to_value(const char (&item)[N]) {
    return value{static_cast<const char*>(item)};
  }
};

/// A str, as `os.fspath` gives it. As `os.fsdecode` and `os.fsencode`: bytes
/// that are no UTF-8 go as lone surrogates and come back.
template <>
struct converter<std::filesystem::path> {
  static value to_value(const std::filesystem::path& item);
  static result<std::filesystem::path> from_value(const value& from);
};

/// The types a value stores as they are.
template <detail::stored T>
struct converter<T> {
  static value to_value(const T& item) { return value(T(item)); }
  static result<T> from_value(const value& from) {
    if (const auto* item = from.get_if<T>())
      return *item;
    if (const auto* base = detail::base_of(from))
      return from_value(*base);
    return tl::unexpected{not_convertible(to_string(detail::kind_of<T>), from)};
  }
};

/// An empty optional is None.
template <class T>
struct converter<std::optional<T>> {
  static value
  to_value(const std::optional<T>& item) requires convertible_to_python<T> {
    return item ? value{*item} : value{};
  }
  static result<std::optional<T>>
  from_value(const value& from) requires convertible_from_python<T> {
    if (from.is_none() || detail::is_missing(from))
      return std::optional<T>{};
    return converter<T>::from_value(from).transform(
      [](T item) { return std::optional<T>{std::move(item)}; });
  }
};

template <>
struct converter<std::monostate> {
  static value to_value(std::monostate) { return {}; }
  static result<std::monostate> from_value(const value& from);
};

/// The first alternative of just the value's kind, else the first it converts
/// to: an int becomes the double of variant<double, std::string>, and the int
/// of variant<double, int>.
template <class... Ts>
struct converter<std::variant<Ts...>> {
  using variant = std::variant<Ts...>;
  static value
  to_value(const variant& item) requires all_convertible_to_python<Ts...> {
    return std::visit([](const auto& each) { return value{each}; }, item);
  }
  static result<variant>
  from_value(const value& from) requires all_convertible_from_python<Ts...> {
    std::optional<variant> exact, any;
    const auto offer = [&]<class T>(std::in_place_type_t<T>) {
      if (exact)
        return;
      auto item = converter<T>::from_value(from);
      if (!item)
        return;
      bool is_exact = false;
      if constexpr (convertible_to_python<T>)
        is_exact = value{*item}.kind() == from.kind();
      auto& place = is_exact ? exact : any;
      if (!place)
        place.emplace(std::in_place_type<T>, *std::move(item));
    };
    (offer(std::in_place_type<Ts>), ...);
    if (exact || any)
      return std::move(exact ? *exact : *any);
    return detail::none_of(sizeof...(Ts), from);
  }
};

} // namespace snakebridge

#include <snakebridge/convert_chrono.hpp>
#include <snakebridge/convert_containers.hpp>
