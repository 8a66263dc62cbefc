#pragma once
// The settings of a configuration: every number beside its row of `tunables`,
// and the refusals all of them share. The one place that ties a key to its
// member: reading, checking and the environment all go through it. Functions
// over plain values, on any thread.

#include <chrono>
#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <snakebridge/config.hpp>

#include "config/tunables.hpp"

namespace snakebridge {

/// The row of that key; a key without one does not compile.
consteval tunable tunable_of(std::string_view key, bool of_pool) {
  for (const auto& row : tunables)
    if (row.key == key && row.of_pool == of_pool)
      return row;
  throw "no such row in tunables";
}

consteval tunable node_tunable_of(std::string_view key) {
  for (const auto& row : node_tunables)
    if (row.key == key)
      return row;
  throw "no such row in node_tunables";
}

constexpr bool has_number(std::string_view key) {
  for (const auto& row : tunables)
    if (row.key == key)
      return true;
  return false;
}

/// Calls `visit(row, member)` for every number at the top of the file.
template <class Config, class Visit>
requires std::same_as<std::remove_const_t<Config>, config>
void each_number(Config& all, Visit visit) {
  visit(tunable_of("timeout_ms", false), all.timeout);
  visit(tunable_of("payload_bytes_max", false), all.payload_bytes_max);
  visit(tunable_of("marker_repr_bytes_max", false),
        all.conversion.repr_bytes_max);
  visit(tunable_of("ref_max", false), all.refs.max);
  visit(tunable_of("ref_ttl_ms", false), all.refs.ttl);
  visit(tunable_of("strict_mode_threshold", false),
        all.refs.strict_mode_threshold);
  visit(tunable_of("stream_timeout_ms", false), all.streams.timeout);
  visit(tunable_of("stream_batch_items", false), all.streams.batch_items);
  visit(tunable_of("stream_batch_bytes", false), all.streams.batch_bytes);
  visit(tunable_of("stream_batch_ms", false), all.streams.batch_time);
  visit(tunable_of("callback_threads", false), all.callback_threads);
}

/// Calls `visit(row, member)` for every number of the node.
template <class Node, class Visit>
requires std::same_as<std::remove_const_t<Node>, node_config>
void each_number(Node& node, Visit visit) {
  visit(node_tunable_of("heartbeat_limit_ms"), node.heartbeat_limit);
}

/// Calls `visit(row, member)` for every number of a pool.
template <class Pool, class Visit>
requires std::same_as<std::remove_const_t<Pool>, pool_config>
void each_number(Pool& pool, Visit visit) {
  visit(tunable_of("size", true), pool.size);
  visit(tunable_of("queue_max", true), pool.queue_max);
  visit(tunable_of("intensity", true), pool.restart.intensity);
  visit(tunable_of("period_ms", true), pool.restart.period);
  visit(tunable_of("backoff_ms", true), pool.restart.backoff);
  visit(tunable_of("backoff_max_ms", true), pool.restart.backoff_max);
  visit(tunable_of("breaker_failures", true), pool.breaker.failures);
  visit(tunable_of("breaker_period_ms", true), pool.breaker.period);
  visit(tunable_of("breaker_open_ms", true), pool.breaker.open);
  visit(tunable_of("recycle_calls", true), pool.recycle.calls);
  visit(tunable_of("recycle_age_ms", true), pool.recycle.age);
  visit(tunable_of("recycle_memory_bytes", true), pool.recycle.memory_bytes);
  visit(tunable_of("spares", true), pool.spares);
  visit(tunable_of("threads", true), pool.threads);
  visit(tunable_of("start_timeout_ms", true), pool.start_timeout);
  visit(tunable_of("cancel_grace_ms", true), pool.cancel_grace);
  visit(tunable_of("kill_grace_ms", true), pool.kill_grace);
  visit(tunable_of("heartbeat_limit_ms", true), pool.heartbeat_limit);
  visit(tunable_of("stall_report_ms", true), pool.stall_report);
  visit(tunable_of("stall_kill_ms", true), pool.stall_kill);
  visit(tunable_of("stop_timeout_ms", true), pool.stop_timeout);
  visit(tunable_of("memory_bytes_max", true), pool.limits.memory_bytes_max);
  visit(tunable_of("cpu_seconds_max", true), pool.limits.cpu_seconds_max);
  visit(tunable_of("open_files_max", true), pool.limits.open_files_max);
}

/// A member as the number that stands in the file.
template <std::integral Number>
Number number_of(Number member) {
  return member;
}
template <std::integral Number>
Number number_of(const std::optional<Number>& member) {
  return member.value_or(limits::intensity_least); // `checked` fills it
}
inline std::int64_t
number_of(const std::optional<std::chrono::milliseconds>& member) {
  return member ? member->count() : 1; // what is empty is filled in
}
inline std::int64_t number_of(std::chrono::milliseconds member) {
  return member.count();
}

/// Sets a member to a number within its bounds.
template <std::integral Number>
void set_number(Number& member, std::int64_t number) {
  member = static_cast<Number>(number);
}
template <std::integral Number>
void set_number(std::optional<Number>& member, std::int64_t number) {
  member = static_cast<Number>(number);
}
inline void set_number(std::chrono::milliseconds& member, std::int64_t number) {
  member = std::chrono::milliseconds{number};
}
inline void set_number(std::optional<std::chrono::milliseconds>& member,
                       std::int64_t number) {
  member = std::chrono::milliseconds{number};
}

template <std::integral Number>
bool is_within(const tunable& row, Number number) {
  return std::cmp_greater_equal(number, row.least)
         && std::cmp_less_equal(number, row.most);
}

/// "0 to 1024"
inline std::string bounds_of(const tunable& row) {
  return fmt::format("{} to {}", row.least, row.most);
}

/// "pool.gpu.size"
inline std::string pool_key(std::string_view pool, std::string_view key) {
  return fmt::format("pool.{}.{}", pool, key);
}

inline tl::unexpected<error> invalid(std::string message) {
  return tl::unexpected{error{errc::config_invalid, std::move(message)}};
}

/// Why no pool, or no profile, may have that name; nothing when one may.
std::optional<std::string> wrong_with_pool_name(std::string_view name);
std::optional<std::string> wrong_with_profile_name(std::string_view name);

/// The same for an environment, and for the version of its Python: empty, or
/// as "3.11".
std::optional<std::string> wrong_with_environment_name(std::string_view name);
std::optional<std::string> wrong_with_python_version(std::string_view version);

/// The same for a node, and for an address that is dialed or listened at.
std::optional<std::string> wrong_with_node_name(std::string_view name);
std::optional<std::string> wrong_with_address(std::string_view address);

/// Why no worker can be given that variable; nothing when it can.
std::optional<std::string> wrong_with_variable(std::string_view name,
                                               std::string_view value);

/// The same for a pattern of names `of` variables (`pass_env`) or helpers
/// (`helper_allowlist`), and for a module of `importable`.
std::optional<std::string> wrong_with_pattern(std::string_view pattern,
                                              std::string_view of);
std::optional<std::string> wrong_with_module(std::string_view name);

/// The same for a library that has a profile, and for `on_start`.
std::optional<std::string> wrong_with_library(std::string_view name);
std::optional<std::string> wrong_with_function(std::string_view name);

/// Calls `visit(row, member)` for both times of a profile.
template <class Visit>
void each_number(profile_times& times, Visit visit) {
  visit(tunable_of("timeout_ms", false), times.timeout);
  visit(tunable_of("stream_timeout_ms", false), times.stream_timeout);
}

/// The refusal of a profile that a setting, or a call, names.
tl::unexpected<error>
no_such_profile(std::string_view place, std::string_view name,
                const std::map<std::string, profile_times>& known);

/// The pool of that name, made when there is none.
pool_config& pool_of(config& all, std::string_view name);

/// Gives each pool the `python` of its environment. Errors: config_invalid for
/// an environment that is not there, or wrong.
result<void> take_environments(config& all);

} // namespace snakebridge
