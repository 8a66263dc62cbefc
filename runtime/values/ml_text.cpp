#include "runtime/values/ml_text.hpp"

#include <algorithm>
#include <charconv>

#include "config/tunables.hpp"

namespace snakebridge::ml_text {

namespace {

// The locale must have no say in it.
constexpr bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}
constexpr char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32)
                                        : letter;
}
constexpr bool is_letter(char letter) {
  return lower(letter) >= 'a' && lower(letter) <= 'z';
}
constexpr bool is_word(char letter) {
  return is_letter(letter) || is_digit(letter) || letter == '_';
}

bool same(std::string_view text, std::string_view lower_case) {
  return std::equal(text.begin(), text.end(), lower_case.begin(),
                    lower_case.end(),
                    [](char one, char other) { return lower(one) == other; });
}

bool starts_with(std::string_view text, std::size_t at,
                 std::string_view lower_case) {
  return at <= text.size()
         && same(text.substr(at, lower_case.size()), lower_case);
}

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] == ' ')
    ++at;
  return at;
}

// Nothing for what is no number, or none an array can have.
std::optional<found<std::int64_t>> dimension(std::string_view text,
                                             std::size_t at) {
  if (starts_with(text, at, "none"))
    return found<std::int64_t>{-1, at + 4};
  std::int64_t length = 0;
  const auto* begin = text.data() + at;
  const auto [end, wrong] =
    std::from_chars(begin, text.data() + text.size(), length);
  if (wrong != std::errc{} || length < -1)
    return std::nullopt;
  return found<std::int64_t>{length,
                             at + static_cast<std::size_t>(end - begin)};
}

// `at` is behind the opening bracket.
std::optional<found<array_shape>> bracketed(std::string_view text,
                                            std::size_t at, char closing) {
  array_shape shape;
  for (;;) {
    at = skip_spaces(text, at);
    if (at < text.size() && text[at] == closing)
      return found<array_shape>{std::move(shape), at + 1};
    if (at >= text.size() || shape.size() == limits::translated_dimensions_max)
      return std::nullopt;
    const auto next = dimension(text, at);
    if (!next)
      return std::nullopt;
    shape.push_back(next->what);
    at = skip_spaces(text, next->end);
    if (at < text.size() && (text[at] == ',' || text[at] == 'x'))
      ++at;
    else if (at >= text.size() || text[at] != closing)
      return std::nullopt;
  }
}

// "2x3", at least two dimensions.
std::optional<found<array_shape>> crossed(std::string_view text,
                                          std::size_t at) {
  array_shape shape;
  for (;;) {
    if (at >= text.size() || !is_digit(text[at])
        || shape.size() == limits::translated_dimensions_max)
      return std::nullopt;
    const auto next = dimension(text, at);
    if (!next)
      return std::nullopt;
    shape.push_back(next->what);
    at = next->end;
    if (at < text.size() && text[at] == 'x') {
      ++at;
      continue;
    }
    if (shape.size() < 2 || (at < text.size() && is_word(text[at])))
      return std::nullopt;
    return found<array_shape>{std::move(shape), at};
  }
}

struct unit {
  std::string_view name;
  double bytes;
};

constexpr unit units[] = {
  {"bytes", 1},    {"b", 1},       {"kib", 0x1p10}, {"kb", 0x1p10},
  {"mib", 0x1p20}, {"mb", 0x1p20}, {"gib", 0x1p30}, {"gb", 0x1p30},
  {"tib", 0x1p40}, {"tb", 0x1p40}, {"pib", 0x1p50}, {"eib", 0x1p60},
};

struct other_name {
  std::string_view name;
  std::string_view numpy;
};

constexpr other_name dtype_names[] = {
  {"float", "float32"},
  {"double", "float64"},
  {"half", "float16"},
  {"long", "int64"},
  {"int", "int32"},
  {"short", "int16"},
  {"byte", "uint8"},
  {"char", "int8"},
  {"complexfloat", "complex64"},
  {"complexdouble", "complex128"},
};

bool may_stand_in_dtype(char letter) {
  return is_word(letter) || letter == '.' || letter == ':' || letter == '<'
         || letter == '>' || letter == '|';
}

} // namespace

std::size_t find(std::string_view text, std::string_view phrase,
                 std::size_t from) {
  for (; from <= text.size() && phrase.size() <= text.size() - from; ++from) {
    const auto end = from + phrase.size();
    if (starts_with(text, from, phrase)
        && (from == 0 || !is_word(phrase.front()) || !is_word(text[from - 1]))
        && (end == text.size() || !is_word(phrase.back())
            || !is_word(text[end])))
      return from;
  }
  return npos;
}

