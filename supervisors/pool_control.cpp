#include "supervisors/pool_control.hpp"

#include <algorithm>
#include <thread>

#include <caf/scoped_actor.hpp>
#include <fmt/format.h>

#include "actors/errors.hpp"
#include "config/tunables.hpp"

namespace snakebridge {

namespace {

constexpr std::chrono::milliseconds step_max{limits::bridge_step_ms_max};

// True when it held in time.
template <class Holds>
bool wait_until(steady_clock::time_point deadline, Holds holds) {
  while (!holds()) {
    if (steady_clock::now() >= deadline)
      return false;
    std::this_thread::sleep_for(
      std::chrono::milliseconds{limits::idle_look_ms});
  }
  return true;
}

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
  const auto& all = (*which)->interpreters;
  for (const auto& queue : all)
    queue->hold(
      error{errc::pool_down,
            fmt::format("pool '{}' is drained: it takes no calls until it is "
                        "resumed",
                        name)});
  const auto idle = [](const auto& queue) { return queue->load() == 0; };
  if (wait_until(steady_clock::now() + patience,
                 [&] { return std::all_of(all.begin(), all.end(), idle); }))
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
  for (const auto& queue : (*which)->interpreters)
    queue->hold({});
  return {};
}

result<void> pool_control::resize(std::string_view name, std::uint32_t size,
                                  std::chrono::milliseconds patience) {
  const auto which = find(name);
  if (!which)
    return tl::unexpected{which.error()};
  const auto& of = **which;
  if (size < 1 || size > of.interpreters.size())
    return tl::unexpected{
      error{errc::config_invalid,
            fmt::format("pool '{}' cannot have {} interpreters: say 1 to {}",
                        name, size, of.interpreters.size())}};
  const std::lock_guard lock{of.service->resizing};
  const auto until = steady_clock::now() + patience;
  const auto before = of.service->size.load();
  for (auto place = before; place < size; ++place)
    if (auto grown = grow(of, place); !grown)
      return grown;
  if (size < before) {
    of.service->size = size; // no session chooses the others any more
    for (auto place = before; place > size; --place)
      shrink(of, place - 1, until);
  }
  return {};
}

result<caf::actor> pool_control::supervisor_of(const pool& which) const {
  const std::lock_guard lock{which.service->mutex};
  if (auto living = caf::actor_cast<caf::actor>(which.service->supervisor))
    return living;
  return tl::unexpected{error{
    errc::pool_down, fmt::format("pool '{}' is down", which.settings.name)}};
}

result<void> pool_control::grow(const pool& which, std::uint32_t place) {
  const auto supervisor = supervisor_of(which);
  if (!supervisor)
    return tl::unexpected{supervisor.error()};
  const auto& queue = which.interpreters[place];
  queue->reopen();
  result<void> started;
  const caf::scoped_actor self{system_};
  self
    ->request(*supervisor, step_max, start_child_atom::value,
              interpreter_child(which, queue, hosts_(which)))
    .receive(
      [](const caf::actor&) {},
      [&](const caf::error& why) { started = tl::unexpected{to_error(why)}; });
  if (started)
    started = queue->wait_ready(steady_clock::now()
                                + which.settings.start_timeout + step_max);
  if (started)
    which.service->size = place + 1;
  else
    end(which, *queue);
  return started;
}

void pool_control::shrink(const pool& which, std::uint32_t place,
                          steady_clock::time_point until) {
  const auto& queue = which.interpreters[place];
  wait_until(until, [&] { return queue->users() == 0; });
  queue->retire();
  end(which, *queue);
}

// It may have ended with its pool: then there is nothing left to end.
void pool_control::end(const pool& which, const call_queue& queue) {
  const auto supervisor = supervisor_of(which);
  if (!supervisor)
    return;
  const caf::scoped_actor self{system_};
  const auto patience =
    which.settings.stop_timeout + step_max; // of the supervisor as well
  self
    ->request(*supervisor, patience, terminate_child_atom::value, id_of(queue))
    .receive([] {}, [](const caf::error&) {});
  self->request(*supervisor, step_max, delete_child_atom::value, id_of(queue))
    .receive([] {}, [](const caf::error&) {});
}

} // namespace snakebridge
