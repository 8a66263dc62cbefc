#include <snakebridge/with.hpp>

#include <snakebridge/callback.hpp>

#include "actors/errors.hpp"
#include "bridge/held_object.hpp"
#include "bridge/this_thread.hpp"
#include "runtime/calls/session_callbacks.hpp"

namespace snakebridge::detail {

namespace {

operation call_beside(const object& manager, const char* name,
                      std::vector<value> arguments) {
  operation asked{.what = verb::call,
                  .module = "snakebridge",
                  .name = name,
                  .positional = std::move(arguments)};
  asked.positional.insert(asked.positional.begin(), manager.held());
  return asked;
}

// What has cancelled the body does not cancel this.
bool exit(const object& manager, std::vector<value> arguments) {
  const cancel_source never;
  return static_cast<bool>(operand_access::run(
    manager, call_beside(manager, "_exit", std::move(arguments)),
    {.awaits = true, .cancel = never.token()}));
}

bool is_beside(const object& manager, const ref& raised) {
  const auto held = manager.held();
  const auto* name = held.get_if<ref>();
  return name != nullptr && name->session == raised.session
         && name->interpreter == raised.interpreter
         && name->epoch == raised.epoch;
}

} // namespace

entered::entered(object manager) : manager_{std::move(manager)} {
  given_ = operand_access::run(manager_, call_beside(manager_, "_enter", {}),
                               {.awaits = true});
  ++this_thread().withs;
}

entered::~entered() {
  end_of_body();
}

void entered::end_of_body() {
  if (std::exchange(is_inside_, false))
    --this_thread().withs;
}

void entered::leave() {
  end_of_body();
  exit(manager_, {});
}

bool entered::leave(const std::exception_ptr& thrown) {
  if (!is_inside_)
    return false; // `__exit__` threw it
  end_of_body();
  const auto told =
    call_back(callback{[&] { std::rethrow_exception(thrown); }}, {});
  const auto outcome = attempt([&] {
    return told.raised && is_beside(manager_, *told.raised)
             ? exit(manager_, {*told.raised})
             : exit(manager_, {nullptr, told.message, told.type});
  });
  if (outcome)
    return *outcome;
  if (!is_gone(outcome.error().code()))
    throw_error(outcome.error());
  return false;
}

} // namespace snakebridge::detail
