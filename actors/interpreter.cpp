#include "actors/interpreter.hpp"

#include "actors/errors.hpp"

namespace snakebridge {

interpreter_state::~interpreter_state() {
  if (host)
    host->kill("its interpreter actor ended");
}

caf::behavior interpreter(caf::stateful_actor<interpreter_state>* self,
                          const interpreter_spec& spec) {
  self->set_exception_handler(crash_reason);
  self->set_exit_handler([self](const caf::exit_msg& told) {
    self->state.told_to_end = told.reason;
    if (self->state.host)
      self->state.host->stop(); // `host_ended` follows
    else
      self->quit(told.reason);
  });
  const auto epoch = spec.queue->next_epoch();
  const auto host = spec.make_host({.pool = spec.pool,
                                    .interpreter = spec.queue->interpreter(),
                                    .epoch = epoch});
  self->state.host = host;
  // The host keeps its events: they must not keep the host, nor this actor.
  host->start({
    .on_ready =
      [queue = spec.queue, weak = std::weak_ptr{host}] {
        if (auto ready = weak.lock())
          queue->attach(std::move(ready));
      },
    .on_room = [queue = spec.queue] { queue->pump(); },
    .on_end =
      [queue = spec.queue, epoch, which = host.get(),
       to = self->address()](host_end end) {
        const host_ended told{end.why, end.asked};
        queue->detach(which, epoch, std::move(end));
        if (const auto owner = caf::actor_cast<caf::actor>(to))
          caf::anon_send(owner, told);
      },
  });
  return {[self](const host_ended& told) {
    self->state.host.reset();
    if (!told.asked)
      self->quit(to_caf_error(told.why));
    else if (self->state.told_to_end)
      self->quit(*self->state.told_to_end);
    // Else the bridge stops all hosts at once, and our turn to end comes yet.
  }};
}

} // namespace snakebridge
