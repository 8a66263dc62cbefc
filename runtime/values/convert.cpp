#include <snakebridge/convert.hpp>

#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include <snakebridge/operation.hpp>

namespace snakebridge {

std::string_view to_string(kind type) {
  static constexpr std::string_view names[] = {
    "None",           "bool",      "int",       "float",   "str",
    "bytes",          "list",      "tuple",     "dict",    "ref",
    "complex",        "set",       "frozenset", "date",    "time",
    "datetime",       "timedelta", "Decimal",   "UUID",    "atom",
    "unserializable", "callback",  "slice",     "ellipsis"};
  const auto at = static_cast<std::size_t>(type);
  return at < std::size(names) ? names[at] : "unknown";
}

error not_convertible(std::string_view wanted, const value& got) {
  if (got.is_none())
    return {errc::not_convertible,
            fmt::format("expected {}, got None", wanted)};
  auto text = fmt::format("expected {}, got {} {}", wanted,
                          to_string(got.kind()), repr_short(got));
  if (got.is_ref())
    text += "; ask for its content as values, with({.leaves = "
            "sb::leaves::plain}), or use it by its ref";
  return {errc::not_convertible, std::move(text)};
}

error not_convertible_at(std::string_view place, const error& inner) {
  // "at [3]: expected…" becomes "at [1][3]: expected…" one level further out.
  constexpr std::string_view at = "at ";
  std::string_view rest = inner.message();
  if (!rest.starts_with(at))
    return {errc::not_convertible, fmt::format("at {}: {}", place, rest)};
  rest.remove_prefix(at.size());
  // A key has no brackets of its own: "at [1], key 5: expected…".
  const auto* between = rest.starts_with("key ") ? ", " : "";
  return {errc::not_convertible,
          fmt::format("at {}{}{}", place, between, rest)};
}

namespace detail {

error misfit_at(std::size_t place, const error& inner) {
  return not_convertible_at(fmt::format("[{}]", place), inner);
}

error misfit_under(const value& key, const error& inner) {
  return not_convertible_at(fmt::format("[{}]", repr_short(key)), inner);
}

error misfit_of(std::string_view what, const value& named, const error& inner) {
  return not_convertible_at(fmt::format("{}{}", what, repr_short(named)),
                            inner);
}

error not_so_many(std::string_view wanted, std::size_t items,
                  const value& got) {
  return not_convertible(fmt::format("{} of {}", wanted, items), got);
}

error beyond_bits(std::size_t bits, const value& got) {
  return out_of_range(fmt::format("{} bit integer", bits), got);
}

error none_of(std::size_t types, const value& got) {
  return not_convertible(fmt::format("one of {} types", types), got);
}

error no_key_of_its_own() {
  return {errc::not_convertible, "it is no other key than one before it"};
}

bool& loss_allowed::here() {
  thread_local bool allowed = false;
  return allowed;
}

static constexpr std::string_view by_cast = "cast<T>() takes it, with loss";

// A converter of the user's own may have asked `to`, and so named it already.
bool loss_may_help(const error& refused) {
  return !loss_allowed::here() && refused.code() == errc::not_convertible
         && !refused.message().ends_with(by_cast);
}

error refused_but_for_cast(const error& refused) {
  return refused.with_advice(by_cast);
}

namespace {

/// Nothing of what is too large for one, and of Decimal's signalling NaN.
std::optional<double> nearest_to(const std::string& number) {
  double nearest = 0;
  const auto* end = number.data() + number.size();
  const auto read = std::from_chars(number.data(), end, nearest);
  if (read.ec == std::errc{})
    return nearest;
  // A Decimal so small that no double but 0 is near: such has an exponent.
  const bool is_tiny = read.ec == std::errc::result_out_of_range
                       && number.find("E-") != std::string::npos;
  return is_tiny ? std::optional{number.front() == '-' ? -0.0 : 0.0}
                 : std::nullopt;
}

bool is_whole(double item) {
  return std::isfinite(item) && std::trunc(item) == item;
}

} // namespace

result<integer> to_integer(const value& from) {
  if (const auto* item = from.get_if<std::int64_t>())
    return integer{*item};
  if (const auto* item = from.get_if<integer>())
    return *item;
  const auto* floating = from.get_if<double>();
  if (loss_allowed::here() && floating && is_whole(*floating))
    return integer::from_double(*floating);
  if (const auto* base = base_of(from))
    return to_integer(*base);
  return not_convertible("int", from);
}

result<double> to_floating(const value& from) {
  if (const auto* item = from.get_if<double>())
    return *item;
  if (const auto* item = from.get_if<decimal>(); item && loss_allowed::here()) {
    if (const auto nearest = nearest_to(item->text()))
      return *nearest;
    return out_of_range("float", from);
  }
  if (const auto* base = base_of(from))
    return to_floating(*base);
  if (from.kind() != kind::integer)
    return not_convertible("float", from);
  const auto whole = *to_integer(from);
  if (const auto exact = whole.to_double())
    return *exact;
  if (loss_allowed::here())
    if (const auto nearest = nearest_to(whole.to_string()))
      return *nearest;
  return out_of_range("float", from);
}

bool is_missing(const value& from) {
  if (!loss_allowed::here())
    return false;
  if (const auto* item = from.get_if<double>())
    return std::isnan(*item);
  if (const auto* item = from.get_if<decimal>())
    return item->text().find("NaN") != std::string::npos;
  const auto* object = from.get_if<ref>();
  return object
         && (object->type_name == "pandas._libs.tslibs.nattype.NaTType"
             || object->type_name == "pandas._libs.missing.NAType"
             || object->type_name == "pandas.api.typing.NAType"
             || object->type_name == "pandas.api.typing.NaTType");
}

const value* base_of(const value& from) {
  const auto* object = loss_allowed::here() ? from.get_if<ref>() : nullptr;
  return object ? object->base.get() : nullptr;
}

error out_of_range(std::string_view wanted, const value& got) {
  return {errc::not_convertible,
          fmt::format("{} is no exact {}", repr_short(got), wanted)};
}

error no_field(const char* name, const value& in) {
  return {errc::not_convertible,
          fmt::format("expected a dict with the key '{}', got {}", name,
                      repr_short(in))};
}

error no_fields(const value& in) {
  if (!in.is_ref())
    return not_convertible("dict", in);
  return {errc::not_convertible,
          fmt::format("expected dict, got ref {}; fields are read from dicts, "
                      "and, in a result with({{.leaves = sb::leaves::plain}}), "
                      "from namedtuples, dataclasses and rows; read the "
                      "attributes of another object by attr()",
                      repr_short(in))};
}

error not_as_many(std::size_t fields, const value& in) {
  return {
    errc::not_convertible,
    fmt::format("expected a row of {} items, got {}", fields, repr_short(in))};
}

const std::vector<value>* sequence_of(const value& from) {
  if (const auto* items = from.get_if<list>())
    return items;
  return from.get_if<tuple>();
}

const std::vector<value>* items_of(const value& from) {
  if (const auto* items = from.get_if<set>())
    return &items->items();
  if (const auto* items = from.get_if<frozenset>())
    return &items->items();
  if (const auto* parts = from.get_if<slice>())
    return parts;
  return sequence_of(from);
}

void add_argument(operation& asked, keyword argument) {
  asked.named.emplace_back(argument.name, std::move(argument.value));
}

void add_argument(operation& asked, unpacked_arguments arguments) {
  for (auto& item : arguments.items)
    asked.positional.push_back(std::move(item));
}

void add_argument(operation& asked, unpacked_keywords arguments) {
  for (auto& item : arguments.items)
    asked.named.push_back(std::move(item));
}

void add_argument(operation& asked, value argument) {
  asked.positional.push_back(std::move(argument));
}

void reserve_arguments(operation& asked, std::size_t count) {
  asked.positional.reserve(count);
}

} // namespace detail

result<none_t> converter<none_t>::from_value(const value& from) {
  if (!from.is_none())
    return not_convertible("None", from);
  return none;
}

result<std::monostate>
converter<std::monostate>::from_value(const value& from) {
  if (!from.is_none())
    return not_convertible("None", from);
  return std::monostate{};
}

result<bool> converter<bool>::from_value(const value& from) {
  if (const auto* item = from.get_if<bool>())
    return *item;
  return not_convertible("bool", from);
}

result<integer> converter<integer>::from_value(const value& from) {
  return detail::to_integer(from);
}

result<double> converter<double>::from_value(const value& from) {
  return detail::to_floating(from);
}

result<float> converter<float>::from_value(const value& from) {
  const auto item = detail::to_floating(from);
  if (!item)
    return item.error();
  const auto narrow = static_cast<float>(*item);
  const bool is_exact =
    std::isnan(*item) || static_cast<double>(narrow) == *item;
  if (is_exact || (detail::loss_allowed::here() && std::isfinite(narrow)))
    return narrow;
  return detail::out_of_range("32 bit float", from);
}

value converter<char>::to_value(char item) {
  return value{std::string(1, item)};
}

value converter<std::string_view>::to_value(std::string_view item) {
  return value{std::string{item}};
}

namespace {

// "pandas.core.frame.DataFrame['x'].sum"
std::string object_of(const operation& asked) {
  auto text = asked.target.type_name();
  for (const auto& [name, key] : asked.path)
    text += key ? fmt::format("[{}]", repr_short(*key)) : "." + name;
  return text;
}

} // namespace

std::string describe(const operation& asked) {
  const auto object = object_of(asked);
  switch (asked.what) {
  case verb::call:
  case verb::get:
  case verb::stream:
    return asked.module + "." + asked.name;
  case verb::method:
  case verb::attribute:
  case verb::set_attribute:
    return object + "." + asked.name;
  case verb::item:
  case verb::set_item:
    return object + "[]";
  case verb::call_object:
    return object + "()";
  case verb::repr:
    return "repr(" + object + ")";
  case verb::str:
    return "str(" + object + ")";
  case verb::length:
    return "len(" + object + ")";
  case verb::evaluate:
    return "eval";
  case verb::execute:
    return "exec";
  case verb::release:
  case verb::release_session:
    return "release";
  case verb::iterate:
    return "iter(" + object + ")";
  case verb::next:
    return "next(" + object + ")";
  case verb::close:
    return "close(" + object + ")";
  case verb::await:
    return "await " + object;
  case verb::read:
    return object;
  case verb::operate:
    return asked.name + "(" + object + ")";
  case verb::helper:
    return asked.name;
  case verb::helpers:
    return "helpers";
  }
  return "unknown";
}

} // namespace snakebridge
