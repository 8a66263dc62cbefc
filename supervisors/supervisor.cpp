#include <snakebridge/supervisor.hpp>

#include "actors/errors.hpp"
#include "actors/system_visit.hpp"
#include "supervisors/supervisor_state.hpp"

#include <caf/exit_reason.hpp>
#include <caf/stateful_actor.hpp>

#include <utility>

namespace snakebridge {

namespace {

caf::behavior supervise(caf::stateful_actor<supervisor_state>* self,
                        supervisor_spec spec) {
  return self->state.begin(std::move(spec));
}

// As over a link. `kill` becomes an error of ours, because nobody can trap it.
void tell_parent(const caf::actor_addr& parent, const caf::actor_addr& ended,
                 const caf::error& reason) {
  if (const auto to = caf::actor_cast<caf::strong_actor_ptr>(parent))
    to->enqueue(nullptr, caf::make_message_id(),
                caf::make_message(caf::exit_msg{
                  ended, reason == caf::exit_reason::kill ? make_error(
                           supervisor_errc::killed, "the supervisor was killed")
                                                          : reason}),
                nullptr);
}

caf::behavior supervise_below(caf::stateful_actor<supervisor_state>* self,
                              supervisor_spec spec, caf::actor_addr parent) {
  self->attach_functor(
    [parent, address = self->address()](const caf::error& reason) {
      tell_parent(parent, address, reason);
    });
  // Not linked: its `kill` would leave no time to stop the children in order.
  watch(self, parent);
  return self->state.begin(std::move(spec), parent);
}

// The actor answers as its type says: see supervisor_state::make_behavior.
caf::expected<supervisor_actor> typed(const caf::actor& spawned) {
  return caf::actor_cast<supervisor_actor>(spawned);
}

} // namespace

caf::expected<supervisor_actor> spawn_supervisor(caf::actor_system& system,
                                                 supervisor_spec spec) {
  if (auto bad = validate(spec))
    return bad;
  const system_visit visit;
  return typed(system.spawn(supervise, std::move(spec)));
}

caf::expected<supervisor_actor> spawn_supervisor(caf::local_actor* parent,
                                                 supervisor_spec spec) {
  if (auto bad = validate(spec))
    return bad;
  return typed(parent->system().spawn(supervise_below, std::move(spec),
                                      parent->address()));
}

caf::expected<supervisor_actor> spawn_idle_supervisor(caf::actor_system& system,
                                                      supervisor_spec spec) {
  if (auto bad = validate(spec))
    return bad;
  const system_visit visit;
  return typed(system.spawn<caf::lazy_init>(supervise, std::move(spec)));
}

child_spec supervisor_child(supervisor_spec spec,
                            std::chrono::milliseconds up_timeout,
                            restart_type restart) {
  auto id = spec.name;
  auto start = [spec = std::move(spec)](
                 caf::event_based_actor* above) -> caf::expected<caf::actor> {
    auto spawned = spawn_supervisor(above->system(), spec);
    if (!spawned)
      return std::move(spawned.error());
    return caf::actor_cast<caf::actor>(*spawned);
  };
  return {.id = std::move(id),
          .start = std::move(start),
          .restart = restart,
          .type = child_type::supervisor,
          .up_timeout = up_timeout};
}

} // namespace snakebridge
