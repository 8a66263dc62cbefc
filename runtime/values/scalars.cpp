#include <snakebridge/scalars.hpp>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include <snakebridge/result.hpp>

namespace snakebridge {

namespace {

bool is_digit(char each) {
  return each >= '0' && each <= '9';
}

bool same_letters(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a | 0x20) == b; });
}

/// A Decimal's text in its parts; `special` for what is no finite number.
struct decimal_parts {
  bool valid = false;
  bool negative = false;
  std::string special; ///< "inf", "nan12", "snan"
  std::string digits;  ///< without the point
  std::int64_t exponent = 0;
};

bool read_special(std::string_view text, decimal_parts& into) {
  if (same_letters(text, "inf") || same_letters(text, "infinity")) {
    into.special = "inf";
    return true;
  }
  for (const std::string_view name : {"nan", "snan"}) {
    if (!same_letters(text.substr(0, name.size()), name))
      continue;
    const auto payload = text.substr(name.size());
    if (!std::all_of(payload.begin(), payload.end(), is_digit))
      return false;
    into.special = fmt::format("{}{}", name, payload);
    return true;
  }
  return false;
}

bool read_exponent(std::string_view text, std::int64_t& into) {
  if (text.starts_with('+') && text.size() > 1 && is_digit(text[1]))
    text.remove_prefix(1);
  const auto read =
    std::from_chars(text.data(), text.data() + text.size(), into);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size();
}

decimal_parts parts_of(std::string_view text) {
  decimal_parts parts;
  if (text.starts_with('-') || text.starts_with('+')) {
    parts.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (read_special(text, parts)) {
    parts.valid = true;
    return parts;
  }
  bool after_point = false;
  std::int64_t decimals = 0;
  while (!text.empty() && (is_digit(text[0]) || text[0] == '.')) {
    if (text[0] == '.' && after_point)
      return parts;
    if (text[0] == '.') {
      after_point = true;
    } else {
      parts.digits += text[0];
      decimals += after_point ? 1 : 0;
    }
    text.remove_prefix(1);
  }
  if (parts.digits.empty())
    return parts;
  if (!text.empty()) {
    // Beyond it Python's own arithmetic ends.
    constexpr std::int64_t exponent_max = 2'000'000'000'000'000'000;
    if ((text[0] | 0x20) != 'e'
        || !read_exponent(text.substr(1), parts.exponent)
        || parts.exponent > exponent_max || parts.exponent < -exponent_max)
      return parts;
  }
  parts.exponent -= decimals;
  parts.valid = true;
  return parts;
}

std::string_view without_zeros(std::string_view digits) {
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

// Of "nan007": "NaN7".
std::string printed_special(const std::string& special) {
  if (special == "inf")
    return "Infinity";
  const auto* name = special[0] == 's' ? "sNaN" : "NaN";
  const auto payload = std::string_view{special}.substr(special.find("an") + 2);
  return fmt::format("{}{}", name, without_zeros(payload));
}

// As Python's to-scientific-string: plain where that is not long.
std::string printed(const decimal_parts& parts) {
  const std::string sign = parts.negative ? "-" : "";
  if (!parts.special.empty())
    return sign + printed_special(parts.special);
  auto digits = std::string{without_zeros(parts.digits)};
  if (digits.empty())
    digits = "0";
  const auto count = static_cast<std::int64_t>(digits.size());
  const auto before_point = count + parts.exponent;
  constexpr std::int64_t zeros_after_point_max = 5;
  if (parts.exponent > 0 || before_point < -zeros_after_point_max) {
    if (count > 1)
      digits.insert(1, ".");
    return fmt::format("{}{}E{:+}", sign, digits, before_point - 1);
  }
  if (before_point <= 0)
    digits.insert(0, static_cast<std::size_t>(1 - before_point), '0');
  if (parts.exponent < 0)
    digits.insert(digits.size() - static_cast<std::size_t>(-parts.exponent),
                  ".");
  return sign + digits;
}

int hex_digit(char each) {
  if (is_digit(each))
    return each - '0';
  const char lower = static_cast<char>(each | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

} // namespace

decimal::decimal(std::string_view text) {
  const auto parts = parts_of(text);
  if (!parts.valid)
    throw_error({errc::not_convertible,
                 fmt::format("'{}' is no Decimal", text.substr(0, 80))});
  text_ = printed(parts);
}

bool decimal::valid(std::string_view text) {
  return parts_of(text).valid;
}

std::string decimal::normal() const {
  auto parts = parts_of(text_);
  const auto* sign = parts.negative ? "-" : "";
  if (!parts.special.empty())
    return sign + parts.special;
  const auto first = parts.digits.find_first_not_of('0');
  if (first == std::string::npos)
    return "0"; // whatever its sign and exponent
  const auto last = parts.digits.find_last_not_of('0');
  const auto zeros = parts.digits.size() - 1 - last;
  return fmt::format("{}{}E{}", sign,
                     parts.digits.substr(first, last - first + 1),
                     parts.exponent + static_cast<std::int64_t>(zeros));
}

bool operator==(const decimal& left, const decimal& right) {
  const auto normal = left.normal();
  return normal.find("nan") == std::string::npos && normal == right.normal();
}

uuid uuid::parse(std::string_view text) {
  uuid made;
  std::size_t digits = 0;
  for (const char each : text) {
    const auto digit = hex_digit(each);
    if (each == '-')
      continue;
    if (digit < 0 || digits == 32) {
      digits = 0;
      break;
    }
    auto& byte = made.bytes[digits++ / 2];
    byte = static_cast<std::uint8_t>(byte << 4U | digit);
  }
  if (digits != 32)
    throw_error({errc::not_convertible,
                 fmt::format("'{}' is no UUID: it takes 32 hexadecimal digits",
                             text.substr(0, 80))});
  return made;
}

std::string uuid::to_string() const {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (at == 4 || at == 6 || at == 8 || at == 10)
      text += '-';
    text += fmt::format("{:02x}", bytes[at]);
  }
  return text;
}

} // namespace snakebridge
