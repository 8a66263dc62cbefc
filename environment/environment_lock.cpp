#include "environment/environment_lock.hpp"

#include "environment/files.hpp"
#include "environment/sha256.hpp"

namespace snakebridge {

namespace {

using json = nlohmann::json;

// Of the index itself: packages have such names too (pytorch-lightning).
constexpr std::string_view torch_index =
  "\n[[tool.uv.index]]\nname = \"pytorch-";

// "cu128" of index "pytorch-cu128" in what setup has written.
std::string torch_in(const std::string& project) {
  const auto at = project.find(torch_index);
  if (at == std::string::npos)
    return {};
  const auto from = at + torch_index.size();
  return project.substr(from, project.find('"', from) - from);
}

locked_environment environment_now(const std::filesystem::path& place) {
  locked_environment now;
  now.installed = installed_in(place / "venv").value_or(installed_python{});
  const auto project = file_text(place / "pyproject.toml");
  now.project = sha256_of(project);
  now.uv_lock = sha256_of(file_text(place / "uv.lock"));
  now.torch = torch_in(project);
  return now;
}

json packages_of(const installed_python& of) {
  auto all = json::object();
  for (const auto& [name, each] : of.packages)
    all[name] = {{"version", each.version}, {"record", each.record}};
  return all;
}

// All of it throws json::exception where it is not as it was written.
hardware machine_in(const json& from) {
  hardware made;
  made.os = from.at("os");
  made.arch = from.at("arch");
  made.libc = from.at("libc");
  made.accelerator = from.at("accelerator");
  made.gpus = from.at("gpus");
  made.driver = from.at("driver");
  made.cuda = from.at("cuda");
  made.rocm = from.at("rocm");
  made.cpu_features = from.at("cpu_features");
  return made;
}

locked_environment environment_in(const json& from) {
  locked_environment made;
  made.installed.version = from.at("python");
  for (const auto& [name, each] : from.at("packages").items())
    made.installed.packages[name] = {each.at("version"), each.at("record")};
  made.project = from.at("project");
  made.uv_lock = from.at("uv_lock");
  made.torch = from.at("torch");
  return made;
}

} // namespace

environment_lock environments_now(const config& settings,
                                  const hardware& machine) {
  environment_lock now;
  now.snakebridge = SNAKEBRIDGE_VERSION;
  now.machine = machine;
  for (const auto& each : settings.environments)
    now.environments.emplace(
      each.name, environment_now(environment_place(settings, each.name)));
  return now;
}

json to_json(const environment_lock& of) {
  auto all = json::object();
  for (const auto& [name, each] : of.environments)
    all[name] = {{"python", each.installed.version},
                 {"packages", packages_of(each.installed)},
                 {"project", each.project},
                 {"uv_lock", each.uv_lock},
                 {"torch", each.torch}};
  const auto& machine = of.machine;
  return {{"snakebridge", of.snakebridge},
          {"machine",
           {{"os", machine.os},
            {"arch", machine.arch},
            {"libc", machine.libc},
            {"accelerator", machine.accelerator},
            {"gpus", machine.gpus},
            {"driver", machine.driver},
            {"cuda", machine.cuda},
            {"rocm", machine.rocm},
            {"cpu_features", machine.cpu_features}}},
          {"environments", all}};
}

std::optional<environment_lock> parse_environment_lock(const json& from) {
  try {
    environment_lock made;
    made.snakebridge = from.at("snakebridge");
    made.machine = machine_in(from.at("machine"));
    for (const auto& [name, each] : from.at("environments").items())
      made.environments.emplace(name, environment_in(each));
    return made;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

} // namespace snakebridge
