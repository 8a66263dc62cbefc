#include "helpers.hpp"

#include <fmt/format.h>

#include "json.hpp"

namespace snakebridge::cli {

namespace {

std::string listed(const helper_index& all) {
  std::string text;
  for (const auto& each : all.found) {
    text += fmt::format("{}{}{}", text.empty() ? "" : "\n", each.name,
                        each.signature);
    if (!each.doc.empty())
      text += "\n    " + each.doc;
  }
  return text;
}

std::string as_json(const helper_index& all) {
  list items;
  for (const auto& each : all.found)
    items.push_back(dict{{"name", each.name},
                         {"signature", each.signature},
                         {"doc", each.doc},
                         {"file", each.file}});
  return to_json(items);
}

} // namespace

int list_helpers(const request& asked, console& out) {
  return with_bridge(asked, out, [&](const caller& python) {
    const auto all = python.helpers();
    if (!all)
      return fail(out, all.error());
    static_cast<void>(out.print(asked.json ? as_json(*all) : listed(*all)));
    for (const auto& each : all->failed)
      out.complain(fmt::format("{}: {}\n", each.file, each.message));
    return all->failed.empty() ? 0 : exit_failed;
  });
}

} // namespace snakebridge::cli
