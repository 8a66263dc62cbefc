#pragma once
// Who is stopped, started and forgotten when a child has ended: OTP's table
// (SUPERVISION.md §1) as a pure function over plain values. The supervisor
// acts on the plan; nothing here knows an actor.

#include <snakebridge/supervisor.hpp>

#include <caf/error.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace snakebridge {

/// How the end of an actor counts for its restart.
enum class end_kind { normal, shutdown, killed, crashed };

/// Sorts `reason`: no error is normal, `user_shutdown` with or without a
/// context is shutdown, `kill` is killed, anything else crashed.
end_kind end_kind_of(const caf::error& reason);

/// Whether a child of that type is restarted after such an end.
bool comes_back(restart_type type, end_kind end);

/// A child as the plan sees it, in start order.
struct planned_child {
  restart_type restart = restart_type::permanent;
  bool running = true;
  bool significant = false;
  /// Down, but it will be started again for its own sake, and its group with
  /// it.
  bool restarting = false;
};

/// Positions in the children given, each list in the order to act.
struct restart_plan {
  /// Whether this is a restart, which counts against the intensity.
  bool restarts = false;
  /// Running siblings, last started first.
  std::vector<std::size_t> stop = {};
  /// Children whose spec goes, once they are down.
  std::vector<std::size_t> forget = {};
  /// Kept children to start when the others are down, first first.
  std::vector<std::size_t> start = {};
  /// Whether the supervisor ends, as its auto_shutdown says.
  bool ends = false;

  bool operator==(const restart_plan&) const = default;
};

/// The plan when the child at `ended` has ended by itself with `reason`.
restart_plan plan_restart(strategy how, std::span<const planned_child> children,
                          std::size_t ended, const caf::error& reason,
                          auto_shutdown when = auto_shutdown::never);

/// The plan when the child at `failed` must be restarted whatever its type:
/// its last start failed.
restart_plan plan_retry(strategy how, std::span<const planned_child> children,
                        std::size_t failed);

} // namespace snakebridge
