#include "environment_project.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <snakebridge/environment.hpp>
#include <toml++/toml.h>

namespace snakebridge::cli {

namespace {

namespace fs = std::filesystem;

// What is text in JSON is so in TOML.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump();
}

result<std::string> name_of(const fs::path& project) {
  const auto file = project / "pyproject.toml";
  try {
    const auto all = toml::parse_file(file.string());
    if (const auto name = all["project"]["name"].value<std::string>())
      return *name;
  } catch (const toml::parse_error&) {
    // told below, as what has no name
  }
  return error{errc::config_invalid,
               fmt::format("editable = {:?}: {} tells no [project] name",
                           project.string(), file.string())};
}

// What a build for ROCm needs, and only its own index has.
constexpr const char* of_rocm[] = {"pytorch-triton-rocm", "triton-rocm"};

// As indexes compare them: "Torch_Vision" is "torch-vision".
std::string compared(std::string name) {
  std::transform(
    name.begin(), name.end(), name.begin(), [](unsigned char each) {
      return each == '_' || each == '.' ? '-'
                                        : static_cast<char>(std::tolower(each));
    });
  return name;
}

result<std::string> variant_of(const environment_config& of,
                               const wheel_selector& wheels) {
  if (of.torch == "auto")
    return wheels.pytorch_variant();
  const auto& all = wheels.available_variants();
  if (std::find(all.begin(), all.end(), of.torch) != all.end())
    return of.torch;
  return error{errc::config_invalid,
               fmt::format("environment torch = {:?}: must be \"auto\" or one "
                           "of {}",
                           of.torch, fmt::join(all, ", "))};
}

/// Its parts, as they come together.
struct parts {
  std::vector<std::string> dependencies;
  std::string constraints;
  std::string indexes;
  std::string sources;
};

void add_index(parts& into, const std::string& name, const std::string& url,
               bool is_explicit) {
  into.indexes +=
    fmt::format("\n[[tool.uv.index]]\nname = {}\nurl = {}\n{}", quoted(name),
                quoted(url), is_explicit ? "explicit = true\n" : "");
}

// uv gives a source to what the project names, whether or not anything needs
// it, and not to what only its packages need. A constraint names without
// needing; one that constrains nothing is left out by uv, so it has a version.
void add_source(parts& into, const std::string& name,
                const std::string& index) {
  into.constraints += fmt::format("  {},\n", quoted(name + ">=0"));
  into.sources +=
    fmt::format("{} = {{ index = {} }}\n", quoted(name), quoted(index));
}

// All that has builds, and lies in no folder.
std::set<std::string> names_in_index(const std::string& variant,
                                     const wheel_selector& wheels,
                                     const std::set<std::string>& editable) {
  std::set<std::string> names;
  for (const auto& each : wheels.pytorch_packages())
    names.insert(compared(each));
  if (variant.starts_with("rocm"))
    names.insert(std::begin(of_rocm), std::end(of_rocm));
  for (const auto& each : editable)
    names.erase(each);
  return names;
}

result<void> add_torch(parts& into, const environment_config& of,
                       const wheel_selector& wheels,
                       const std::set<std::string>& editable) {
  if (of.torch.empty())
    return {};
  const auto variant = variant_of(of, wheels);
  if (!variant)
    return tl::unexpected{variant.error()};
  const auto index = "pytorch-" + *variant;
  add_index(into, index, wheels.pytorch_index_url(*variant), true);
  for (const auto& each : names_in_index(*variant, wheels, editable))
    add_source(into, each, index);
  return {};
}

} // namespace

std::string python_of(const environment_config& of) {
  return of.python.empty() ? std::string{python_built_for()} : of.python;
}

result<std::string> project_of(const environment_config& of,
                               const fs::path& place,
                               const wheel_selector& wheels) {
  parts made;
  made.dependencies = of.packages;
  std::set<std::string> editable;
  for (const auto& each : of.editable) {
    const auto name = name_of(each);
    if (!name)
      return tl::unexpected{name.error()};
    made.dependencies.push_back(*name);
    editable.insert(compared(*name));
    std::error_code ignored;
    const auto from_here =
      fs::absolute(each, ignored)
        .lexically_normal()
        .lexically_relative(fs::absolute(place, ignored).lexically_normal());
    made.sources += fmt::format("{} = {{ path = {}, editable = true }}\n",
                                quoted(*name), quoted(from_here.string()));
  }
  for (std::size_t i = 0; i < of.extra_index.size(); ++i)
    add_index(made, fmt::format("extra-{}", i + 1), of.extra_index[i], false);
  if (auto done = add_torch(made, of, wheels, editable); !done)
    return tl::unexpected{done.error()};
  std::string text =
    "# Made by `snakebridge setup` of snakebridge.toml: change "
    "that, and run it.\n[project]\n"
    "name = \"snakebridge-environment\"\nversion = \"0\"\n";
  text += fmt::format("requires-python = \"=={}.*\"\ndependencies = [\n",
                      python_of(of));
  for (const auto& each : made.dependencies)
    text += fmt::format("  {},\n", quoted(each));
  // A root of its own, whatever project its folder lies in.
  text += "]\n\n[tool.uv]\npackage = false\n";
  if (!made.constraints.empty())
    text += "constraint-dependencies = [\n" + made.constraints + "]\n";
  text += "\n[tool.uv.workspace]\n";
  text += made.indexes;
  if (!made.sources.empty())
    text += "\n[tool.uv.sources]\n" + made.sources;
  return text;
}

} // namespace snakebridge::cli
