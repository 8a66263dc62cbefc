#include "shown.hpp"

#include <fmt/format.h>

#include "json.hpp"

namespace snakebridge::cli {

namespace {

std::string shown_repr(const value& item);

template <class Items>
std::string joined(const Items& items) {
  std::string text;
  for (const value& each : items)
    text += (text.empty() ? "" : ", ") + shown_repr(each);
  return text;
}

std::string shown_dict(const dict& entries) {
  std::string text;
  for (const auto& [key, item] : entries)
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", shown_repr(key),
                        shown_repr(item));
  return "{" + text + "}";
}

std::string shown_repr(const value& item) {
  if (const auto* marker = item.get_if<unserializable>())
    return shown(*marker);
  if (const auto* items = item.get_if<list>())
    return "[" + joined(*items) + "]";
  if (const auto* items = item.get_if<tuple>())
    return "(" + joined(*items) + (items->size() == 1 ? ",)" : ")");
  if (const auto* entries = item.get_if<dict>())
    return shown_dict(*entries);
  if (const auto* items = item.get_if<set>(); items && !items->empty())
    return "{" + joined(*items) + "}";
  if (const auto* items = item.get_if<frozenset>(); items && !items->empty())
    return "frozenset({" + joined(*items) + "})";
  return repr(item);
}

} // namespace

std::string shown(const value& item, bool json) {
  return json ? to_json(item) : shown_repr(item);
}

std::string shown(const unserializable& item) {
  return item.repr ? *item.repr : fmt::format("<{} object>", item.type);
}

} // namespace snakebridge::cli
