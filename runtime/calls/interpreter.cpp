#include "runtime/calls/interpreter.hpp"

namespace snakebridge {

interpreter_facts interpreter::facts() const {
  interpreter_facts now{.epoch = lives.epoch(),
                        .ready = is_up(),
                        .retired = retired,
                        .waiting = waiting.size() + homeless,
                        .calls = calls,
                        .deaths = lives.deaths(),
                        .restarts = lives.restarts(),
                        .recycled = lives.replaced(),
                        .due = due,
                        .last_death = lives.last_death(),
                        .host = {}};
  if (host) {
    now.host = host->stats();
    now.host.running = running();
  }
  return now;
}

} // namespace snakebridge
