#include "reports.hpp"

#include <fstream>

#include <fmt/format.h>

#include "codegen/coverage.hpp"
#include "codegen/generate.hpp"
#include "codegen/plan.hpp"
#include "generate.hpp"

namespace snakebridge::cli {

int write_page(const std::string& file, const std::string& text, console& out) {
  std::ofstream to{file, std::ios::binary};
  to << text;
  to.close();
  if (!to)
    return fail(out, {errc::config_invalid, "cannot write " + file});
  static_cast<void>(out.print(file));
  return 0;
}

int plan(const request& asked, console& out) {
  const auto manifest = codegen::read_manifest(manifest_of(asked));
  if (!manifest)
    return fail(out, manifest.error());
  const auto rows = codegen::plan_of(*manifest);
  static_cast<void>(out.print(asked.json ? codegen::plan_json(rows).dump(1)
                                         : codegen::plan_table(rows)));
  if (const auto warning = codegen::plan_warning(rows); !warning.empty())
    out.complain(warning + "\n");
  return 0;
}

int coverage(const request& asked, console& out) {
  const auto manifest = codegen::read_manifest(manifest_of(asked));
  if (!manifest)
    return fail(out, manifest.error());
  const auto counted = codegen::coverage_of(*manifest);
  const bool is_json =
    asked.json || (!asked.markdown && asked.output.ends_with(".json"));
  const auto text =
    is_json ? counted.dump(1) + "\n" : codegen::coverage_page(counted);
  if (!asked.output.empty())
    return write_page(asked.output, text, out);
  static_cast<void>(out.print(text.substr(0, text.size() - 1)));
  return 0;
}

} // namespace snakebridge::cli
