#include "docs.hpp"

#include <fmt/format.h>

#include "codegen/describe.hpp"
#include "codegen/generate.hpp"
#include "codegen/pages.hpp"
#include "generate.hpp"
#include "reports.hpp"

namespace snakebridge::cli {

namespace {

std::string listed(const std::vector<codegen::found_page>& all, bool json) {
  std::string made;
  auto items = nlohmann::json::array();
  for (const auto& each : all) {
    items.push_back({{"name", each.name}, {"summary", each.summary}});
    made += fmt::format("{}{}{}{}", made.empty() ? "" : "\n", each.name,
                        each.summary.empty() ? "" : ": ", each.summary);
  }
  return json ? items.dump(1) : made;
}

} // namespace

int docs(const request& asked, console& out) {
  const auto manifest = codegen::read_manifest(manifest_of(asked));
  if (!manifest)
    return fail(out, manifest.error());
  if (!asked.module.empty()) {
    const auto found = codegen::search(*manifest, asked.module);
    static_cast<void>(out.print(listed(found, asked.json)));
    return found.empty() ? exit_failed : 0;
  }
  if (asked.name.empty()) {
    std::string all;
    for (const auto& each : manifest->at("modules"))
      all += (all.empty() ? "" : "\n") + each.at("name").get<std::string>();
    static_cast<void>(out.print(all));
    return 0;
  }
  const auto page = codegen::page_of(*manifest, asked.name);
  if (!page)
    return fail(out, page.error());
  static_cast<void>(out.print(
    asked.json ? nlohmann::json{{"name", asked.name}, {"page", *page}}.dump(1)
               : page->substr(0, page->find_last_not_of('\n') + 1)));
  return 0;
}

int docs_manifest(const request& asked, console& out) {
  return with_bridge(asked, out, [&](const caller& python) {
    const auto made = codegen::read_inventory(python, asked.module, asked.name);
    if (!made)
      return fail(out, made.error());
    return write_page(asked.output, *made, out);
  });
}

} // namespace snakebridge::cli
