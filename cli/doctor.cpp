#include "doctor.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <snakebridge/environment.hpp>

#include "wheels.hpp"

namespace snakebridge::cli {

namespace {

void row(std::string_view name, std::string_view content,
         std::string_view why = {}) {
  fmt::print("  {:<28} {}{}\n", name, content,
             why.empty() ? "" : fmt::format("   ({})", why));
}

std::string origin_of(const config_origins& origins, const std::string& key) {
  const auto place = origins.find(key);
  return place == origins.end() ? "default" : place->second;
}

std::string_view name_of(unserializable_detail detail) {
  switch (detail) {
  case unserializable_detail::none:
    return "none";
  case unserializable_detail::type:
    return "type";
  case unserializable_detail::repr:
    return "repr";
  default:
    return "repr_redacted";
  }
}

std::string_view name_of(auto_install policy) {
  switch (policy) {
  case auto_install::never:
    return "never";
  case auto_install::dev:
    return "dev";
  default:
    return "always";
  }
}

std::string_view name_of(affinity where) {
  switch (where) {
  case affinity::hint:
    return "hint";
  case affinity::strict_queue:
    return "strict_queue";
  default:
    return "strict_fail_fast";
  }
}

void print_limits(const config& settings, const config_origins& origins) {
  fmt::print("limits\n");
  const auto limit = [&](const std::string& key, auto amount) {
    row(key, fmt::format("{}", amount), origin_of(origins, key));
  };
  limit("timeout_ms", settings.timeout.count());
  limit("payload_bytes_max", settings.payload_bytes_max);
  limit("verify_at_start", settings.verify_at_start);
  limit("auto_install", name_of(settings.auto_install));
  limit("error_mode",
        settings.error_mode == error_mode::raw ? "raw" : "translated");
  const auto& rules = settings.conversion;
  limit("atom_class", rules.atom_class);
  limit("atoms", fmt::format("{}", fmt::join(rules.atoms, ", ")));
  limit("marker_detail", name_of(rules.detail));
  limit("marker_repr_bytes_max", rules.repr_bytes_max);
  limit("ref_max", settings.refs.max);
  limit("ref_on_full",
        settings.refs.on_full == on_full::prune ? "prune" : "refuse");
  limit("ref_ttl_ms", settings.refs.ttl.count());
  limit("strict_mode", settings.refs.strict_mode);
  limit("strict_mode_threshold", settings.refs.strict_mode_threshold);
  limit("stream_timeout_ms", settings.streams.timeout.count());
  limit("stream_batch_items", settings.streams.batch_items);
  limit("stream_batch_bytes", settings.streams.batch_bytes);
  limit("stream_batch_ms", settings.streams.batch_time.count());
  const auto& node = settings.node;
  limit("node.name", node.name);
  limit("node.listen", node.listen);
  limit("node.tls_certificate", node.tls_certificate.string());
  limit("node.tls_key", node.tls_key.string());
  limit("node.tls_ca", node.tls_ca.string());
  limit("node.peers_allowed",
        fmt::format("{}", fmt::join(node.peers_allowed, " ")));
  limit("node.heartbeat_limit_ms", node.heartbeat_limit.count());
  const auto& cluster = settings.cluster;
  limit("cluster.join", fmt::format("{}", fmt::join(cluster.join, " ")));
  limit("cluster.directory", cluster.directory);
  limit("cluster.refused_is_dead", cluster.refused_is_dead);
  limit("cluster.spread_calls", cluster.spread_calls);
  const auto& helpers = settings.helpers;
  std::vector<std::string> paths;
  for (const auto& each : helpers.paths)
    paths.push_back(each.string());
  limit("helper_paths", fmt::format("{}", fmt::join(paths, " ")));
  limit("helper_pack_enabled", helpers.pack_enabled);
  limit("helper_allowlist",
        helpers.allowlist.empty()
          ? "all"
          : fmt::format("{}", fmt::join(helpers.allowlist, " ")));
  limit("helper_inline_enabled", helpers.inline_enabled);
  limit("helper_reload", helpers.reload);
  for (const auto& pool : settings.pools) {
    const auto prefix = "pool." + pool.name + ".";
    limit(prefix + "size", pool.size);
    limit(prefix + "placement",
          pool.placement == placement::worker ? "worker" : "embedded");
    limit(prefix + "environment", pool.environment);
    limit(prefix + "queue_max", pool.queue_max);
    limit(prefix + "intensity", *pool.restart.intensity);
    limit(prefix + "period_ms", pool.restart.period.count());
    limit(prefix + "backoff_ms", pool.restart.backoff.count());
    limit(prefix + "backoff_max_ms", pool.restart.backoff_max.count());
    limit(prefix + "affinity", name_of(pool.affinity));
    limit(prefix + "breaker_failures", pool.breaker.failures);
    limit(prefix + "breaker_period_ms", pool.breaker.period.count());
    limit(prefix + "breaker_open_ms", pool.breaker.open.count());
    limit(prefix + "preload", fmt::format("{}", fmt::join(pool.preload, ", ")));
    limit(prefix + "spares", pool.spares);
    limit(prefix + "threads", pool.threads);
    limit(prefix + "recycle_calls", pool.recycle.calls);
    limit(prefix + "recycle_age_ms", pool.recycle.age.count());
    limit(prefix + "recycle_memory_bytes", pool.recycle.memory_bytes);
    limit(prefix + "start_timeout_ms", pool.start_timeout.count());
    limit(prefix + "cancel_grace_ms", pool.cancel_grace.count());
    limit(prefix + "kill_grace_ms", pool.kill_grace.count());
    limit(prefix + "heartbeat_limit_ms", pool.heartbeat_limit.count());
    limit(prefix + "stall_report_ms", pool.stall_report.count());
    limit(prefix + "stall_kill_ms", pool.stall_kill.count());
    limit(prefix + "stop_timeout_ms", pool.stop_timeout.count());
    limit(prefix + "memory_bytes_max", pool.limits.memory_bytes_max);
    limit(prefix + "cpu_seconds_max", pool.limits.cpu_seconds_max);
    limit(prefix + "open_files_max", pool.limits.open_files_max);
    limit(prefix + "no_new_privileges", pool.limits.no_new_privileges);
    limit(prefix + "importable",
          pool.limits.importable.empty()
            ? "all"
            : fmt::format("{}", fmt::join(pool.limits.importable, " ")));
    limit(prefix + "pass_env",
          fmt::format("{}", fmt::join(pool.pass_env, " ")));
  }
}

void print_packages(const caller& in_pool) {
  const auto packages =
    in_pool.eval("sorted({(d.metadata['Name'] or '?', d.version) for d in "
                 "__import__('importlib.metadata').metadata.distributions()})");
  if (!packages)
    return row("packages", to_string(packages.error()));
  row("packages", fmt::format("{} installed", packages->size()));
  for (const auto& package : *packages)
    row("", fmt::format("{} {}", package[0].as<std::string>(),
                        package[1].as<std::string>()));
}

std::string program_of(int pid) {
  std::error_code unknown;
  const auto program =
    std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), unknown);
  return unknown ? "unknown" : program.string();
}

