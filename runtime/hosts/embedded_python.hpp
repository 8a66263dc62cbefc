#pragma once
// What an embedded_host has on Python's side. Made, used and ended with the
// GIL held, but for its interrupter.

#include "runtime/base/batch_ticks.hpp"
#include "runtime/hosts/embedded_host.hpp"
#include "runtime/hosts/interrupter.hpp"
#include "runtime/python/object_table.hpp"

namespace snakebridge {

struct embedded_host::python_side {
  explicit python_side(embedded_host& owner)
      : objects{owner.counts_, owner.settings_.conversion},
        interrupts{owner.settings_.cancel_grace, owner.settings_.stall_report,
                   [&owner](auto number, auto since, auto stacks) {
                     owner.tell_stalled(number, since, std::move(stacks));
                   }} {}
  object_table objects;
  interrupter interrupts;
  batch_ticks ticks;
};

} // namespace snakebridge
