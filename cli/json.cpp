#include "json.hpp"

#include <cmath>

#include <nlohmann/json.hpp>

#include "shown.hpp"

namespace snakebridge::cli {

namespace {

using nlohmann::ordered_json;

value from_json(const ordered_json& from) {
  switch (from.type()) {
  case ordered_json::value_t::null:
    return {};
  case ordered_json::value_t::boolean:
    return from.get<bool>();
  case ordered_json::value_t::number_integer:
    return from.get<std::int64_t>();
  case ordered_json::value_t::number_unsigned:
    return from.get<std::uint64_t>();
  case ordered_json::value_t::number_float:
    return from.get<double>();
  case ordered_json::value_t::string:
    return from.get<std::string>();
  case ordered_json::value_t::array: {
    list items;
    for (const auto& item : from)
      items.push_back(from_json(item));
    return items;
  }
  case ordered_json::value_t::object: {
    dict entries;
    for (const auto& [key, item] : from.items())
      entries.set(key, from_json(item));
    return entries;
  }
  default:
    return from.dump();
  }
}

ordered_json as_json(const value& from) {
  switch (from.kind()) {
  case kind::none:
    return nullptr;
  case kind::boolean:
    return from.as<bool>();
  case kind::integer:
    if (const auto* small = from.get_if<std::int64_t>())
      return *small;
    return repr(from); // JSON's readers lose its digits
  case kind::floating: {
    const auto number = from.as<double>();
    return std::isfinite(number) ? ordered_json(number)
                                 : ordered_json(repr(from));
  }
  case kind::string:
    return from.as<std::string>();
  case kind::list:
  case kind::tuple:
  case kind::set:
  case kind::frozenset: {
    auto items = ordered_json::array();
    for (const auto& item : from)
      items.push_back(as_json(item));
    return items;
  }
  case kind::dict: {
    auto entries = ordered_json::object();
    for (const auto& [key, item] : *from.get_if<dict>()) {
      const auto* name = key.get_if<std::string>();
      entries[name ? *name : shown(key, false)] = as_json(item);
    }
    return entries;
  }
  case kind::unserializable: {
    const auto& object = *from.get_if<unserializable>();
    return {{"type", object.type}, {"repr", shown(object)}};
  }
  default:
    return repr(from);
  }
}

} // namespace

value from_argument(const std::string& text) {
  const auto parsed = ordered_json::parse(text, nullptr, false);
  return parsed.is_discarded() ? value{text} : from_json(parsed);
}

std::string to_json(const value& item) {
  return as_json(item).dump(-1, ' ', false,
                            ordered_json::error_handler_t::replace);
}

} // namespace snakebridge::cli
