#include "actors/manual_system.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>

namespace snakebridge {

namespace {

caf::scheduler::test_coordinator* manual_scheduler(caf::actor_system& system) {
  return dynamic_cast<caf::scheduler::test_coordinator*>(&system.scheduler());
}

} // namespace

bool is_run_by_hand(caf::actor_system& system) {
  return manual_scheduler(system) != nullptr;
}

bool run_by_hand(caf::actor_system& system) {
  auto* const manual = manual_scheduler(system);
  if (manual == nullptr)
    return false;
  constexpr int jobs_max = 1'000'000; // actors that never come to rest
  for (int left = jobs_max; left > 0 && manual->try_run_once(); --left) {
  }
  return true;
}

} // namespace snakebridge
