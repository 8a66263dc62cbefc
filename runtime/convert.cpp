#include <snakebridge/convert.hpp>

#include <cmath>

#include <fmt/format.h>

#include <snakebridge/operation.hpp>

namespace snakebridge {

std::string_view to_string(kind type) {
  switch (type) {
  case kind::none:
    return "None";
  case kind::boolean:
    return "bool";
  case kind::integer:
    return "int";
  case kind::floating:
    return "float";
  case kind::string:
    return "str";
  case kind::bytes:
    return "bytes";
  case kind::list:
    return "list";
  case kind::tuple:
    return "tuple";
  case kind::dict:
    return "dict";
  case kind::ref:
    return "ref";
  }
  return "unknown";
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

result<std::int64_t> to_integer(const value& from) {
  if (const auto* item = from.get_if<std::int64_t>())
    return *item;
  return tl::unexpected{not_convertible("int", from)};
}

result<double> to_floating(const value& from) {
  if (const auto* item = from.get_if<double>())
    return *item;
  const auto* whole = from.get_if<std::int64_t>();
  if (whole == nullptr)
    return tl::unexpected{not_convertible("float", from)};
  const auto real = static_cast<double>(*whole);
  constexpr double beyond = 9223372036854775808.0; // 2^63, not an int64
  if (real >= beyond || static_cast<std::int64_t>(real) != *whole)
    return tl::unexpected{out_of_range("float", from)};
  return real;
}

error out_of_range(std::string_view wanted, const value& got) {
  return {errc::not_convertible,
          fmt::format("{} is no exact {}", repr_short(got), wanted)};
}

void throw_too_large(std::uint64_t number) {
  throw_error({errc::not_convertible,
               fmt::format("{} is beyond 64 signed bits", number)});
}

const std::vector<value>* items_of(const value& from) {
  if (const auto* items = from.get_if<list>())
    return items;
  return from.get_if<tuple>();
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
