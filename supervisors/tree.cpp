#include "supervisors/tree.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "config/tunables.hpp"
#include "runtime/embedded_host.hpp"
#include "runtime/worker_host.hpp"

namespace snakebridge {

namespace {

constexpr std::chrono::milliseconds step_max{limits::bridge_step_ms_max};

// What Python prints goes to the log unless the program wants it.
void log_output(const log_line& line) {
  spdlog::info("[{} {}{}{}] {}", line.pool, line.interpreter,
               line.call.empty() ? "" : " ", line.call, line.text);
}

// How interpreters end is logged by their supervisors.
void log_event(const interpreter_event& happened) {
  if (happened.what == event_kind::stalled)
    spdlog::warn("{}", happened.message);
}

worker_settings worker_settings_of(const config& all, const pool_config& mine) {
  return {.program = all.worker,
          .python = mine.python,
          .environment = mine.env,
          .pass_env = mine.pass_env,
          .limits = mine.limits,
          .payload_bytes_max = all.payload_bytes_max,
          .conversion = all.conversion,
          .start_timeout = mine.start_timeout,
          .cancel_grace = mine.cancel_grace,
          .kill_grace = mine.kill_grace,
          .heartbeat_limit = mine.heartbeat_limit,
          .stall_report = mine.stall_report,
          .stall_kill = mine.stall_kill,
          .stop_timeout = mine.stop_timeout,
          .on_output = all.on_output ? all.on_output : log_output,
          .on_event = all.on_event ? all.on_event : log_event};
}

child_spec interpreter_child(const pool& of,
                             const std::shared_ptr<call_queue>& queue,
                             const host_factory& make_host) {
  const interpreter_spec spec{of.settings.name, queue, make_host};
  return {.id = fmt::format("interpreter {}", queue->interpreter()),
          .start = [spec](caf::event_based_actor* supervisor)
            -> caf::expected<caf::actor> {
            return supervisor->spawn(interpreter, spec);
          },
          // Its host has the stop timeout; then it is killed, which takes
          // moments.
          .shutdown = of.settings.stop_timeout
                      + std::chrono::milliseconds{limits::death_wait_ms_max}};
}

error pool_down(const pool& of, const caf::error& reason) {
  return {errc::pool_down,
          fmt::format("pool '{}' is down: {}. Mend the cause and start the "
                      "bridge again",
                      of.settings.name, describe(reason))};
}

} // namespace

pool_host_factory real_hosts(const config& settings,
                             std::shared_ptr<live_threads> threads) {
  return [settings, threads = std::move(threads)](const pool_config& mine) {
    return host_factory{
      [threads, python = mine.python, placed = mine.placement,
       waiting_max = mine.queue_max,
       worker = worker_settings_of(settings, mine)](
        incarnation self) -> std::shared_ptr<interpreter_host> {
        if (placed == placement::embedded)
          return std::make_shared<embedded_host>(
            std::move(self), python, waiting_max, threads, worker.conversion,
            worker.cancel_grace);
        return std::make_shared<worker_host>(std::move(self), worker, threads);
      }};
  };
}

child_spec pool_child(const pool& of, const host_factory& make_host) {
  supervisor_spec spec{.strategy = strategy::one_for_one,
                       .intensity =
                         static_cast<int>(of.settings.restart.intensity),
                       .period = of.settings.restart.period,
                       .backoff = {.minimum = of.settings.restart.backoff,
                                   .maximum = of.settings.restart.backoff_max},
                       .name = fmt::format("pool '{}'", of.settings.name)};
  // An interpreter counts as up before it is ready.
  spec.backoff.reset_after += of.settings.start_timeout;
  for (const auto& queue : of.interpreters)
    spec.children.push_back(interpreter_child(of, queue, make_host));
  // Transient: a pool that gives up stays down, one that crashes comes back.
  auto child =
    supervisor_child(std::move(spec), step_max, restart_type::transient);
  child.start = [start = std::move(child.start),
                 of](caf::event_based_actor* parent) {
    for (const auto& queue : of.interpreters)
      queue->reopen();
    auto started = start(parent);
    if (started)
      caf::actor_cast<caf::abstract_actor*>(*started)->attach_functor(
        [of](const caf::error& reason) {
          const auto why = pool_down(of, reason);
          for (const auto& queue : of.interpreters)
            queue->close(why);
        });
    return started;
  };
  return child;
}

supervisor_spec root_spec(const pools& all, const pool_host_factory& hosts,
                          std::function<void(const caf::actor&)> on_sessions) {
  supervisor_spec interpreters{.strategy = strategy::one_for_one,
                               .name = "interpreters"};
  for (const auto& each : all.all())
    interpreters.children.push_back(pool_child(each, hosts(each.settings)));
  supervisor_spec sessions{.strategy = strategy::simple_one_for_one,
                           .children = {{.id = "session",
                                         .start = {},
                                         .restart = restart_type::temporary}},
                           .name = "sessions"};
  auto sessions_child = supervisor_child(std::move(sessions), step_max);
  sessions_child.start =
    [start = std::move(sessions_child.start),
     on_sessions = std::move(on_sessions)](caf::event_based_actor* parent) {
      auto started = start(parent);
      if (started)
        on_sessions(*started);
      return started;
    };
  return {.strategy = strategy::rest_for_one,
          .children = {supervisor_child(std::move(interpreters), step_max),
                       std::move(sessions_child)},
          .name = "snakebridge"};
}

} // namespace snakebridge
