// Conversions of <chrono> and <filesystem>.
#include <fmt/format.h>

#include <snakebridge/convert.hpp>

#include "runtime/base/utf8.hpp"

namespace snakebridge {

namespace detail {

namespace {

using std::chrono::days;
using std::chrono::microseconds;

constexpr microseconds day = days{1};

// Where a byte that is no UTF-8 goes: U+DC80 to U+DCFF, as in PEP 383.
constexpr char32_t escape_base = 0xDC00;

date date_at(std::chrono::sys_days since_epoch) {
  const std::chrono::year_month_day fields{since_epoch};
  if (fields.year() < std::chrono::year{1}
      || fields.year() > std::chrono::year{9999})
    throw_not_in_python("datetime of the years 1 to 9999");
  return {static_cast<std::int16_t>(int{fields.year()}),
          static_cast<std::uint8_t>(unsigned{fields.month()}),
          static_cast<std::uint8_t>(unsigned{fields.day()})};
}

time fields_at(microseconds since_midnight) {
  const std::chrono::hh_mm_ss fields{since_midnight};
  return {static_cast<std::uint8_t>(fields.hours().count()),
          static_cast<std::uint8_t>(fields.minutes().count()),
          static_cast<std::uint8_t>(fields.seconds().count()),
          static_cast<std::uint32_t>(fields.subseconds().count())};
}

} // namespace

void throw_not_in_python(std::string_view wanted) {
  throw_error({errc::not_convertible, fmt::format("this is no {}", wanted)});
}

result<microseconds> to_microseconds(const value& from) {
  const auto* item = from.get_if<timedelta>();
  if (item == nullptr)
    return tl::unexpected{not_convertible("timedelta", from)};
  const auto whole = item->duration();
  if (!whole)
    return tl::unexpected{out_of_range("duration of 64 bits", from)};
  return *whole;
}

value datetime_at(microseconds since_epoch, bool in_utc) {
  const auto whole = std::chrono::floor<days>(since_epoch);
  datetime made{date_at(std::chrono::sys_days{whole}),
                fields_at(since_epoch - whole)};
  if (in_utc)
    made.time.zone = timezone{};
  return value{std::move(made)};
}

result<microseconds> to_moment(const value& from, bool in_utc) {
  const auto* item = from.get_if<datetime>();
  const bool aware =
    item && item->time.zone
    && (item->time.zone->offset || item->time.zone->key.empty());
  if (item == nullptr || !item->valid() || aware != in_utc
      || (!in_utc && item->time.zone))
    return tl::unexpected{not_convertible(
      in_utc ? "datetime with a known offset" : "datetime without a zone",
      from)};
  return item->moment();
}

value time_at(microseconds since_midnight) {
  if (since_midnight < microseconds{} || since_midnight >= day)
    throw_not_in_python("time of a day");
  return value{fields_at(since_midnight)};
}

result<microseconds> to_time_of_day(const value& from) {
  const auto* item = from.get_if<time>();
  if (item == nullptr || !item->valid() || item->zone)
    return tl::unexpected{not_convertible("time without a zone", from)};
  return item->moment();
}

} // namespace detail

value converter<std::chrono::year_month_day>::to_value(
  const std::chrono::year_month_day& item) {
  if (!item.ok() || item.year() < std::chrono::year{1}
      || item.year() > std::chrono::year{9999})
    detail::throw_not_in_python("date of the years 1 to 9999");
  return value{date{static_cast<std::int16_t>(int{item.year()}),
                    static_cast<std::uint8_t>(unsigned{item.month()}),
                    static_cast<std::uint8_t>(unsigned{item.day()})}};
}

result<std::chrono::year_month_day>
converter<std::chrono::year_month_day>::from_value(const value& from) {
  const auto* item = from.get_if<date>();
  if (item == nullptr || !item->valid())
    return tl::unexpected{not_convertible("date", from)};
  return std::chrono::year_month_day{std::chrono::year{item->year},
                                     std::chrono::month{item->month},
                                     std::chrono::day{item->day}};
}

value converter<std::filesystem::path>::to_value(
  const std::filesystem::path& item) {
  std::string_view native = item.native();
  std::string text;
  text.reserve(native.size());
  while (!native.empty()) {
    const auto [code, bytes] = utf8::first_character(native);
    if (bytes > 0 && !utf8::is_surrogate(code)) {
      text += native.substr(0, bytes);
      native.remove_prefix(bytes);
    } else {
      utf8::append(text,
                   detail::escape_base + static_cast<unsigned char>(native[0]));
      native.remove_prefix(1);
    }
  }
  return value{std::move(text)};
}

result<std::filesystem::path>
converter<std::filesystem::path>::from_value(const value& from) {
  const auto* text = from.get_if<std::string>();
  if (text == nullptr)
    return tl::unexpected{not_convertible("str of a path", from)};
  std::string native;
  native.reserve(text->size());
  for (std::string_view rest = *text; !rest.empty();) {
    const auto [code, bytes] = utf8::first_character(rest);
    const bool escaped =
      code >= detail::escape_base + 0x80 && code <= detail::escape_base + 0xFF;
    if (bytes == 0 || (utf8::is_surrogate(code) && !escaped))
      return tl::unexpected{detail::out_of_range("path", from)};
    if (escaped)
      native += static_cast<char>(code - detail::escape_base);
    else
      native += rest.substr(0, bytes);
    rest.remove_prefix(bytes);
  }
  return std::filesystem::path{std::move(native)};
}

} // namespace snakebridge
