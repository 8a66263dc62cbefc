#include "bridge/pool_control.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include <caf/exit_reason.hpp>
#include <caf/scoped_actor.hpp>
#include <fmt/format.h>

#include "actors/system_visit.hpp"
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
  const auto& of = **which;
  const std::lock_guard lock{of.service->resizing};
  result<void> up;
  if (const auto why = of.interpreters.front()->look().closed)
    up = why->code() == errc::pool_down ? start_again(of)
                                        : result<void>{*why};
  for (const auto& queue : of.interpreters)
    queue->hold({});
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
    self
      ->request(above, step_max, restart_child_atom::value, id_of(which))
      .receive([](const caf::actor&) {},
               [&](const caf::error& why) {
                 started = error{errc::startup_failed,
                                 fmt::format("pool '{}' is not started: {}",
                                             which.settings.name,
                                             describe(why))};
               });
  }
  const auto deadline =
    steady_clock::now() + which.settings.start_timeout + step_max;
  for (const auto& queue : which.in_service())
    if (started)
      started = queue->wait_ready(deadline);
  return started;
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
  if (const auto up = supervisor_of(of); !up)
    return tl::unexpected{up.error()};
  const auto until = steady_clock::now() + patience;
  const auto before = of.service->size.load();
  if (size > before)
    return grow(of, size);
  of.service->size = size; // no session chooses the others any more
  for (auto place = before; place > size; --place)
    shrink(of, place - 1, until);
  return {};
}

result<caf::actor> pool_control::supervisor_of(const pool& which) const {
  if (auto why = which.interpreters.front()->look().closed)
    return tl::unexpected{std::move(*why)};
  const std::lock_guard lock{which.service->mutex};
  if (auto living = caf::actor_cast<caf::actor>(which.service->supervisor))
    return living;
  return tl::unexpected{error{
    errc::pool_down, fmt::format("pool '{}' is down", which.settings.name)}};
}

// All or none: a worker that does not start leaves the pool as it was.
result<void> pool_control::grow(const pool& which, std::uint32_t size) {
  const auto before = which.service->size.load();
  std::vector<newcomer> all;
  for (auto place = before; place < size; ++place)
    all.push_back(start(which, which.interpreters[place]));
  const auto deadline =
    steady_clock::now() + which.settings.start_timeout + step_max;
  result<void> grown;
  for (auto each = all.begin(); grown && each != all.end(); ++each)
    grown = each->queue->wait_ready(deadline);
  for (auto each = all.begin(); grown && each != all.end(); ++each)
    grown = adopt(which, *each);
  if (!grown) {
    for (auto& each : all)
      dismiss(which, each);
    return grown;
  }
  which.service->size = size;
  for (const auto& each : all)
    each.queue->pump(); // of what waits at others
  return grown;
}

pool_control::newcomer
pool_control::start(const pool& which,
                    const std::shared_ptr<call_queue>& queue) {
  queue->expect_host();
  const system_visit visit;
  return {queue, child_guard{system_.spawn(
                   interpreter, interpreter_of(which, queue, hosts_(which)))}};
}

result<void> pool_control::adopt(const pool& which, newcomer& ready) {
  const auto supervisor = supervisor_of(which);
  if (!supervisor)
    return tl::unexpected{supervisor.error()};
  // Before it is adopted: from then on the end of its pool closes it.
  ready.queue->reopen();
  auto child = interpreter_child(which, ready.queue, hosts_(which));
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
  unwanted.queue->retire();
  end(which, *unwanted.queue);
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

void pool_control::shrink(const pool& which, std::uint32_t place,
                          steady_clock::time_point until) {
  const auto& queue = which.interpreters[place];
  if (!wait_until(until, [&] { return queue->retire_if_unused(); }))
    queue->retire();
  end(which, *queue);
}

// It may have ended with its pool: then there is nothing left to end.
void pool_control::end(const pool& which, const call_queue& queue) {
  const auto supervisor = supervisor_of(which);
  if (!supervisor)
    return;
  const system_visit visit;
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
