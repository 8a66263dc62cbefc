#include "config/settings.hpp"

#include <algorithm>
#include <set>
#include <thread>

namespace snakebridge {

namespace {

constexpr std::size_t name_bytes_max = 64;

bool may_stand_in_name(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')
         || (letter >= '0' && letter <= '9') || letter == '_' || letter == '-';
}

std::optional<std::string> wrong_with_name(std::string_view of_what,
                                           std::string_view name) {
  if (!name.empty() && name.size() <= name_bytes_max
      && std::all_of(name.begin(), name.end(), may_stand_in_name))
    return std::nullopt;
  return fmt::format("{} name {:?}: must be 1 to {} of A-Z, a-z, 0-9, _ and -",
                     of_what, name, name_bytes_max);
}

bool is_top_level(std::string_view module) {
  using namespace std::string_view_literals;
  return !module.empty()
         && module.find_first_of(".*\0 "sv) == std::string_view::npos;
}

template <class Owner>
result<void> numbers_checked(Owner& owner, std::string_view prefix) {
  std::string wrong;
  each_number(owner, [&wrong, prefix](const tunable& row, const auto& member) {
    const auto number = number_of(member);
    if (wrong.empty() && !is_within(row, number))
      wrong = fmt::format("{}{} = {}: must be {}", prefix, row.key, number,
                          bounds_of(row));
  });
  if (!wrong.empty())
    return invalid(std::move(wrong));
  return {};
}

template <class Number>
bool is_too_little(Number bound, Number least) {
  return bound != 0 && bound < least;
}

result<void> limits_checked(const pool_config& pool) {
  const auto& wanted = pool.limits;
  if (pool.placement == placement::embedded && wanted != worker_limits{})
    return invalid(
      fmt::format("pool.{}: memory_bytes_max, cpu_seconds_max, open_files_max, "
                  "no_new_privileges and importable hold for workers only; "
                  "leave them out, or say placement = \"worker\"",
                  pool.name));
  if (is_too_little(wanted.memory_bytes_max, limits::memory_bytes_min))
    return invalid(fmt::format("{} = {}: must be 0 or at least {}",
                               pool_key(pool.name, "memory_bytes_max"),
                               wanted.memory_bytes_max,
                               limits::memory_bytes_min));
  if (is_too_little(wanted.open_files_max, limits::open_files_min))
    return invalid(fmt::format("{} = {}: must be 0 or at least {}",
                               pool_key(pool.name, "open_files_max"),
                               wanted.open_files_max, limits::open_files_min));
  for (const auto& name : wanted.importable)
    if (const auto wrong = wrong_with_module(name))
      return invalid(
        fmt::format("{}: {}", pool_key(pool.name, "importable"), *wrong));
  return {};
}

result<void> pool_checked(const pool_config& pool) {
  if (const auto wrong = wrong_with_pool_name(pool.name))
    return invalid(*wrong);
  if (auto done = numbers_checked(pool, pool_key(pool.name, "")); !done)
    return done;
  if (pool.placement == placement::embedded && pool.size > 1)
    return invalid(
      fmt::format("{} = {}: an embedded pool has one interpreter; say 1, or "
                  "placement = \"worker\"",
                  pool_key(pool.name, "size"), pool.size));
  if (pool.restart.backoff_max < pool.restart.backoff)
    return invalid(fmt::format(
      "{} = {}: must be at least backoff_ms, which is {}",
      pool_key(pool.name, "backoff_max_ms"), pool.restart.backoff_max.count(),
      pool.restart.backoff.count()));
  if (pool.placement == placement::embedded
      && (pool.spares > 0 || pool.threads > 1 || pool.recycle.calls > 0
          || pool.recycle.age.count() > 0 || pool.recycle.memory_bytes > 0
          || pool.stall_kill.count() > 0 || !pool.env.empty()
          || !pool.pass_env.empty()))
    return invalid(fmt::format(
      "pool.{}: spares, threads, recycle_…, stall_kill_ms, env and pass_env "
      "are for workers only; leave them out, or say placement = \"worker\"",
      pool.name));
  for (const auto& [name, value] : pool.env)
    if (const auto wrong = wrong_with_variable(name, value))
      return invalid(fmt::format("{}: {}", pool_key(pool.name, "env"), *wrong));
  for (const auto& pattern : pool.pass_env)
    if (const auto wrong = wrong_with_pattern(pattern, "variable"))
      return invalid(
        fmt::format("{}: {}", pool_key(pool.name, "pass_env"), *wrong));
  if (!pool.on_start.empty())
    if (const auto wrong = wrong_with_function(pool.on_start))
      return invalid(fmt::format("{} = {:?}: {}",
                                 pool_key(pool.name, "on_start"), pool.on_start,
                                 *wrong));
  for (const auto& each : pool.path) {
    std::error_code ignored;
    if (!std::filesystem::exists(each, ignored))
      return invalid(fmt::format("{} = {:?}: there is no such folder, nor "
                                 "archive, to import from",
                                 pool_key(pool.name, "path"), each.string()));
  }
  return limits_checked(pool);
}

result<void> helpers_checked(const helper_rules& wanted) {
  if (wanted.paths.size() > limits::helper_paths_max)
    return invalid(fmt::format("helper_paths: must be at most {}",
                               limits::helper_paths_max));
  for (const auto& each : wanted.paths)
    if (each.empty() || each.string().find('\0') != std::string::npos)
      return invalid(fmt::format("helper_paths = {:?}: must be a folder or a "
                                 "file",
                                 each.string()));
  if (wanted.allowlist.size() > limits::helpers_max)
    return invalid(
      fmt::format("helper_allowlist: must be at most {}", limits::helpers_max));
  for (const auto& each : wanted.allowlist)
    if (const auto wrong = wrong_with_pattern(each, "helper"))
      return invalid(fmt::format("helper_allowlist: {}", *wrong));
  return {};
}

result<void> make_absolute(std::vector<std::filesystem::path>& paths,
                           std::string_view key) {
  for (auto& each : paths) {
    std::error_code failed;
    const auto whole = std::filesystem::absolute(each, failed);
    if (failed)
      return invalid(fmt::format("{} = {:?}: where it is cannot be told ({}); "
                                 "say it from the root on",
                                 key, each.string(), failed.message()));
    each = whole.lexically_normal();
  }
  return {};
}

std::uint32_t default_size(placement where) {
  constexpr auto most = tunable_of("size", true).most;
  if (where == placement::embedded)
    return 1;
  return std::clamp<std::uint32_t>(std::thread::hardware_concurrency(), 1,
                                   most);
}

// Their times: as given, else as of the profile there always is of that name,
// else those of all calls.
void complete_profiles(config& all) {
  using std::chrono::milliseconds;
  for (const auto& [name, timeout_ms, stream_timeout_ms] : standard_profiles) {
    auto& times = all.profiles[name];
    if (!times.timeout && timeout_ms > 0)
      times.timeout = milliseconds{timeout_ms};
    if (!times.stream_timeout && stream_timeout_ms > 0)
      times.stream_timeout = milliseconds{stream_timeout_ms};
  }
  for (auto& [name, times] : all.profiles) {
    times.timeout = times.timeout.value_or(all.timeout);
    times.stream_timeout = times.stream_timeout.value_or(all.streams.timeout);
  }
}

result<void> profiles_checked(config& all) {
  for (auto& [name, times] : all.profiles) {
    if (const auto wrong = wrong_with_profile_name(name))
      return invalid(*wrong);
    if (auto done = numbers_checked(times, fmt::format("profile.{}.", name));
        !done)
      return done;
  }
  complete_profiles(all);
  if (!all.profiles.contains(all.default_profile))
    return no_such_profile("default_profile", all.default_profile,
                           all.profiles);
  for (const auto& [library, profile] : all.library_profiles) {
    if (const auto wrong = wrong_with_library(library))
      return invalid(fmt::format("library_profiles: {}", *wrong));
    if (!all.profiles.contains(profile))
      return no_such_profile(fmt::format("library_profiles.{}", library),
                             profile, all.profiles);
  }
  return {};
}

result<void> node_checked(const node_config& node) {
  if (auto done = numbers_checked(node, "node."); !done)
    return done;
  if (!node.name.empty())
    if (const auto wrong = wrong_with_node_name(node.name))
      return invalid(fmt::format("node.name = {:?}: {}", node.name, *wrong));
  if (!node.listen.empty())
    if (const auto wrong = wrong_with_address(node.listen))
      return invalid(
        fmt::format("node.listen = {:?}: {}", node.listen, *wrong));
  for (const auto& peer : node.peers_allowed)
    if (const auto wrong = wrong_with_node_name(peer))
      return invalid(fmt::format("node.peers_allowed: {:?}: {}", peer, *wrong));
  const bool some = !node.tls_certificate.empty() || !node.tls_key.empty()
                    || !node.tls_ca.empty();
  const bool all = !node.tls_certificate.empty() && !node.tls_key.empty()
                   && !node.tls_ca.empty();
  if (some && !all)
    return invalid(
      "node: tls_certificate, tls_key and tls_ca must be given all "
      "three, or none of them");
  if (all && node.name.empty())
    return invalid("node: tls_certificate needs node.name, one of its names");
  return {};
}

result<void> cluster_checked(const cluster_config& cluster) {
  if (cluster.join.size() > limits::dials_max)
    return invalid(
      fmt::format("cluster.join: must be at most {}", limits::dials_max));
  for (const auto& address : cluster.join)
    if (const auto wrong = wrong_with_address(address))
      return invalid(fmt::format("cluster.join: {:?}: {}", address, *wrong));
  if (!cluster.directory.empty())
    if (const auto wrong = wrong_with_node_name(cluster.directory))
      return invalid(
        fmt::format("cluster.directory = {:?}: {}", cluster.directory, *wrong));
  return {};
}

// One interpreter may take the others with it: all may die once.
std::uint32_t default_intensity(std::uint32_t size) {
  constexpr auto most = tunable_of("intensity", true).most;
  return std::clamp<std::uint32_t>(size, limits::intensity_least, most);
}

} // namespace

std::optional<std::string> wrong_with_pool_name(std::string_view name) {
  return wrong_with_name("pool", name);
}

std::optional<std::string> wrong_with_profile_name(std::string_view name) {
  return wrong_with_name("profile", name);
}

std::optional<std::string> wrong_with_environment_name(std::string_view name) {
  return wrong_with_name("environment", name);
}

std::optional<std::string> wrong_with_python_version(std::string_view version) {
  constexpr std::string_view digits = "0123456789";
  const auto minor = version.substr(std::min<std::size_t>(version.size(), 2));
  if (version.empty()
      || (version.starts_with("3.") && !minor.empty()
          && minor.size() <= digits.size()
          && minor.find_first_not_of(digits) == std::string_view::npos))
    return std::nullopt;
  return "must be a version in quotes: \"3.11\"";
}

std::optional<std::string> wrong_with_node_name(std::string_view name) {
  // To OpenSSL it stands for all names that end so.
  if (name.starts_with('.'))
    return "the name of a node must not begin with a dot";
  if (!name.empty() && name.size() <= limits::node_name_bytes_max
      && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-.")
           == std::string_view::npos)
    return std::nullopt;
  return fmt::format("the name of a node must be 1 to {} of a-z, 0-9, _, - "
                     "and .",
                     limits::node_name_bytes_max);
}

std::optional<std::string> wrong_with_address(std::string_view address) {
  constexpr std::size_t digits_max = 5; // of a port
  const auto colon = address.rfind(':');
  const auto port =
    colon == std::string_view::npos ? "" : address.substr(colon + 1);
  if (colon != 0 && !port.empty() && port.size() <= digits_max
      && address.size() <= limits::node_address_bytes_max
      && (port.size() < digits_max || port <= "65535")
      && !address.starts_with("unix:") && !address.starts_with("unix-abstract:")
      && address.find('\0') == std::string_view::npos
      && port.find_first_not_of("0123456789") == std::string_view::npos)
    return std::nullopt;
  return "must be an address: \"host:port\"";
}

std::optional<std::string> wrong_with_variable(std::string_view name,
                                               std::string_view value) {
  using namespace std::string_view_literals;
  if (name.empty() || name.find_first_of("=\0"sv) != std::string_view::npos)
    return fmt::format("variable {:?}: its name must not be empty nor hold "
                       "'=' or NUL",
                       name);
  if (value.find('\0') != std::string_view::npos)
    return fmt::format("variable {:?}: its value must not hold NUL", name);
  return std::nullopt;
}

std::optional<std::string> wrong_with_pattern(std::string_view pattern,
                                              std::string_view of) {
  using namespace std::string_view_literals;
  const auto star = pattern.find('*');
  if (!pattern.empty()
      && pattern.find_first_of("=\0"sv) == std::string_view::npos
      && (star == std::string_view::npos || star + 1 == pattern.size()))
    return std::nullopt;
  return fmt::format("pattern {:?}: must be the name of a {}, or its "
                     "beginning and '*'",
                     pattern, of);
}

std::optional<std::string> wrong_with_module(std::string_view name) {
  if (is_top_level(name))
    return std::nullopt;
  return fmt::format("module {:?}: must be the name of a top-level module, "
                     "which allows those below it",
                     name);
}

std::optional<std::string> wrong_with_library(std::string_view name) {
  if (is_top_level(name))
    return std::nullopt;
  return fmt::format("module {:?}: must be the name of a top-level module, "
                     "which stands for those below it",
                     name);
}

std::optional<std::string> wrong_with_function(std::string_view name) {
  using namespace std::string_view_literals;
  const auto dot = name.rfind('.');
  if (dot != std::string_view::npos && dot > 0 && dot + 1 < name.size()
      && name.front() != '.' && name.find(".."sv) == std::string_view::npos
      && name.find_first_of("*\0 "sv) == std::string_view::npos)
    return std::nullopt;
  return "must be a function of a module: \"module.function\"";
}

tl::unexpected<error>
no_such_profile(std::string_view place, std::string_view name,
                const std::map<std::string, profile_times>& known) {
  std::string names;
  for (const auto& [each, times] : known)
    names += (names.empty() ? "" : ", ") + each;
  return invalid(fmt::format("{} = {:?}: no such profile; there are {}", place,
                             name, names));
}

pool_config& pool_of(config& all, std::string_view name) {
  const auto found =
    std::find_if(all.pools.begin(), all.pools.end(),
                 [name](const pool_config& pool) { return pool.name == name; });
  if (found != all.pools.end())
    return *found;
  all.pools.push_back({.name = std::string{name}});
  return all.pools.back();
}

std::filesystem::path environment_place(const config& of,
                                        std::string_view name) {
  return name.empty() ? of.environment_folder
                      : of.environment_folder / "environments" / name;
}

result<void> take_environments(config& all) {
  std::set<std::string_view> names;
  for (const auto& each : all.environments) {
    if (const auto wrong = each.name.empty()
                             ? std::nullopt
                             : wrong_with_environment_name(each.name))
      return invalid(*wrong);
    if (const auto wrong = wrong_with_python_version(each.python))
      return invalid(
        fmt::format("environment.{}: python: {}", each.name, *wrong));
    if (!names.insert(each.name).second)
      return invalid(fmt::format("there are two environments named {:?}; "
                                 "rename one",
                                 each.name));
  }
  if (names.contains(""))
    pool_of(all, pool_config{}.name);
  for (auto& pool : all.pools) {
    if (!pool.environment.empty() && !names.contains(pool.environment))
      return invalid(fmt::format("{} = {:?}: there is no [environment.{}]",
                                 pool_key(pool.name, "environment"),
                                 pool.environment, pool.environment));
    if (pool.python.empty() && names.contains(pool.environment))
      pool.python = environment_place(all, pool.environment) / "venv";
  }
  return {};
}

result<config> checked(config wanted) {
  if (auto done = take_environments(wanted); !done)
    return tl::unexpected{std::move(done).error()};
  if (auto done = numbers_checked(wanted, ""); !done)
    return tl::unexpected{std::move(done).error()};
  if (auto done = helpers_checked(wanted.helpers); !done)
    return tl::unexpected{std::move(done).error()};
  if (auto done = profiles_checked(wanted); !done)
    return tl::unexpected{std::move(done).error()};
  if (auto done = node_checked(wanted.node); !done)
    return tl::unexpected{std::move(done).error()};
  if (auto done = cluster_checked(wanted.cluster); !done)
    return tl::unexpected{std::move(done).error()};
  std::set<std::string_view> names;
  for (const auto& pool : wanted.pools) {
    if (auto done = pool_checked(pool); !done)
      return tl::unexpected{std::move(done).error()};
    if (!names.insert(pool.name).second)
      return invalid(fmt::format("pool.{}: there are two pools of that name; "
                                 "rename one",
                                 pool.name));
  }
  names.clear();
  pool_of(wanted, pool_config{}.name);
  for (auto& pool : wanted.pools) {
    if (pool.size == 0)
      pool.size = default_size(pool.placement);
    if (!pool.restart.intensity)
      pool.restart.intensity = default_intensity(pool.size);
    if (auto done = make_absolute(pool.path, pool_key(pool.name, "path"));
        !done)
      return tl::unexpected{std::move(done).error()};
  }
  for (auto* const file : {&wanted.node.tls_certificate, &wanted.node.tls_key,
                           &wanted.node.tls_ca})
    if (!file->empty()) {
      std::vector paths{std::move(*file)};
      if (auto done = make_absolute(paths, "node.tls_…"); !done)
        return tl::unexpected{std::move(done).error()};
      *file = std::move(paths.front());
    }
  if (auto done = make_absolute(wanted.helpers.paths, "helper_paths"); !done)
    return tl::unexpected{std::move(done).error()};
  return wanted;
}

} // namespace snakebridge
