#include "run.hpp"

#include <atomic>

#include <csignal>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/run_script_source.hpp"
#include "handed_streams.hpp"
#include "interrupts.hpp"

namespace snakebridge::cli {

namespace {

// Of a call, at most; a script takes the time it takes.
constexpr std::chrono::hours longest{24};

constexpr auto run_it = R"(
(lambda space: (
    exec(compile(source, '<snakebridge run>', 'exec'), space),
    space['run'](file, arguments, address))[1])({'__name__': 'snakebridge'}))";

// One thread of one worker, whose process may be the script's all the time.
void make_room(pool_config& pool) {
  pool.placement = placement::worker;
  pool.size = 1;
  pool.threads = 1;
  pool.spares = 0;
  pool.stall_report = std::chrono::milliseconds{0};
  pool.stop_timeout = std::chrono::minutes{1};
}

// A terminal sends them to all processes of the script.
void pass_on(int signal, pid_t script) {
  ::kill(signal == SIGTERM ? script : -script, signal);
}

int code_of(console& out, const error& failed, int heard) {
  if (failed.code() == errc::cancelled)
    return exit_code_of(heard);
  const auto* death = failed.post_mortem();
  if (death != nullptr && death->exit_status)
    return *death->exit_status; // it called os._exit
  if (death != nullptr && heard != 0) {
    const char* const name = ::sigabbrev_np(heard);
    if (name != nullptr && death->signal == std::string{"SIG"} + name)
      return exit_code_of(heard);
  }
  return fail(out, failed);
}

} // namespace

int run(const request& asked, console& out) {
  cancel_source stop;
  std::atomic<int> heard = 0;
  std::atomic<pid_t> script = 0; // while it runs
  const interrupts hearing{[&](int signal) {
    const int before = heard.exchange(signal);
    if (const pid_t runs = script)
      return pass_on(signal, runs);
    if (before != 0)
      ::_exit(exit_code_of(signal));
    stop.cancel();
  }};
  const log_scope unlogged{nullptr}; // stderr is the script's
  // Until it starts: from then on the terminal is the script's.
  if (!asked.quiet)
    out.begin_progress(asked.name);
  const handed_streams handed{[&](pid_t to) {
    out.end_progress();
    script = to;
  }};

  config_origins origins;
  auto settings = settings_of(asked, out, origins);
  if (!settings)
    return fail(out, settings.error());
  if (auto* const pool = pool_of(asked, *settings))
    make_room(*pool);
  const auto started = bridge::start(*settings);
  if (!started)
    return fail(out, started.error());
  const auto python =
    (*started)->with({.timeout = asked.timeout_ms > 0
                                   ? std::chrono::milliseconds{asked.timeout_ms}
                                   : longest,
                      .pool = asked.pool,
                      .cancel = stop.token()});
  const auto code =
    python.eval(run_it, {{"source", run_script_source},
                         {"file", asked.name},
                         {"arguments", args_of(asked.arguments).items},
                         {"address", handed.address()}});
  script = 0;
  if (!code)
    return code_of(out, code.error(), heard);
  return code->as<int>();
}

} // namespace snakebridge::cli