// What the Python that is named says of itself, when it runs by itself.
constexpr auto version_of_executable = R"(
(lambda sys, subprocess: subprocess.run(
    [sys.executable, '-I', '-S', '-c',
     'import sys; print(sys.version, end="")'],
    capture_output=True, text=True, timeout=10).stdout)(
        __import__('sys'), __import__('subprocess')))";

/// Answers how much is not as it should be, though it works.
int print_warnings(const caller& in_pool) {
  int warnings = 0;
  const auto warn = [&](const std::string& what) {
    row("! warning", what);
    ++warnings;
  };
  const auto ours = in_pool.get("sys", "version");
  const auto named = in_pool.eval(version_of_executable);
  if (!ours || !named)
    warn("cannot ask whether sys.executable is the Python that runs here: "
         + to_string(ours ? named.error() : ours.error()));
  else if (*ours != *named)
    warn(fmt::format("sys.executable is another build of Python ({}): some of "
                     "its extension modules may not load here",
                     named->as<std::string>()));
  const char* const venv = std::getenv("VIRTUAL_ENV");
  const auto prefix = in_pool.get("sys", "prefix");
  const auto is_used = [&] {
    std::error_code ignored;
    return std::filesystem::equivalent(prefix->as<std::string>(), venv,
                                       ignored);
  };
  if (venv != nullptr && *venv != '\0' && prefix && !is_used())
    warn(fmt::format("the active VIRTUAL_ENV '{}' is not used: name it by the "
                     "setting `python`, or SNAKEBRIDGE_PYTHON",
                     venv));
  return warnings;
}

