#pragma once
// What an embedded_host has on Python's side. Made, used and ended with the
// GIL held, but for what watches its calls.

#include "runtime/base/batch_ticks.hpp"
#include "runtime/hosts/embedded_host.hpp"
#include "runtime/hosts/interrupter.hpp"
#include "runtime/hosts/loop_watch.hpp"
#include "runtime/python/object_table.hpp"

namespace snakebridge {

struct embedded_host::python_side {
  explicit python_side(embedded_host& owner)
      : objects{owner.counts_, owner.settings_.conversion},
        interrupts{owner.settings_.cancel_grace, owner.settings_.stall_report,
                   [&owner](auto number, auto since, auto stacks) {
                     owner.tell_stalled(number, since, std::move(stacks));
                   }},
        awaits{owner.settings_.cancel_grace, owner.settings_.stall_report,
               [&owner](auto number, auto since, auto stacks) {
                 owner.tell_loop_stalled(number, since, std::move(stacks));
               }} {
    objects.use(owner.settings_.helpers);
  }
  object_table objects;
  interrupter interrupts;
  loop_watch awaits;
  batch_ticks ticks;
  std::uint64_t replies = 0; // that have told how much their session holds
};

} // namespace snakebridge
