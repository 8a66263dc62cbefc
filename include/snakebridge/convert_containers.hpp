#pragma once
// The standard library's containers as Python's, both ways. Part of
// <snakebridge/convert.hpp>. Rows (vector, deque, list, array) are lists and
// come from tuples too; maps are dicts, in the map's order; sets are sets and
// come from frozensets too; pair and tuple are tuples.

#include <array>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <snakebridge/value.hpp>

namespace snakebridge {

namespace detail {

/// The items of a list or tuple; null for anything else.
const std::vector<value>* sequence_of(const value& from);
/// Those of a set and a slice too.
const std::vector<value>* items_of(const value& from);
/// not_convertible_at "[3]".
error misfit_at(std::size_t place, const error& inner);
// Texts are put together in the library: gcc 12 warns of `+` on strings that it
// inlines at -O3, in the programs of users.
/// not_convertible_at "['when']", the item under that key.
error misfit_under(const value& key, const error& inner);
/// not_convertible_at "key 'when'", or "item 5".
error misfit_of(std::string_view what, const value& named, const error& inner);
/// not_convertible: "tuple of 2".
error not_so_many(std::string_view wanted, std::size_t items, const value& got);
/// Of a NaN, or what converts to the same as another.
error no_key_of_its_own();

template <class Row>
struct row_converter {
  using item = typename Row::value_type;
  static value to_value(const Row& items) requires convertible_to_python<item> {
    list converted;
    for (const auto& each : items)
      converted.emplace_back(static_cast<const item&>(each));
    return value{std::move(converted)};
  }
  static result<Row>
  from_value(const value& from) requires convertible_from_python<item> {
    const auto* items = sequence_of(from);
    if (items == nullptr)
      return tl::unexpected{not_convertible("list", from)};
    Row converted;
    for (std::size_t at = 0; at < items->size(); ++at) {
      auto next = converter<item>::from_value((*items)[at]);
      if (!next)
        return tl::unexpected{misfit_at(at, next.error())};
      converted.push_back(std::move(*next));
    }
    return converted;
  }
};

template <class Map>
struct map_converter {
  using key = typename Map::key_type;
  using item = typename Map::mapped_type;
  static value
  to_value(const Map& entries) requires all_convertible_to_python<key, item> {
    dict converted;
    converted.reserve(entries.size());
    for (const auto& [name, each] : entries)
      converted.set(name, each);
    if (converted.size() != entries.size())
      throw_not_in_python("dict: some of its keys are equal in Python");
    return value{std::move(converted)};
  }
  static result<Map> from_value(const value& from) requires
    all_convertible_from_python<key, item> {
    const auto* entries = from.get_if<dict>();
    if (entries == nullptr)
      return tl::unexpected{not_convertible("dict", from)};
    Map converted;
    for (const auto& [name, each] : *entries) {
      auto made = converter<key>::from_value(name);
      if (!made)
        return tl::unexpected{misfit_of("key ", name, made.error())};
      auto next = converter<item>::from_value(each);
      if (!next)
        return tl::unexpected{misfit_under(name, next.error())};
      if (!converted.emplace(std::move(*made), std::move(*next)).second)
        return tl::unexpected{misfit_of("key ", name, no_key_of_its_own())};
    }
    return converted;
  }
};

template <class Set>
struct set_converter {
  using item = typename Set::key_type;
  static value to_value(const Set& items) requires convertible_to_python<item> {
    set converted;
    converted.reserve(items.size());
    for (const auto& each : items)
      converted.insert(each);
    if (converted.size() != items.size())
      throw_not_in_python("set: some of its items are equal in Python");
    return value{std::move(converted)};
  }
  static result<Set>
  from_value(const value& from) requires convertible_from_python<item> {
    const set* items = from.get_if<set>();
    if (items == nullptr)
      items = from.get_if<frozenset>();
    if (items == nullptr)
      return tl::unexpected{not_convertible("set", from)};
    Set converted;
    for (const auto& each : *items) {
      auto next = converter<item>::from_value(each);
      if (!next)
        return tl::unexpected{misfit_of("item ", each, next.error())};
      if (!converted.insert(std::move(*next)).second)
        return tl::unexpected{misfit_of("item ", each, no_key_of_its_own())};
    }
    return converted;
  }
};

/// The parts of a tuple of just so many, each converted.
template <class Tuple, std::size_t... Is>
result<Tuple> to_tuple(const value& from, std::index_sequence<Is...>) {
  constexpr auto count = sizeof...(Is);
  const auto* items = sequence_of(from);
  if (items == nullptr || items->size() != count)
    return not_so_many("tuple", count, from);
  // In their order, and the first that fails is told.
  std::optional<error> failed;
  const auto part = [&]<std::size_t I>(std::in_place_index_t<I>) {
    using item = std::tuple_element_t<I, Tuple>;
    auto next =
      failed ? result<item>{*failed} : converter<item>::from_value((*items)[I]);
    if (!next && !failed)
      failed = misfit_at(I, next.error());
    return next;
  };
  if constexpr ((std::is_default_constructible_v<
                   std::tuple_element_t<Is, Tuple>> && ...)) {
    Tuple made{};
    const auto read = [&]<std::size_t I>(std::in_place_index_t<I> at) {
      if (auto next = part(at))
        std::get<I>(made) = *std::move(next);
    };
    (read(std::in_place_index<Is>), ...);
    if (failed)
      return *std::move(failed);
    return made;
  } else {
    std::tuple<result<std::tuple_element_t<Is, Tuple>>...> parts{
      part(std::in_place_index<Is>)...};
    if (failed)
      return *std::move(failed);
    return std::apply([](auto&... each) { return Tuple{*std::move(each)...}; },
                      parts);
  }
}

} // namespace detail

template <class T, class A>
struct converter<std::vector<T, A>> : detail::row_converter<std::vector<T, A>> {
};
template <class T, class A>
struct converter<std::deque<T, A>> : detail::row_converter<std::deque<T, A>> {};
template <class T, class A>
struct converter<std::list<T, A>> : detail::row_converter<std::list<T, A>> {};

template <class K, class V, class... Rest>
struct converter<std::map<K, V, Rest...>>
    : detail::map_converter<std::map<K, V, Rest...>> {};
template <class K, class V, class... Rest>
struct converter<std::unordered_map<K, V, Rest...>>
    : detail::map_converter<std::unordered_map<K, V, Rest...>> {};

template <class T, class... Rest>
struct converter<std::set<T, Rest...>>
    : detail::set_converter<std::set<T, Rest...>> {};
template <class T, class... Rest>
struct converter<std::unordered_set<T, Rest...>>
    : detail::set_converter<std::unordered_set<T, Rest...>> {};

template <class T, std::size_t N>
struct converter<std::array<T, N>> {
  static value
  to_value(const std::array<T, N>& items) requires convertible_to_python<T> {
    return value{list(items.begin(), items.end())};
  }
  static result<std::array<T, N>>
  from_value(const value& from) requires convertible_from_python<T> {
    auto items = converter<std::vector<T>>::from_value(from);
    if (!items)
      return tl::unexpected{items.error()};
    if (items->size() != N)
      return tl::unexpected{detail::not_so_many("list", N, from)};
    std::array<T, N> converted{};
    std::move(items->begin(), items->end(), converted.begin());
    return converted;
  }
};

template <class... Ts>
struct converter<std::tuple<Ts...>> {
  static value to_value(const std::tuple<Ts...>& items) requires
    all_convertible_to_python<Ts...> {
    return std::apply(
      [](const auto&... item) { return value{tuple{value{item}...}}; }, items);
  }
  static result<std::tuple<Ts...>>
  from_value(const value& from) requires all_convertible_from_python<Ts...> {
    return detail::to_tuple<std::tuple<Ts...>>(
      from, std::index_sequence_for<Ts...>{});
  }
};

template <class A, class B>
struct converter<std::pair<A, B>> {
  static value to_value(const std::pair<A, B>& items) requires
    all_convertible_to_python<A, B> {
    return value{tuple{value{items.first}, value{items.second}}};
  }
  static result<std::pair<A, B>>
  from_value(const value& from) requires all_convertible_from_python<A, B> {
    return detail::to_tuple<std::pair<A, B>>(from, std::index_sequence<0, 1>{});
  }
};

} // namespace snakebridge