// What would make it another, so that nobody wonders why it is this one.
std::string why(const wheel_selector& wheels) {
  const auto& machine = wheels.machine();
  if (machine.accelerator == "cpu")
    return "no accelerator: neither a device in /proc/driver/nvidia or /dev "
           "nor nvidia-smi nor /dev/kfd with ROCm";
  const auto& version =
    machine.accelerator == "cuda" ? machine.cuda : machine.rocm;
  return fmt::format("the newest that {} {} runs; another driver changes it",
                     machine.accelerator, version);
}

/// Answers how much is wrong with it.
int print_machine(const config& settings, const hardware& machine) {
  fmt::print("machine\n");
  row("system",
      fmt::format("{} {}, {}", machine.os, machine.arch, machine.libc));
  row("cpu features", fmt::format("{}", fmt::join(machine.cpu_features, " ")));
  row("accelerator", machine.accelerator);
  if (machine.accelerator != "cpu") {
    row("gpus", fmt::format("{}", fmt::join(machine.gpus, ", ")));
    row("driver", machine.driver);
    row("cuda", machine.cuda);
    row("rocm", machine.rocm);
  }
  const auto wheels = wheels_of(settings, machine);
  if (!wheels) {
    row("! build of PyTorch", to_string(wheels.error()));
    return 1;
  }
  row("build of PyTorch", wheels->pytorch_variant(), why(*wheels));
  return 0;
}

/// Answers how much is not as it was locked.
int print_environments(const config& settings, const hardware& machine) {
  if (settings.environments.empty())
    return 0;
  fmt::print("environments\n");
  for (const auto& each : settings.environments)
    row(each.name.empty() ? "(without a name)" : each.name,
        environment_place(settings, each.name).string(),
        fmt::format("Python {}", each.python.empty()
                                   ? std::string{python_built_for()}
                                   : each.python));
  const auto drifts = verify_environments(settings, machine);
  for (const auto& each : drifts)
    row("! " + each.name, each.environment.empty()
                            ? each.message
                            : each.environment + ": " + each.message);
  return static_cast<int>(drifts.size());
}

int print_pool(const bridge& started, const pool_stats& pool,
               const config& settings, const config_origins& origins) {
  fmt::print("pool {}\n", pool.name);
  const auto here = started.with({.pool = pool.name});
  const auto told = [&](const char* name) {
    const auto text = here.get("sys", name);
    return text ? text->as<std::string>() : to_string(text.error());
  };
  row("python", told("version"),
      origin_of(origins, "pool." + pool.name + ".python"));
  row("sys.executable", told("executable"));
  row("sys.prefix", told("prefix"));
  if (pool.placement == placement::worker)
    row("worker", program_of(pool.interpreters.front().pid),
        settings.worker.empty() ? "beside the library"
                                : origin_of(origins, "worker"));
  else
    row("worker", "none: it runs in this process",
        origin_of(origins, "pool." + pool.name + ".placement"));
  print_packages(here);
  return print_warnings(here);
}

} // namespace

int doctor(const config& settings, const config_origins& origins) {
  fmt::print("snakebridge {}\n", version());
  const auto complete = checked(settings);
  if (!complete) {
    fmt::print("  cannot start: {}\n", to_string(complete.error()));
    return 1;
  }
  print_limits(*complete, origins);
  const auto machine = probe_hardware();
  int warnings = print_machine(*complete, machine);
  warnings += print_environments(*complete, machine);
  const auto started = bridge::start(settings);
  if (!started) {
    fmt::print("  cannot start: {}\n", to_string(started.error()));
    return 1;
  }
  for (const auto& pool : (*started)->stats().pools)
    warnings += print_pool(**started, pool, settings, origins);
  fmt::print("{}\n",
             warnings == 0 ? "all is well" : "it works, but see the warnings");
  return 0;
}

} // namespace snakebridge::cli
