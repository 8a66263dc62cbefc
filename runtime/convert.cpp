#include <snakebridge/convert.hpp>

#include <fmt/format.h>

#include <snakebridge/operation.hpp>

namespace snakebridge {

std::string_view to_string(kind type) {
  static constexpr std::string_view names[] = {
    "None",      "bool",  "int",           "float",    "str",       "bytes",
    "list",      "tuple", "dict",          "ref",      "complex",   "set",
    "frozenset", "date",  "time",          "datetime", "timedelta", "Decimal",
    "UUID",      "atom",  "unserializable"};
  const auto at = static_cast<std::size_t>(type);
  return at < std::size(names) ? names[at] : "unknown";
}

error not_convertible(std::string_view wanted, const value& got) {
  return {errc::not_convertible,
          got.is_none() ? fmt::format("expected {}, got None", wanted)
                        : fmt::format("expected {}, got {} {}", wanted,
                                      to_string(got.kind()), repr_short(got))};
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

error no_key_of_its_own() {
  return {errc::not_convertible, "it is no other key than one before it"};
}

result<integer> to_integer(const value& from) {
  if (const auto* item = from.get_if<std::int64_t>())
    return integer{*item};
  if (const auto* item = from.get_if<integer>())
    return *item;
  return tl::unexpected{not_convertible("int", from)};
}

result<double> to_floating(const value& from) {
  if (const auto* item = from.get_if<double>())
    return *item;
  if (from.kind() != kind::integer)
    return tl::unexpected{not_convertible("float", from)};
  const auto exact = to_integer(from)->to_double();
  if (!exact)
    return tl::unexpected{out_of_range("float", from)};
  return *exact;
}

error out_of_range(std::string_view wanted, const value& got) {
  return {errc::not_convertible,
          fmt::format("{} is no exact {}", repr_short(got), wanted)};
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
  return sequence_of(from);
}

} // namespace detail

std::string describe(const operation& asked) {
  const auto* target = asked.target.get_if<ref>();
  const auto object = target ? target->type_name : std::string{"object"};
  switch (asked.what) {
  case verb::call:
  case verb::get:
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
  }
  return "unknown";
}

} // namespace snakebridge
