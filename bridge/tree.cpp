#include "bridge/tree.hpp"

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/base/log.hpp"
#include "runtime/hosts/embedded_host.hpp"
#include "runtime/hosts/worker_host.hpp"

namespace snakebridge {

void log_output(const log_line& line) {
  constexpr int warning = 30, error = 40;
  const auto level = line.level >= error     ? spdlog::level::err
                     : line.level >= warning ? spdlog::level::warn
                                             : spdlog::level::info;
  logger()->log(level, "[{} {}{}{}] {}", line.pool, line.interpreter,
                line.call.empty() ? "" : " ", line.call, line.text);
}

// How interpreters end is logged by their supervisors.
void log_event(const interpreter_event& happened) {
  if (happened.what == event_kind::stalled)
    logger()->warn("{}", happened.message);
}

event_listener verbose_listener(event_listener theirs) {
  return [theirs = std::move(theirs)](const interpreter_event& happened) {
    switch (happened.what) {
    case event_kind::ready:
    case event_kind::ended:
    case event_kind::call_exception:
      logger()->debug("{}", happened.message);
      break;
    default:
      break;
    }
    theirs ? theirs(happened) : log_event(happened);
  };
}

namespace {

constexpr std::chrono::milliseconds step_max{limits::bridge_step_ms_max};

worker_settings
worker_settings_of(const config& all, const pool& of,
                   const std::shared_ptr<const start_place>& began) {
  const auto& mine = of.settings;
  std::error_code ignored;
  return {.program = all.worker.empty()
                       ? all.worker
                       : std::filesystem::absolute(all.worker, ignored),
          .python = mine.python,
          .environment = mine.env,
          .pass_env = mine.pass_env,
          .path = mine.path,
          .preload = mine.preload,
          .on_start = mine.on_start,
          .limits = mine.limits,
          .threads = mine.threads,
          .payload_bytes_max = all.payload_bytes_max,
          .conversion = all.conversion,
          .helpers = all.helpers,
          .start_timeout = mine.start_timeout,
          .cancel_grace = mine.cancel_grace,
          .kill_grace = mine.kill_grace,
          .heartbeat_limit = mine.heartbeat_limit,
          .stall_report = mine.stall_report,
          .stall_kill = mine.stall_kill,
          .stop_timeout = mine.stop_timeout,
          .began = began,
          .on_output = all.on_output ? all.on_output : log_output,
          .on_event = all.on_event ? all.on_event : log_event,
          .times_calls = static_cast<bool>(all.on_event),
          .spares = of.spares};
}

embedded_settings
embedded_settings_of(const config& all, const pool_config& mine,
                     const std::shared_ptr<const start_place>& began) {
  return {.python = mine.python,
          .queue_max = mine.queue_max,
          .path = mine.path,
          .preload = mine.preload,
          .on_start = mine.on_start,
          .conversion = all.conversion,
          .helpers = all.helpers,
          .start_timeout = mine.start_timeout,
          .cancel_grace = mine.cancel_grace,
          .stall_report = mine.stall_report,
          .stop_timeout = mine.stop_timeout,
          .began = began,
          .on_event = all.on_event ? all.on_event : log_event};
}

error pool_down(const pool& of, const caf::error& reason) {
  return {errc::pool_down,
          fmt::format("pool '{0}' is down: {1}. Mend the cause and call "
                      "bridge.resume(\"{0}\")",
                      of.settings.name, describe(reason))};
}

} // namespace

pool_host_factory real_hosts(const config& settings,
                             std::shared_ptr<live_threads> threads) {
  return [settings, threads = std::move(threads),
          began = std::make_shared<const start_place>()](const pool& of) {
    if (of.settings.placement == placement::embedded)
      return host_factory{
        [threads,
         embedded = embedded_settings_of(settings, of.settings, began)](
          incarnation self) -> std::shared_ptr<interpreter_host> {
          return std::make_shared<embedded_host>(std::move(self), embedded,
                                                 threads);
        }};
    return host_factory{
      [threads, worker = worker_settings_of(settings, of, began)](
        incarnation self) -> std::shared_ptr<interpreter_host> {
        return std::make_shared<worker_host>(std::move(self), worker, threads);
      }};
  };
}

interpreter_spec interpreter_of(const pool& of, std::uint32_t number,
                                const host_factory& make_host) {
  return {of.settings.name, of.calls, number, make_host, of.settings.recycle};
}

child_spec interpreter_child(const pool& of, std::uint32_t number,
                             const host_factory& make_host) {
  // A worker's host has the stop timeout, and then kills it, which takes
  // moments. Nothing can kill an embedded one: it is abandoned.
  const std::chrono::milliseconds kill_takes{
    of.settings.placement == placement::worker ? limits::death_wait_ms_max : 0};
  return {.id = id_of(number),
          .start =
            [spec = interpreter_of(of, number, make_host)](
              caf::event_based_actor* supervisor) -> caf::expected<caf::actor> {
            return supervisor->spawn(interpreter_actor, spec);
          },
          .shutdown = of.settings.stop_timeout + kill_takes};
}

std::string id_of(std::uint32_t interpreter) {
  return fmt::format("interpreter {}", interpreter);
}

std::string id_of(const pool& of) {
  return fmt::format("pool '{}'", of.settings.name);
}

child_spec pool_child(const pool& of, const host_factory& make_host) {
  supervisor_spec spec{
    .strategy = strategy::one_for_one,
    .intensity = static_cast<int>(
      of.settings.restart.intensity.value_or(limits::intensity_least)),
    .period = of.settings.restart.period,
    .backoff = {.minimum = of.settings.restart.backoff,
                .maximum = of.settings.restart.backoff_max},
    .name = id_of(of)};
  // An interpreter counts as up before it is ready.
  spec.backoff.reset_after += of.settings.start_timeout;
  // Transient: a pool that gives up stays down, one that crashes comes back.
  auto child = supervisor_child(spec, step_max, restart_type::transient);
  child.start = [spec, of, make_host](caf::event_based_actor* parent) {
    if (of.spares)
      of.spares->reopen();
    auto now = spec; // as large as it has become
    of.calls->reopen();
    for (const auto number : of.calls->in_service())
      now.children.push_back(interpreter_child(of, number, make_host));
    auto started =
      supervisor_child(now, step_max, restart_type::transient).start(parent);
    if (!started)
      return started;
    {
      const std::lock_guard lock{of.service->mutex};
      of.service->supervisor = started->address();
      of.service->above = parent->address();
    }
    caf::actor_cast<caf::abstract_actor*>(*started)->attach_functor(
      [of](const caf::error& reason) {
        // First, because who hears of the other may start it again.
        if (of.spares)
          of.spares->close();
        of.calls->close(pool_down(of, reason));
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
    interpreters.children.push_back(pool_child(each, hosts(each)));
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
