#include "node.hpp"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "certificates.hpp"
#include "interrupts.hpp"
#include "json.hpp"

namespace snakebridge::cli {

namespace {

// How long `list`, `forget` and `drain` wait until they are in the cluster.
constexpr std::chrono::milliseconds patience{10'000};

/// The first signal, for who waits for one.
class ending {
public:
  void hear(int signal) {
    {
      const std::lock_guard lock{mutex_};
      if (heard_ != 0)
        ::_exit(exit_code_of(signal));
      heard_ = signal;
    }
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return heard_ != 0; });
  }
  int heard() {
    const std::lock_guard lock{mutex_};
    return heard_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int heard_ = 0;
};

const char* name_of(node_facts::state now) {
  switch (now) {
  case node_facts::state::up:
    return "up";
  case node_facts::state::draining:
    return "draining";
  case node_facts::state::silent:
    return "silent";
  }
  return "";
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ","));
}

// "default 3/4": of its interpreters so many are ready.
std::string pools_of(const node_facts& of) {
  std::vector<std::string> told;
  for (const auto& each : of.stats.pools)
    told.push_back(
      fmt::format("{} {}/{}", each.name, each.ready, each.interpreters));
  return joined(told.empty() ? of.pools : told);
}

std::uint64_t restarts_of(const node_stats& of) {
  std::uint64_t sum = 0;
  for (const auto& each : of.pools)
    sum += each.restarts;
  return sum;
}

std::string listed(const std::vector<node_facts>& all) {
  constexpr auto columns = "{:<20} {:<22} {:<9} {:>8} {:>6} {:>8} {:>8}  {}";
  auto text = fmt::format(columns, "NODE", "ADDRESS", "STATE", "SESSIONS",
                          "CALLS", "OBJECTS", "RESTARTS", "POOLS");
  for (const auto& each : all)
    text += "\n"
            + fmt::format(columns, each.name, each.address, name_of(each.now),
                          each.sessions, each.load, each.stats.live_objects(),
                          restarts_of(each.stats), pools_of(each));
  return text;
}

dict as_dict(const node_stats& of) {
  list pools;
  for (const auto& each : of.pools)
    pools.push_back(dict{{"name", each.name},
                         {"takes_calls", each.takes_calls},
                         {"interpreters", each.interpreters},
                         {"ready", each.ready},
                         {"waiting", each.waiting},
                         {"running", each.running},
                         {"calls", each.calls},
                         {"live_objects", each.live_objects},
                         {"deaths", each.deaths},
                         {"restarts", each.restarts}});
  return {{"sessions", of.sessions}, {"pools", std::move(pools)}};
}

std::string as_json(const std::vector<node_facts>& all) {
  list rows;
  for (const auto& each : all) {
    list pools;
    for (const auto& pool : each.pools)
      pools.push_back(pool);
    rows.push_back(dict{{"name", each.name},
                        {"address", each.address},
                        {"state", name_of(each.now)},
                        {"sessions", each.sessions},
                        {"calls", each.load},
                        {"silent_ms", each.silent_for.count()},
                        {"pools", pools},
                        {"stats", as_dict(each.stats)}});
  }
  return to_json(rows);
}

// What the command line says goes before what the settings do.
result<config> node_settings(const request& asked, console& out) {
  config_origins origins;
  auto settings = settings_of(asked, out, origins);
  if (!settings)
    return settings;
  auto& node = settings->node;
  if (!asked.name.empty())
    node.name = asked.name;
  if (!asked.join.empty())
    settings->cluster.join = asked.join;
  if (!asked.certificates.empty()) {
    const std::filesystem::path folder{asked.certificates};
    node.tls_certificate = folder / (node.name + ".pem");
    node.tls_key = folder / (node.name + ".key");
    node.tls_ca = folder / "ca.pem";
  }
  return settings;
}

