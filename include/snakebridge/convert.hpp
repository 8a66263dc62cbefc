#pragma once
// The standard library's types as Python values, both ways. Conversion is
// exact or an error: 5 is an int, 5.0 a float, true a bool, and none becomes
// another on the way. Containers nest to any depth the limits allow.

#include <array>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

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

template <class T>
concept stored = one_of<T, std::string, bytes, list, tuple, dict, ref>;

result<std::int64_t> to_integer(const value& from);
result<double> to_floating(const value& from);
error out_of_range(std::string_view wanted, const value& got);
[[noreturn]] void throw_too_large(std::uint64_t number);

/// The items of a list or tuple; null for anything else.
const std::vector<value>* items_of(const value& from);

template <class T>
result<std::vector<T>> to_vector(const value& from, std::string_view wanted) {
  const auto* items = items_of(from);
  if (items == nullptr)
    return tl::unexpected{not_convertible(wanted, from)};
  std::vector<T> converted;
  converted.reserve(items->size());
  for (const auto& item : *items) {
    auto next = converter<T>::from_value(item);
    if (!next)
      return tl::unexpected{not_convertible_at(
        "[" + std::to_string(converted.size()) + "]", next.error())};
    converted.push_back(std::move(*next));
  }
  return converted;
}

template <class Items>
value list_of(const Items& items) {
  list converted;
  converted.reserve(items.size());
  for (const auto& item : items)
    converted.emplace_back(item);
  return converted;
}

template <class Map>
value dict_of(const Map& entries) {
  dict converted;
  converted.reserve(entries.size());
  for (const auto& [key, item] : entries)
    converted.set(key, item);
  return converted;
}

template <class Map>
result<Map> to_map(const value& from) {
  const auto* entries = from.get_if<dict>();
  if (entries == nullptr)
    return tl::unexpected{not_convertible("dict", from)};
  Map converted;
  for (const auto& [key, item] : *entries) {
    auto name = converter<typename Map::key_type>::from_value(key);
    if (!name)
      return tl::unexpected{
        not_convertible_at("key " + repr_short(key), name.error())};
    auto next = converter<typename Map::mapped_type>::from_value(item);
    if (!next)
      return tl::unexpected{
        not_convertible_at("[" + repr_short(key) + "]", next.error())};
    converted.emplace(std::move(*name), std::move(*next));
  }
  return converted;
}

template <class Tuple, std::size_t... Is>
result<Tuple> to_tuple(const value& from, std::index_sequence<Is...>) {
  const auto* items = items_of(from);
  if (items == nullptr || items->size() != sizeof...(Is))
    return tl::unexpected{
      not_convertible("tuple of " + std::to_string(sizeof...(Is)), from)};
  std::optional<error> failed;
  std::tuple<std::optional<std::tuple_element_t<Is, Tuple>>...> parts;
  auto convert = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
    auto next =
      converter<std::tuple_element_t<I, Tuple>>::from_value((*items)[I]);
    if (next)
      std::get<I>(parts) = std::move(*next);
    else if (!failed)
      failed = not_convertible_at("[" + std::to_string(I) + "]", next.error());
  };
  (convert(std::integral_constant<std::size_t, Is>{}), ...);
  if (failed)
    return tl::unexpected{std::move(*failed)};
  return Tuple{std::move(*std::get<Is>(parts))...};
}

} // namespace detail

template <>
struct converter<value> {
  static value to_value(const value& item) { return item; }
  static result<value> from_value(const value& item) { return item; }
};

template <>
struct converter<none_t> {
  static value to_value(none_t) { return {}; }
  static result<none_t> from_value(const value& from) {
    if (!from.is_none())
      return tl::unexpected{not_convertible("None", from)};
    return none;
  }
};

template <>
struct converter<std::nullptr_t> {
  static value to_value(std::nullptr_t) { return {}; }
};

template <>
struct converter<bool> {
  static value to_value(bool item) { return value::of_boolean(item); }
  static result<bool> from_value(const value& from) {
    if (const auto* item = from.get_if<bool>())
      return *item;
    return tl::unexpected{not_convertible("bool", from)};
  }
};

