#include "describe.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "codegen/sources.hpp"
#include "tools.hpp"

namespace snakebridge::codegen {

namespace {

constexpr auto libraries_pool = "libraries";
constexpr auto tools_pool = "tools";
constexpr std::chrono::minutes merging{2};

constexpr auto load_module = R"(
import sys, types
made = types.ModuleType(name)
sys.modules[name] = made
exec(compile(source, name + '.py', 'exec'), made.__dict__))";

// A module that kills its worker takes none of the others with it.
pool_config pool_of(std::string name, std::filesystem::path python,
                    std::size_t deaths_max) {
  pool_config made;
  made.name = std::move(name);
  made.python = std::move(python);
  made.size = 1;
  made.restart.intensity = static_cast<std::uint32_t>(deaths_max);
  return made;
}

config settings_of(std::vector<pool_config> pools) {
  config made;
  made.pools = std::move(pools);
  made.on_output = [](const log_line&) {}; // whatever an import prints
  made.on_event = [](const interpreter_event&) {};
  return made;
}

// Without what differs from run to run.
std::string reason_of(const error& failed) {
  if (const auto* raised = failed.python())
    return raised->message.empty()
             ? raised->type
             : fmt::format("{}: {}", raised->type, raised->message);
  if (const auto* death = failed.post_mortem()) {
    if (!death->signal.empty() && failed.code() == errc::interpreter_died)
      return fmt::format("interpreter_died: {}", death->signal);
    if (death->exit_status)
      return fmt::format("interpreter_died: exit status {}",
                         *death->exit_status);
  }
  return std::string{to_string(failed.code())};
}

/// What the workers of the libraries have told.
struct telling {
  std::string environment;
  list described; // JSON of each module
  dict failed;    // module: reason
};

class teller {
public:
  teller(const bridge& in, const description_request& asked)
      : in_{in},
        asked_{asked} {}

  result<telling> tell() {
    auto where = ask("environment()", {});
    if (!where)
      return tl::unexpected{where.error()};
    telling told;
    told.environment = where->as<std::string>();
    for (const auto& each : asked_.modules)
      add(told, each);
    return told;
  }

private:
  // A session of its own for each: one that has ended takes its names along.
  result<value> ask(const char* expression, const dict& variables) const {
    const auto session = in_.open_session();
    const auto python =
      session.with({.timeout = asked_.timeout, .pool = libraries_pool});
    return python.exec(runtime_source).and_then([&] {
      return python.eval(expression, variables);
    });
  }

  void add(telling& told, std::string module) const {
    if (!module.ends_with(".*"))
      return add_one(told, module);
    module.erase(module.size() - 2);
    const auto set = asked_.depths.find(module);
    const auto depth = set == asked_.depths.end() ? 1 : set->second;
    const auto inside =
      ask("submodules(name, depth)", {{"name", module}, {"depth", depth}});
    if (!inside) {
      told.failed.set(module, reason_of(inside.error()));
      return;
    }
    for (const auto& each : inside->as<std::vector<std::string>>())
      add_one(told, each);
  }

  void add_one(telling& told, const std::string& module) const {
    auto answered = ask("describe(name)", {{"name", module}});
    if (answered)
      told.described.push_back(*std::move(answered));
    else
      told.failed.set(module, reason_of(answered.error()));
  }

  const bridge& in_;
  const description_request& asked_;
};

result<std::string> merge(const bridge& in, const telling& told,
                          const std::vector<std::filesystem::path>& stubs) {
  const auto python = in.with({.timeout = merging, .pool = tools_pool});
  const std::pair<const char*, const char*> modules[] = {
    {"stubs", stubs_source},
    {"docstrings", docstrings_source},
    {"model", model_source}};
  for (const auto& [name, source] : modules)
    if (auto loaded =
          python.exec(load_module, {{"name", name}, {"source", source}});
        !loaded)
      return tl::unexpected{loaded.error()};
  // The worker may be in another folder.
  std::vector<std::filesystem::path> folders;
  for (const auto& each : stubs)
    folders.push_back(std::filesystem::absolute(each));
  return python
    .call("model", "manifest", told.environment, told.described, told.failed,
          folders)
    .and_then([](const value& text) { return text.to<std::string>(); });
}

} // namespace

result<description> describe(const description_request& asked) {
  description made;
  auto tools = asked.tools;
  if (tools.empty()) {
    auto place = make_tools(tools_requirements);
    if (!place)
      return tl::unexpected{place.error()};
    tools = std::move(place->venv);
    made.lacking = std::move(place->lacking);
  }
  auto libraries =
    pool_of(libraries_pool, asked.python, asked.modules.size() + 3);
  libraries.path = asked.path;
  auto started = bridge::start(settings_of(
    {std::move(libraries), pool_of(tools_pool, std::move(tools), 1)}));
  if (!started)
    return tl::unexpected{started.error()};
  auto told = teller{**started, asked}.tell();
  if (!told)
    return tl::unexpected{told.error()};
  auto manifest = merge(**started, *told, asked.stubs);
  if (!manifest)
    return tl::unexpected{manifest.error()};
  made.manifest = *std::move(manifest);
  return made;
}

result<std::string> read_inventory(const caller& python,
                                   const std::string& library,
                                   const std::filesystem::path& inventory) {
  return python
    .exec(load_module, {{"name", "objects"}, {"source", objects_source}})
    .and_then([&] {
      return python.call("objects", "manifest", library, inventory.string());
    })
    .and_then([](const value& text) { return text.to<std::string>(); });
}

} // namespace snakebridge::codegen