bool has(std::string_view text, std::string_view phrase) {
  return find(text, phrase) != npos;
}

std::size_t after(std::string_view text, std::string_view phrase,
                  std::size_t from) {
  const auto at = find(text, phrase, from);
  return at == npos ? npos : at + phrase.size();
}

std::optional<found<array_shape>> next_shape(std::string_view text,
                                             std::size_t from) {
  for (auto at = from; at < text.size(); ++at) {
    if (at > from && is_word(text[at - 1]))
      continue; // inside a word
    std::optional<found<array_shape>> read;
    if (text[at] == '(')
      read = bracketed(text, at + 1, ')');
    else if (text[at] == '[')
      read = bracketed(text, at + 1, ']');
    else if (text[at] == '{')
      read = bracketed(text, at + 1, '}');
    else if (is_digit(text[at]))
      read = crossed(text, at);
    if (read)
      return read;
  }
  return std::nullopt;
}

std::optional<found<array_shape>> operand(std::string_view text,
                                          std::size_t from) {
  if (from >= text.size())
    return std::nullopt;
  if (is_digit(text[from]) && !crossed(text, from)) {
    const auto size = dimension(text, from);
    if (!size)
      return std::nullopt;
    return found<array_shape>{{size->what}, size->end};
  }
  return next_shape(text, from);
}

std::optional<double> mebibytes(std::string_view text, std::size_t from) {
  std::string digits;
  constexpr std::size_t digits_max = 32;
  auto at = skip_spaces(text, std::min(from, text.size()));
  for (; at < text.size() && digits.size() < digits_max; ++at)
    if (is_digit(text[at]) || text[at] == '.')
      digits += text[at];
    else if (text[at] != ',')
      break;
  double amount = 0;
  const auto [end, wrong] =
    std::from_chars(digits.data(), digits.data() + digits.size(), amount);
  if (wrong != std::errc{} || end != digits.data() + digits.size())
    return std::nullopt;
  const auto name = identifier(text, skip_spaces(text, at));
  for (const auto& each : units)
    if (same(name, each.name))
      return amount * each.bytes / 0x1p20;
  return std::nullopt;
}

std::optional<double> mebibytes_before(std::string_view text, std::size_t to) {
  constexpr std::size_t amount_bytes_max = 48;
  const auto least = to - std::min(to, amount_bytes_max);
  auto begin = skip_spaces(text, least);
  for (auto at = least; at < to; ++at)
    if (!is_word(text[at]) && text[at] != '.' && text[at] != ','
        && text[at] != ' ')
      begin = at + 1;
  return mebibytes(text.substr(0, to), begin);
}

std::optional<int> small_number(std::string_view text, std::size_t from) {
  if (from >= text.size())
    return std::nullopt;
  const auto digits = text.substr(from, 6);
  int number = 0;
  const auto [end, wrong] =
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (wrong != std::errc{})
    return std::nullopt;
  return number;
}

found<std::string> dtype(std::string_view text, std::size_t from) {
  constexpr std::size_t name_bytes_max = 64;
  auto at = std::min(from, text.size());
  while (at < text.size()
         && (text[at] == ' ' || text[at] == ':' || text[at] == '='
             || text[at] == '\'' || text[at] == '"' || text[at] == '('))
    ++at;
  if (starts_with(text, at, "dtype('"))
    at += 7;
  auto end = at;
  while (end < text.size() && end - at < name_bytes_max
         && may_stand_in_dtype(text[end]))
    ++end;
  auto name = text.substr(at, end - at);
  while (name.ends_with('.') || name.ends_with(':')) // the sentence's
    name.remove_suffix(1);
  if (const auto dot = name.find_last_of(".:"); dot != npos)
    name.remove_prefix(dot + 1); // torch.cuda.FloatTensor, c10::Half
  if (name.size() > 6 && same(name.substr(name.size() - 6), "tensor"))
    name.remove_suffix(6);
  for (const auto& known : dtype_names)
    if (same(name, known.name))
      return {std::string{known.numpy}, end};
  std::string lowered;
  if (!name.empty() && is_letter(name.front()))
    std::transform(name.begin(), name.end(), std::back_inserter(lowered),
                   lower);
  else
    lowered = name; // "<U3" is not "<u3"
  return {std::move(lowered), end};
}

std::string_view identifier(std::string_view text, std::size_t from) {
  constexpr std::size_t name_bytes_max = 64;
  if (from >= text.size() || is_digit(text[from]))
    return {};
  auto end = from;
  while (end < text.size() && end - from < name_bytes_max && is_word(text[end]))
    ++end;
  return text.substr(from, end - from);
}

} // namespace snakebridge::ml_text