template <detail::python_integer T>
struct converter<T> {
  static value to_value(T item) {
    if constexpr (std::unsigned_integral<T> && sizeof(T) == 8)
      if (item > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
        detail::throw_too_large(item);
    return value::of_integer(static_cast<std::int64_t>(item));
  }
  static result<T> from_value(const value& from) {
    auto item = detail::to_integer(from);
    if (!item)
      return tl::unexpected{item.error()};
    if (!std::in_range<T>(*item))
      return tl::unexpected{detail::out_of_range(
        std::to_string(sizeof(T) * 8) + " bit integer", from)};
    return static_cast<T>(*item);
  }
};

/// An int becomes a double only when it is one exactly.
template <>
struct converter<double> {
  static value to_value(double item) { return value::of_floating(item); }
  static result<double> from_value(const value& from) {
    return detail::to_floating(from);
  }
};

template <>
struct converter<float> {
  static value to_value(float item) { return value::of_floating(item); }
  static result<float> from_value(const value& from) {
    auto item = detail::to_floating(from);
    if (!item)
      return tl::unexpected{item.error()};
    const auto narrow = static_cast<float>(*item);
    if (*item == *item && static_cast<double>(narrow) != *item)
      return tl::unexpected{detail::out_of_range("32 bit float", from)};
    return narrow;
  }
};

template <>
struct converter<char> {
  static value to_value(char item) { return std::string(1, item); }
};

template <>
struct converter<std::string_view> {
  static value to_value(std::string_view item) { return std::string{item}; }
};

template <std::size_t N>
struct converter<char[N]> {
  static value to_value(const char (&item)[N]) {
    return value{static_cast<const char*>(item)};
  }
};

/// The types a value stores as they are.
template <detail::stored T>
struct converter<T> {
  static value to_value(const T& item) { return value(T(item)); }
  static result<T> from_value(const value& from) {
    if (const auto* item = from.get_if<T>())
      return *item;
    constexpr std::string_view wanted = std::same_as<T, std::string> ? "str"
                                        : std::same_as<T, bytes>     ? "bytes"
                                        : std::same_as<T, list>      ? "list"
                                        : std::same_as<T, tuple>     ? "tuple"
                                        : std::same_as<T, dict>      ? "dict"
                                                                     : "ref";
    return tl::unexpected{not_convertible(wanted, from)};
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
    if (from.is_none())
      return std::optional<T>{};
    return converter<T>::from_value(from).map(
      [](T item) { return std::optional<T>{std::move(item)}; });
  }
};

template <class T>
struct converter<std::vector<T>> {
  static value
  to_value(const std::vector<T>& items) requires convertible_to_python<T> {
    return detail::list_of(items);
  }
  static result<std::vector<T>>
  from_value(const value& from) requires convertible_from_python<T> {
    return detail::to_vector<T>(from, "list");
  }
};

template <class T, std::size_t N>
struct converter<std::array<T, N>> {
  static value
  to_value(const std::array<T, N>& items) requires convertible_to_python<T> {
    return detail::list_of(items);
  }
  static result<std::array<T, N>>
  from_value(const value& from) requires convertible_from_python<T> {
    auto items = detail::to_vector<T>(from, "list of " + std::to_string(N));
    if (!items)
      return tl::unexpected{items.error()};
    if (items->size() != N)
      return tl::unexpected{
        not_convertible("list of " + std::to_string(N), from)};
    std::array<T, N> converted;
    std::move(items->begin(), items->end(), converted.begin());
    return converted;
  }
};

template <class K, class V, class... Rest>
struct converter<std::map<K, V, Rest...>> {
  using map = std::map<K, V, Rest...>;
  static value to_value(const map& entries) requires(
    convertible_to_python<K>&& convertible_to_python<V>) {
    return detail::dict_of(entries);
  }
  static result<map> from_value(const value& from) requires(
    convertible_from_python<K>&& convertible_from_python<V>) {
    return detail::to_map<map>(from);
  }
};

template <class K, class V, class... Rest>
struct converter<std::unordered_map<K, V, Rest...>> {
  using map = std::unordered_map<K, V, Rest...>;
  static value to_value(const map& entries) requires(
    convertible_to_python<K>&& convertible_to_python<V>) {
    return detail::dict_of(entries);
  }
  static result<map> from_value(const value& from) requires(
    convertible_from_python<K>&& convertible_from_python<V>) {
    return detail::to_map<map>(from);
  }
};

template <class... Ts>
struct converter<std::tuple<Ts...>> {
  static value to_value(const std::tuple<Ts...>& items) requires(
    convertible_to_python<Ts>&&...) {
    return std::apply(
      [](const auto&... item) { return value{tuple{value{item}...}}; }, items);
  }
  static result<std::tuple<Ts...>>
  from_value(const value& from) requires(convertible_from_python<Ts>&&...) {
    return detail::to_tuple<std::tuple<Ts...>>(
      from, std::index_sequence_for<Ts...>{});
  }
};

template <class A, class B>
struct converter<std::pair<A, B>> {
  static value to_value(const std::pair<A, B>& items) requires(
    convertible_to_python<A>&& convertible_to_python<B>) {
    return tuple{value{items.first}, value{items.second}};
  }
  static result<std::pair<A, B>> from_value(const value& from) requires(
    convertible_from_python<A>&& convertible_from_python<B>) {
    return detail::to_tuple<std::pair<A, B>>(from, std::index_sequence<0, 1>{});
  }
};

} // namespace snakebridge
