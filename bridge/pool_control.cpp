#include "bridge/pool_control.hpp"

#include <utility>

#include <caf/exit_reason.hpp>
#include <caf/scoped_actor.hpp>
#include <fmt/format.h>

#include "actors/system_visit.hpp"
#include "config/tunables.hpp"

namespace snakebridge {

namespace {

constexpr std::chrono::milliseconds step_max{limits::bridge_step_ms_max};

} // namespace

result<const pool*> pool_control::find(std::string_view name) const {
  if (const auto* found = where_.find(name))
    return found;
  return tl::unexpected{
    error{errc::pool_unknown, fmt::format("no pool is named '{}'", name)}};
}

result<void> pool_control::drain(std::string_view name,
                                 std::chrono::milliseconds patience) {
  const auto which = find(name);
  if (!which)
    return tl::unexpected{which.error()};
  auto& calls = *(*which)->calls;
  calls.hold(
    error{errc::pool_down,
          fmt::format("pool '{}' is drained: it takes no calls until it is "
                      "resumed",
                      name)});
  if (calls.wait_idle(where_.now() + patience))
    return {};
  return tl::unexpected{
    error{errc::deadline_exceeded,
          fmt::format("pool '{}' still runs calls after {} ms; wait longer, or "
                      "cancel them",
                      name, patience.count())}};
}

result<void> pool_control::resume(std::string_view name) {
  const auto which = find(name);
  if (!which)
    return tl::unexpected{which.error()};
  const auto& of = **which;
  const std::lock_guard lock{of.service->resizing};
  result<void> up;
  if (const auto why = of.calls->why_closed())
    up = why->code() == errc::pool_down ? start_again(of) : result<void>{*why};
  of.calls->hold({});
  return up;
}

// It is there until what is above it has ended, with the bridge.
result<void> pool_control::start_again(const pool& which) {
  const auto above = [&] {
    const std::lock_guard lock{which.service->mutex};
    return caf::actor_cast<caf::actor>(which.service->above);
  }();
  if (!above)
    return error{errc::shutting_down, "the bridge is stopping"};
  result<void> started;
  {
    const system_visit visit;
    const caf::scoped_actor self{system_};
    self->request(above, step_max, restart_child_atom::value, id_of(which))
      .receive([](const caf::actor&) {},
               [&](const caf::error& why) {
                 started =
                   error{errc::startup_failed,
                         fmt::format("pool '{}' is not started: {}",
                                     which.settings.name, describe(why))};
               });
  }
  const auto deadline = where_.now() + which.settings.start_timeout + step_max;
  for (const auto number : which.calls->in_service())
    if (started)
      started = which.calls->wait_ready(number, deadline);
  return started;
}

result<void> pool_control::resize(std::string_view name, std::uint32_t size,
                                  std::chrono::milliseconds patience) {
  const auto which = find(name);
  if (!which)
    return tl::unexpected{which.error()};
  const auto& of = **which;
  if (size < 1 || size > of.places.size())
    return tl::unexpected{
      error{errc::config_invalid,
            fmt::format("pool '{}' cannot have {} interpreters: say 1 to {}",
                        name, size, of.places.size())}};
  const std::lock_guard lock{of.service->resizing};
  if (const auto up = supervisor_of(of); !up)
    return tl::unexpected{up.error()};
  const auto until = where_.now() + patience;
  const auto before = static_cast<std::uint32_t>(of.calls->in_service().size());
  if (size > before)
    return grow(of, before, size);
  for (auto place = before; place > size; --place)
    of.calls->leave(of.places.number(place - 1));
  for (auto place = before; place > size; --place)
    shrink(of, of.places.number(place - 1), until);
  return {};
}

result<caf::actor> pool_control::supervisor_of(const pool& which) const {
  if (auto why = which.calls->why_closed())
    return tl::unexpected{std::move(*why)};
  const std::lock_guard lock{which.service->mutex};
  if (auto living = caf::actor_cast<caf::actor>(which.service->supervisor))
    return living;
  return tl::unexpected{error{
    errc::pool_down, fmt::format("pool '{}' is down", which.settings.name)}};
}

// All or none: a worker that does not start leaves the pool as it was.
result<void> pool_control::grow(const pool& which, std::uint32_t before,
                                std::uint32_t size) {
  std::vector<newcomer> all;
  for (auto place = before; place < size; ++place)
    all.push_back(start(which, which.places.number(place)));
  const auto deadline = where_.now() + which.settings.start_timeout + step_max;
  result<void> grown;
  for (auto each = all.begin(); grown && each != all.end(); ++each)
    grown = which.calls->wait_ready(each->number, deadline);
  for (auto each = all.begin(); grown && each != all.end(); ++each)
    grown = adopt(which, *each);
  for (auto& each : all)
    if (grown)
      which.calls->bring_back(each.number);
    else
      dismiss(which, each);
  return grown;
}

pool_control::newcomer pool_control::start(const pool& which,
                                           std::uint32_t number) {
  which.calls->add(number);
  which.calls->expect_host(number);
  const system_visit visit;
  return {number,
          child_guard{system_.spawn(
            interpreter_actor, interpreter_of(which, number, hosts_(which)))}};
}

result<void> pool_control::adopt(const pool& which, newcomer& ready) {
  const auto supervisor = supervisor_of(which);
  if (!supervisor)
    return tl::unexpected{supervisor.error()};
  auto child = interpreter_child(which, ready.number, hosts_(which));
  child.start = [first = ready.actor.get(), later = std::move(child.start)](
                  caf::event_based_actor* above) mutable {
    if (auto running = std::exchange(first, caf::actor{}))
      return caf::expected<caf::actor>{std::move(running)};
    return later(above);
  };
  result<void> adopted;
  const system_visit visit;
  const caf::scoped_actor self{system_};
  self->request(*supervisor, step_max, start_child_atom::value, child)
    .receive([&](const caf::actor&) { ready.actor.release(); },
             [&](const caf::error& why) {
               adopted = tl::unexpected{
                 error{errc::pool_down,
                       fmt::format("pool '{}' takes no new interpreter: {}",
                                   which.settings.name, describe(why))}};
             });
  return adopted;
}

void pool_control::dismiss(const pool& which, newcomer& unwanted) {
  end(which, unwanted.number);
  const auto running = unwanted.actor.get();
  if (!running)
    return;
  const system_visit visit;
  const caf::scoped_actor self{system_};
  self->monitor(running);
  self->send_exit(running, caf::exit_reason::user_shutdown);
  self->receive([&](const caf::down_msg&) { unwanted.actor.release(); },
                caf::after(which.settings.stop_timeout + step_max) >> [] {});
}

void pool_control::shrink(const pool& which, std::uint32_t number,
                          steady_clock::time_point until) {
  which.calls->retire(number, until);
  end(which, number);
}

// It may have ended with its pool: then there is nothing left to end.
void pool_control::end(const pool& which, std::uint32_t number) {
  const auto supervisor = supervisor_of(which);
  if (!supervisor)
    return;
  const system_visit visit;
  const caf::scoped_actor self{system_};
  const auto patience =
    which.settings.stop_timeout + step_max; // of the supervisor as well
  self
    ->request(*supervisor, patience, terminate_child_atom::value, id_of(number))
    .receive([] {}, [](const caf::error&) {});
  self->request(*supervisor, step_max, delete_child_atom::value, id_of(number))
    .receive([] {}, [](const caf::error&) {});
}

} // namespace snakebridge
