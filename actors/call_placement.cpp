#include "actors/call_placement.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/tunables.hpp"

namespace snakebridge {

namespace {

bool takes_calls(const node_pool_stats& pool) {
  return pool.takes_calls && pool.ready > 0;
}

double burden(const node_pool_stats& pool) {
  return static_cast<double>(pool.waiting + pool.running)
         / static_cast<double>(pool.ready);
}

} // namespace

bool call_placement::is_due(steady_clock::time_point now) {
  constexpr std::chrono::milliseconds age_max{limits::load_report_ms};
  if (asked_at_ && now - *asked_at_ < age_max)
    return false;
  asked_at_ = now;
  return true;
}

result<std::string>
call_placement::place(const std::string& pool, const std::string& self,
                      const std::optional<node_pool_stats>& here,
                      const std::set<std::string>& but) {
  const auto* name = here ? &self : nullptr;
  const auto* best = here && takes_calls(*here) ? &*here : nullptr;
  node_pool_stats* elsewhere = nullptr;
  bool is_offered = here.has_value();
  for (auto& row : rows_) {
    const auto found =
      std::ranges::find(row.stats.pools, pool, &node_pool_stats::name);
    if (found == row.stats.pools.end() || !row.listens || row.node.name == self)
      continue;
    is_offered = true;
    if (row.state != node_state::up || !takes_calls(*found)
        || but.contains(row.node.name))
      continue;
    if (best != nullptr && burden(*found) >= burden(*best))
      continue;
    name = &row.node.name;
    best = elsewhere = &*found;
  }
  if (elsewhere != nullptr)
    ++elsewhere->waiting;
  if (name != nullptr)
    return *name;
  if (!is_offered)
    return error{
      errc::pool_unknown,
      fmt::format("no pool is named '{}', here or on another node", pool)};
  return error{
    errc::pool_down,
    fmt::format("no node that offers pool '{}' takes calls now", pool)};
}

} // namespace snakebridge
