#pragma once
// <chrono> as Python's datetime module, both ways. Part of
// <snakebridge/convert.hpp>. Python counts microseconds: what is finer, or out
// of its range, is not_convertible.
//
//   duration (of integers)    timedelta
//   year_month_day            date
//   hh_mm_ss                  time without a zone
//   local_time                datetime without a zone
//   sys_time                  datetime in UTC; comes from any whose offset is
//                             known
//
// A duration's own range counts on the way back.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <ratio>
#include <utility>

#include <snakebridge/value.hpp>

namespace snakebridge {

namespace detail {

template <class D>
concept integral_duration = std::integral<typename D::rep>;

result<std::chrono::microseconds> to_microseconds(const value& from);
/// Throws not_convertible before year 1 and after 9999.
value datetime_at(std::chrono::microseconds since_epoch, bool in_utc);
result<std::chrono::microseconds> to_moment(const value& from, bool in_utc);
/// Throws not_convertible for less than none and for a day or more.
value time_at(std::chrono::microseconds since_midnight);
result<std::chrono::microseconds> to_time_of_day(const value& from);

template <integral_duration D>
std::chrono::microseconds exact_microseconds(D from) {
  using scale = std::ratio_divide<typename D::period, std::micro>;
  std::int64_t scaled = 0;
  if (!std::in_range<std::int64_t>(from.count())
      || __builtin_mul_overflow(static_cast<std::int64_t>(from.count()),
                                std::int64_t{scale::num}, &scaled)
      || scaled % scale::den != 0)
    throw_not_in_python("timedelta of whole microseconds");
  return std::chrono::microseconds{scaled / scale::den};
}

template <integral_duration D>
result<D> exact_duration(std::chrono::microseconds from, const value& told) {
  using scale = std::ratio_divide<typename D::period, std::micro>;
  std::int64_t scaled = 0;
  if (__builtin_mul_overflow(std::int64_t{from.count()},
                             std::int64_t{scale::den}, &scaled)
      || scaled % scale::num != 0
      || !std::in_range<typename D::rep>(scaled / scale::num))
    return tl::unexpected{out_of_range("duration of that unit", told)};
  return D{static_cast<typename D::rep>(scaled / scale::num)};
}

} // namespace detail

template <class Rep, class Period>
requires std::integral<Rep>
struct converter<std::chrono::duration<Rep, Period>> {
  using duration = std::chrono::duration<Rep, Period>;
  static value to_value(duration item) {
    return value{timedelta::of(detail::exact_microseconds(item))};
  }
  static result<duration> from_value(const value& from) {
    const auto whole = detail::to_microseconds(from);
    if (!whole)
      return tl::unexpected{whole.error()};
    return detail::exact_duration<duration>(*whole, from);
  }
};

template <>
struct converter<std::chrono::year_month_day> {
  static value to_value(const std::chrono::year_month_day& item);
  static result<std::chrono::year_month_day> from_value(const value& from);
};

template <detail::integral_duration D>
struct converter<std::chrono::hh_mm_ss<D>> {
  using time_of_day = std::chrono::hh_mm_ss<D>;
  static value to_value(const time_of_day& item) {
    return detail::time_at(detail::exact_microseconds(item.to_duration()));
  }
  static result<time_of_day> from_value(const value& from) {
    const auto whole = detail::to_time_of_day(from);
    if (!whole)
      return tl::unexpected{whole.error()};
    return detail::exact_duration<D>(*whole, from).transform([](D item) {
      return time_of_day{item};
    });
  }
};

template <detail::integral_duration D>
struct converter<std::chrono::sys_time<D>> {
  static value to_value(std::chrono::sys_time<D> item) {
    return detail::datetime_at(
      detail::exact_microseconds(item.time_since_epoch()), true);
  }
  static result<std::chrono::sys_time<D>> from_value(const value& from) {
    const auto whole = detail::to_moment(from, true);
    if (!whole)
      return tl::unexpected{whole.error()};
    return detail::exact_duration<D>(*whole, from).transform([](D item) {
      return std::chrono::sys_time<D>{item};
    });
  }
};

template <detail::integral_duration D>
struct converter<std::chrono::local_time<D>> {
  static value to_value(std::chrono::local_time<D> item) {
    return detail::datetime_at(
      detail::exact_microseconds(item.time_since_epoch()), false);
  }
  static result<std::chrono::local_time<D>> from_value(const value& from) {
    const auto whole = detail::to_moment(from, false);
    if (!whole)
      return tl::unexpected{whole.error()};
    return detail::exact_duration<D>(*whole, from).transform([](D item) {
      return std::chrono::local_time<D>{item};
    });
  }
};

} // namespace snakebridge
