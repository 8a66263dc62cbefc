#include "supervisors/supervisor.hpp"

#include "supervisors/supervisor_state.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>

#include <utility>

namespace snakebridge {

namespace {

caf::behavior supervise(caf::stateful_actor<supervisor_state>* self,
                        supervisor_spec spec) {
  return self->state.begin(std::move(spec));
}

template <caf::spawn_options Options>
caf::expected<caf::actor> spawn_valid(caf::actor_system& system,
                                      supervisor_spec spec) {
  if (auto bad = validate(spec))
    return bad;
  return system.spawn<Options>(supervise, std::move(spec));
}

} // namespace

caf::expected<caf::actor> spawn_supervisor(caf::actor_system& system,
                                           supervisor_spec spec) {
  return spawn_valid<caf::no_spawn_options>(system, std::move(spec));
}

caf::expected<caf::actor> spawn_idle_supervisor(caf::actor_system& system,
                                                supervisor_spec spec) {
  return spawn_valid<caf::lazy_init>(system, std::move(spec));
}

child_spec supervisor_child(supervisor_spec spec,
                            std::chrono::milliseconds up_timeout,
                            restart_type restart) {
  auto id = spec.name;
  auto start = [spec = std::move(spec)](caf::event_based_actor* supervisor) {
    return spawn_supervisor(supervisor->system(), spec);
  };
  return {.id = std::move(id),
          .start = std::move(start),
          .restart = restart,
          .type = child_type::supervisor,
          .up_timeout = up_timeout};
}

} // namespace snakebridge