int run_node(const request& asked, console& out, ending& told) {
  auto settings = node_settings(asked, out);
  if (!settings)
    return fail(out, settings.error());
  if (!asked.listen.empty())
    settings->node.listen = asked.listen;
  if (settings->node.listen.empty() && settings->cluster.join.empty())
    return fail(out, {errc::config_invalid,
                      "a node listens (--listen HOST:PORT), or joins a cluster "
                      "(--join HOST:PORT), or both"});
  const auto started = bridge::start(*settings);
  if (!started)
    return fail(out, started.error());
  static_cast<void>(
    out.print((*started)->node_address().empty()
                ? "node " + (*started)->node_name()
                : fmt::format("node {} listens at {}", (*started)->node_name(),
                              (*started)->node_address())));
  told.wait();
  return 0; // as it was told
}

int ask_nodes(const request& asked, console& out, const bridge& by) {
  const auto& what = asked.arguments.front();
  if (what == "list") {
    const auto nodes = by.nodes();
    if (!nodes)
      return fail(out, nodes.error());
    auto others = *nodes;
    std::erase_if(others, [&](const node_facts& each) {
      return each.name == by.node_name(); // as long as this program
    });
    static_cast<void>(out.print(asked.json ? as_json(others) : listed(others)));
    return 0;
  }
  const auto& name = asked.arguments.at(1);
  const auto done =
    what == "forget"
      ? by.forget_node(name)
      : by.drain_node(name, std::chrono::milliseconds{asked.patience_ms});
  return done ? 0 : fail(out, done.error());
}

// It joins as a node of its own, that owns nothing.
int ask_cluster(const request& asked, console& out) {
  auto settings = node_settings(asked, out);
  if (!settings)
    return fail(out, settings.error());
  settings->node.listen.clear();
  settings->pools = {{.name = "default", .size = 1}};
  auto where = std::exchange(settings->cluster.join, {});
  if (where.empty())
    return fail(out, {errc::config_invalid,
                      "which cluster? Give --join HOST:PORT, or cluster.join"});
  settings->timeout = patience;
  const auto started = bridge::start(*settings);
  if (!started)
    return fail(out, started.error());
  error why{errc::unreachable, "nobody is there"};
  for (const auto& each : where) {
    const auto colon = each.rfind(':');
    const auto number =
      colon == std::string::npos ? "" : each.substr(colon + 1);
    const bool is_port =
      !number.empty() && number.size() <= 5
      && std::all_of(number.begin(), number.end(),
                     [](char c) { return c >= '0' && c <= '9'; })
      && std::stoul(number) <= 65'535;
    if (!is_port)
      return fail(out, {errc::config_invalid, each + " is no HOST:PORT"});
    const auto joined = (*started)->join(
      each.substr(0, colon), static_cast<std::uint16_t>(std::stoul(number)));
    if (joined)
      return ask_nodes(asked, out, **started);
    why = joined.error();
  }
  return fail(out, why);
}

} // namespace

void check_node(const request& asked) {
  const auto& words = asked.arguments;
  const auto wrong = [](const std::string& what) {
    throw CLI::ValidationError{"node", what};
  };
  if (!asked.make_certificates.empty()) {
    if (words.empty())
      wrong("--make-certs DIR wants the NAMEs of nodes");
    return;
  }
  const auto what = words.empty() ? std::string{} : words.front();
  const std::size_t names = what == "forget" || what == "drain" ? 1 : 0;
  if (what != "run" && what != "list" && names == 0)
    wrong("run, list, forget NAME or drain NAME");
  if (words.size() != names + 1)
    wrong(fmt::format("{}{}", what,
                      names == 1 ? " wants one NAME" : " has no more words"));
  if (!asked.certificates.empty() && asked.name.empty())
    wrong("--certs DIR wants --name NAME, whose certificate is in it");
}

int node(const request& asked, console& out) {
  if (!asked.make_certificates.empty()) {
    const auto made =
      make_certificates(asked.make_certificates, asked.arguments);
    return made ? 0 : fail(out, made.error());
  }
  ending told;
  const interrupts hearing{[&told](int signal) { told.hear(signal); }};
  const log_scope logged{&out};
  if (asked.arguments.front() == "run")
    return run_node(asked, out, told);
  const int code = ask_cluster(asked, out);
  const int signal = told.heard();
  return signal == 0 ? code : exit_code_of(signal);
}

} // namespace snakebridge::cli
