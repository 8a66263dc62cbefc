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

// What is left then, from 0.
std::int64_t floor_rest(std::int64_t number, std::int64_t by) {
  const auto rest = number % by;
  return rest < 0 ? rest + by : rest;
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
  return at.zone && (at.zone->offset || at.zone->key.empty());
}

bool is_ambiguous(const time& at) {
  return is_aware(at) && at.zone->offset_of_other_fold;
}

bool same_zone_info(const time& left, const time& right) {
  return left.zone && right.zone && !left.zone->key.empty()
         && left.zone->key == right.zone->key;
}

// The moment as if its fold were 0: what equal ones have in common.
microseconds first_moment(const datetime& of) {
  if (of.time.fold == 0 || !is_ambiguous(of.time))
    return of.moment();
  auto first = of;
  first.time.zone->offset = of.time.zone->offset_of_other_fold;
  return first.moment();
}

// Python's `time` compares without the microseconds of offsets.
microseconds compared(const time& of) {
  if (!is_aware(of))
    return of_day(of);
  const auto offset = of.zone->offset.value_or(timedelta{});
  return of_day(of) - std::chrono::days{offset.days} - seconds{offset.seconds};
}

} // namespace

timedelta timedelta::of(std::chrono::microseconds duration) {
  const auto whole = floor_div(duration.count(), us_per_s);
  const auto days = floor_div(whole, s_per_day);
  return {static_cast<std::int32_t>(days),
          static_cast<std::int32_t>(whole - days * s_per_day),
          static_cast<std::int32_t>(floor_rest(duration.count(), us_per_s))};
}

std::optional<std::chrono::microseconds> timedelta::duration() const {
  auto whole = std::int64_t{days} * s_per_day + seconds;
  std::int64_t rest = microseconds;
  // Towards 0 both, or the least of all would overflow on its way.
  if (whole < 0 && rest > 0) {
    ++whole;
    rest -= us_per_s;
  }
  std::int64_t total = 0;
  if (__builtin_mul_overflow(whole, us_per_s, &total)
      || __builtin_add_overflow(total, rest, &total))
    return {};
  return std::chrono::microseconds{total};
}

bool timedelta::valid() const {
  return days >= -days_max && days <= days_max && seconds >= 0
         && seconds < s_per_day && microseconds >= 0 && microseconds < us_per_s;
}

bool timezone::valid() const {
  // Strictly between one day before and one after.
  const auto within = [](const timedelta& each) {
    return each.valid()
           && (each.days == 0
               || (each.days == -1
                   && (each.seconds > 0 || each.microseconds > 0)));
  };
  if (key.empty() && offset_of_other_fold)
    return false;
  return (!offset || within(*offset)) && (key.empty() || !name)
         && (!offset_of_other_fold || within(*offset_of_other_fold));
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
  return is_aware(left) == is_aware(right) && compared(left) == compared(right);
}

std::size_t time::hash() const {
  return static_cast<std::size_t>(compared(*this).count());
}

microseconds datetime::moment() const {
  const std::chrono::sys_days day{std::chrono::year_month_day{
    std::chrono::year{date.year}, std::chrono::month{date.month},
    std::chrono::day{date.day}}};
  return day.time_since_epoch() + time.moment();
}

bool operator==(const datetime& left, const datetime& right) {
  if (is_aware(left.time) != is_aware(right.time)
      || first_moment(left) != first_moment(right))
    return false;
  if (same_zone_info(left.time, right.time))
    return left.date == right.date && of_day(left.time) == of_day(right.time);
  return !is_ambiguous(left.time) && !is_ambiguous(right.time);
}

std::size_t datetime::hash() const {
  return static_cast<std::size_t>(first_moment(*this).count());
}

} // namespace snakebridge
