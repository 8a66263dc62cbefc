#include <snakebridge/calendar.hpp>

namespace snakebridge {

namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

constexpr std::int64_t us_per_s = 1'000'000;
constexpr std::int32_t s_per_day = 86'400;
constexpr std::int32_t days_max = 999'999'999;

std::int64_t floor_div(std::int64_t number, std::int64_t by) {
  return number / by - (number % by < 0 ? 1 : 0);
}

// Zones differ from UTC by less than a day, so this is exact.
microseconds offset_of(const std::optional<timezone>& zone) {
  if (!zone || !zone->offset)
    return {};
  return zone->offset->duration().value_or(microseconds{});
}

microseconds of_day(const time& at) {
  return std::chrono::hours{at.hour} + std::chrono::minutes{at.minute}
         + seconds{at.second} + microseconds{at.microsecond};
}

bool is_aware(const time& at) {
  return at.zone && at.zone->offset;
}

} // namespace

timedelta timedelta::of(std::chrono::microseconds duration) {
  const auto whole = floor_div(duration.count(), us_per_s);
  const auto days = floor_div(whole, s_per_day);
  return {static_cast<std::int32_t>(days),
          static_cast<std::int32_t>(whole - days * s_per_day),
          static_cast<std::int32_t>(duration.count() - whole * us_per_s)};
}

std::optional<std::chrono::microseconds> timedelta::duration() const {
  std::int64_t whole = 0;
  std::int64_t total = 0;
  whole = std::int64_t{days} * s_per_day + seconds;
  if (__builtin_mul_overflow(whole, us_per_s, &total)
      || __builtin_add_overflow(total, microseconds, &total))
    return {};
  return std::chrono::microseconds{total};
}

bool timedelta::valid() const {
  return days >= -days_max && days <= days_max && seconds >= 0
         && seconds < s_per_day && microseconds >= 0 && microseconds < us_per_s;
}

bool timezone::valid() const {
  if (!offset)
    return !key.empty();
  // Strictly between one day before and one after.
  const bool within = offset->days == 0
                      || (offset->days == -1
                          && (offset->seconds > 0 || offset->microseconds > 0));
  return offset->valid() && within && (key.empty() || !name);
}

bool date::valid() const {
  return year >= 1 && year <= 9999
         && std::chrono::year_month_day{std::chrono::year{year},
                                        std::chrono::month{month},
                                        std::chrono::day{day}}
              .ok();
}

bool time::valid() const {
  return hour < 24 && minute < 60 && second < 60 && microsecond < us_per_s
         && fold <= 1 && (!zone || zone->valid());
}

microseconds time::moment() const {
  return of_day(*this) - offset_of(zone);
}

bool operator==(const time& left, const time& right) {
  return is_aware(left) == is_aware(right) && left.moment() == right.moment();
}

microseconds datetime::moment() const {
  const std::chrono::sys_days day{std::chrono::year_month_day{
    std::chrono::year{date.year}, std::chrono::month{date.month},
    std::chrono::day{date.day}}};
  return day.time_since_epoch() + time.moment();
}

bool operator==(const datetime& left, const datetime& right) {
  return is_aware(left.time) == is_aware(right.time)
         && left.moment() == right.moment();
}

} // namespace snakebridge
