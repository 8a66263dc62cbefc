#pragma once
// The kinds of values, and the C++ types that hold them.

#include <complex>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include <snakebridge/calendar.hpp>
#include <snakebridge/ref.hpp>
#include <snakebridge/scalars.hpp>

namespace snakebridge {

class value;
struct list;
struct tuple;
struct slice;
class dict;
class set;
class frozenset;
class callback;

/// Which Python type a value is of. Appended only.
enum class kind : std::uint8_t {
  none,
  boolean,
  integer, ///< of any size: `std::int64_t` where it fits, else `integer`
  floating,
  string,
  bytes,
  list,
  tuple,
  dict,
  ref,
  complex,
  set,
  frozenset,
  date,
  time,
  datetime,
  timedelta,
  decimal,
  uuid,
  atom,
  unserializable,
  callback, ///< C++ that Python calls
  slice,    ///< only to Python, as the next
  ellipsis,
};

std::string_view to_string(kind type);

namespace detail {

template <class T, class... Ts>
concept one_of = (std::same_as<T, Ts> || ...);

template <class T>
inline constexpr kind kind_of = kind::none;
template <>
inline constexpr kind kind_of<std::string> = kind::string;
template <>
inline constexpr kind kind_of<bytes> = kind::bytes;
template <>
inline constexpr kind kind_of<list> = kind::list;
template <>
inline constexpr kind kind_of<tuple> = kind::tuple;
template <>
inline constexpr kind kind_of<dict> = kind::dict;
template <>
inline constexpr kind kind_of<ref> = kind::ref;
template <>
inline constexpr kind kind_of<std::complex<double>> = kind::complex;
template <>
inline constexpr kind kind_of<set> = kind::set;
template <>
inline constexpr kind kind_of<frozenset> = kind::frozenset;
template <>
inline constexpr kind kind_of<date> = kind::date;
template <>
inline constexpr kind kind_of<time> = kind::time;
template <>
inline constexpr kind kind_of<datetime> = kind::datetime;
template <>
inline constexpr kind kind_of<timedelta> = kind::timedelta;
template <>
inline constexpr kind kind_of<decimal> = kind::decimal;
template <>
inline constexpr kind kind_of<uuid> = kind::uuid;
template <>
inline constexpr kind kind_of<atom> = kind::atom;
template <>
inline constexpr kind kind_of<unserializable> = kind::unserializable;
template <>
inline constexpr kind kind_of<callback> = kind::callback;
template <>
inline constexpr kind kind_of<slice> = kind::slice;
template <>
inline constexpr kind kind_of<ellipsis_t> = kind::ellipsis;

/// The types a box of a value holds, one for each kind.
template <class T>
concept stored = static_cast<std::uint8_t>(kind_of<T>) != 0;

} // namespace detail

} // namespace snakebridge
