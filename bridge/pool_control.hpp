#pragma once
// What can be done to a pool while it runs. Each function blocks its caller, in
// bounded time; any thread but an actor's.

#include <caf/actor_system.hpp>

#include "bridge/tree.hpp"
#include "supervisors/child_table.hpp"

namespace snakebridge {

/// The bridge's functions of these names; see there. A view.
class pool_control {
public:
  pool_control(caf::actor_system& system, const pools& where,
               const pool_host_factory& hosts)
      : system_{system},
        where_{where},
        hosts_{hosts} {}

  result<void> drain(std::string_view name, std::chrono::milliseconds patience);
  result<void> resume(std::string_view name);
  result<void> resize(std::string_view name, std::uint32_t size,
                      std::chrono::milliseconds patience);

private:
  result<const pool*> find(std::string_view name) const;
  /// An interpreter that is to come into service. Nobody restarts it until it
  /// is ready and its pool's supervisor has adopted it.
  struct newcomer {
    std::uint32_t number = 0;
    child_guard actor;
  };

  result<void> start_again(const pool& which);
  result<void> grow(const pool& which, std::uint32_t before,
                    std::uint32_t size);
  newcomer start(const pool& which, std::uint32_t number);
  result<void> adopt(const pool& which, newcomer& ready);
  void dismiss(const pool& which, newcomer& unwanted);
  void shrink(const pool& which, std::uint32_t number,
              steady_clock::time_point until);
  /// The pool's supervisor. Errors: pool_down.
  result<caf::actor> supervisor_of(const pool& which) const;
  void end(const pool& which, std::uint32_t number);

  caf::actor_system& system_;
  const pools& where_;
  const pool_host_factory& hosts_;
};

} // namespace snakebridge
