#include "actors/interpreter_actor.hpp"

#include "actors/errors.hpp"
#include "config/tunables.hpp"
#include "runtime/base/log.hpp"

namespace snakebridge {

namespace {

using look_atom = caf::atom_constant<caf::atom("look")>;
using replace_atom = caf::atom_constant<caf::atom("replace")>;
using self_pointer = caf::stateful_actor<interpreter_state>*;

constexpr std::chrono::milliseconds looks_apart{limits::recycle_look_ms};
constexpr std::chrono::milliseconds idle_looks_apart{limits::idle_look_ms};

bool recycles(const recycle_limits& limits) {
  return limits.calls > 0 || limits.age.count() > 0 || limits.memory_bytes > 0;
}

template <class Message>
std::function<void(Message)> to_actor(self_pointer self) {
  return [to = self->address()](Message told) {
    if (const auto owner = caf::actor_cast<caf::actor>(to))
      caf::anon_send(owner, std::move(told));
  };
}

std::shared_ptr<interpreter_host> make_host(const interpreter_spec& spec,
                                            std::uint32_t epoch) {
  return spec.make_host(
    {.pool = spec.pool, .interpreter = spec.number, .epoch = epoch});
}

// A host keeps its events: they must not keep the host, nor this actor.
host_events events_of(self_pointer self, const interpreter_spec& spec,
                      const std::shared_ptr<interpreter_host>& host,
                      std::uint32_t epoch, std::function<void()> on_ready) {
  return {.on_ready = std::move(on_ready),
          .on_room = [calls = spec.calls,
                      number = spec.number] { calls->pump(number); },
          .on_end =
            [calls = spec.calls, number = spec.number, epoch,
             which = host.get(),
             tell = to_actor<host_ended>(self)](host_end end) {
              const host_ended told{end.why, end.asked, epoch};
              calls->detach(number, which, epoch, std::move(end));
              tell(told);
            }};
}

void start_host(self_pointer self, const interpreter_spec& spec) {
  auto& state = self->state;
  state.epoch = spec.calls->next_epoch(spec.number);
  state.host = make_host(spec, state.epoch);
  state.since = self->clock().now();
  state.host->start(
    events_of(self, spec, state.host, state.epoch,
              [calls = spec.calls, number = spec.number, epoch = state.epoch,
               weak = std::weak_ptr{state.host}] {
                if (auto ready = weak.lock())
                  calls->attach(number, std::move(ready), epoch);
              }));
}

void start_successor(self_pointer self, const interpreter_spec& spec) {
  auto& state = self->state;
  const auto epoch = spec.calls->successor_epoch(spec.number);
  state.successor_epoch = epoch;
  state.is_successor_ready = false;
  state.successor = make_host(spec, epoch);
  state.successor->start(
    events_of(self, spec, state.successor, epoch,
              [epoch, tell = to_actor<successor_ready>(self)] {
                tell(successor_ready{epoch});
              }));
}

// The successor takes over, as soon as no session would lose anything.
void try_to_replace(self_pointer self, const interpreter_spec& spec) {
  using replacement = dispatcher::replacement;
  auto& state = self->state;
  if (!state.is_successor_ready || !state.host || state.told_to_end)
    return;
  const auto came_of_it =
    spec.calls->replace(spec.number, state.successor, state.successor_epoch);
  if (came_of_it == replacement::waits
      && !std::exchange(state.asks_again, true))
    self->delayed_send(self, idle_looks_apart, replace_atom::value);
  if (came_of_it != replacement::done)
    return;
  state.host = std::exchange(state.successor, nullptr);
  state.epoch = state.successor_epoch;
  state.since = self->clock().now();
  state.is_successor_ready = false;
}

void look(self_pointer self, const interpreter_spec& spec) {
  auto& state = self->state;
  self->delayed_send(self, looks_apart, look_atom::value);
  if (!state.host || state.told_to_end)
    return;
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(
    self->clock().now() - state.since);
  if (!spec.calls->look_if_due(spec.number, spec.recycle, age))
    return;
  if (!state.successor && !spec.calls->is_used(spec.number))
    start_successor(self, spec);
  else
    try_to_replace(self, spec);
}

void host_has_ended(self_pointer self, const interpreter_spec& spec,
                    const host_ended& told) {
  auto& state = self->state;
  if (state.successor && told.epoch == state.successor_epoch) {
    state.successor.reset();
    state.is_successor_ready = false;
    spec.calls->serve_on(spec.number);
    if (!told.asked)
      logger()->warn("a worker that was to replace another did not start: {}",
                     told.why.message());
  } else if (told.epoch == state.epoch) {
    state.host.reset();
    if (!told.asked)
      self->quit(to_caf_error(told.why));
    else if (state.told_to_end)
      self->quit(*state.told_to_end);
    // Else the bridge stops all hosts at once, and our turn to end comes yet.
  }
}

} // namespace

interpreter_state::~interpreter_state() {
  for (const auto& each : {host, successor})
    if (each)
      each->kill("its interpreter actor ended");
}

caf::behavior interpreter_actor(caf::stateful_actor<interpreter_state>* self,
                                const interpreter_spec& spec) {
  self->set_exception_handler(crash_reason);
  self->set_exit_handler([self](const caf::exit_msg& told) {
    self->state.told_to_end = told.reason;
    if (self->state.successor)
      self->state.successor->kill("it is not needed any more");
    if (self->state.host)
      self->state.host->stop(); // `host_ended` follows
    else
      self->quit(told.reason);
  });
  start_host(self, spec);
  if (recycles(spec.recycle))
    self->delayed_send(self, looks_apart, look_atom::value);
  return {
    [self, spec](const host_ended& told) { host_has_ended(self, spec, told); },
    [self, spec](const successor_ready& told) {
      if (told.epoch != self->state.successor_epoch)
        return;
      self->state.is_successor_ready = true;
      try_to_replace(self, spec);
    },
    [self, spec](look_atom) { look(self, spec); },
    [self, spec](replace_atom) {
      self->state.asks_again = false;
      try_to_replace(self, spec);
    }};
}

} // namespace snakebridge
