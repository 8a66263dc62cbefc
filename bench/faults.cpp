// What faults cost: each beside the least the system itself takes for it, and
// beside the bound we promise. It ends with 1 when a promise is missed.
#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <snakebridge/actors.hpp>
#include <snakebridge/snakebridge.hpp>

#include "footprint.hpp"
#include "measure.hpp"

namespace sb = snakebridge;
namespace bench = snakebridge::bench;
using bench::samples;
using namespace std::chrono_literals;

namespace {

constexpr int rounds = 30;
constexpr auto patience = 10s;
constexpr auto call_timeout = 100ms;
constexpr int many = 10'000;

bool all_held = true;

// One promise: that the figure is at most so much.
void hold(const char* what, double measured_us,
          std::chrono::microseconds most) {
  const bool holds = measured_us <= static_cast<double>(most.count());
  all_held = all_held && holds;
  std::printf("  %s %.2f ms, at most %.2f: %s\n", what, measured_us / 1'000,
              static_cast<double>(most.count()) / 1'000,
              holds ? "holds" : "MISSED");
}

template <class Condition>
void spin_until(Condition holds) {
  const auto until = bench::clock::now() + patience;
  while (!holds())
    if (bench::clock::now() > until) {
      std::fprintf(stderr, "it never came to pass\n");
      std::exit(1);
    }
}

sb::config quiet(sb::pool_config pool) {
  pool.restart = {.intensity = 1'000, .period = 1s};
  sb::config wanted{.pools = {std::move(pool)}};
  wanted.on_output = [](const sb::log_line&) {};
  return wanted;
}

sb::interpreter_stats first_of(const sb::bridge& bridge) {
  return bridge.stats().pools.at(0).interpreters.at(0);
}

int watch_process(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U));
}

void wait_end(int pidfd) {
  pollfd ended{pidfd, POLLIN, 0};
  ::poll(&ended, 1, std::chrono::milliseconds{patience}.count());
  ::close(pidfd);
}

// Starts a program; its standard output goes to `out` unless that is -1.
pid_t start_program(std::vector<const char*> line, int out = -1) {
  line.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (out >= 0)
    ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  pid_t pid = 0;
  if (::posix_spawn(&pid, line[0], &actions, nullptr,
                    const_cast<char* const*>(line.data()), environ)
      != 0)
    std::abort();
  ::posix_spawn_file_actions_destroy(&actions);
  return pid;
}

// From SIGKILL to the end of a bare child.
void sample_bare_death(samples& theirs) {
  const auto child = start_program({"/bin/sleep", "60"});
  const int ended = watch_process(child);
  const auto begin = bench::clock::now();
  ::kill(child, SIGKILL);
  wait_end(ended);
  theirs.add(bench::clock::now() - begin);
  ::waitpid(child, nullptr, 0);
}

// From SIGKILL of a worker until the call it ran has its answer.
void detection() {
  const sb::bridge bridge{quiet({.size = 1})};
  // Python makes it once the call runs: one that has not begun would not be
  // lost but run on the replacement.
  const auto begun = std::filesystem::temp_directory_path()
                     / ("bench_faults." + std::to_string(::getpid()));
  samples ours, theirs;
  for (int round = 0; round < rounds; ++round) {
    spin_until([&] { return bridge.eval("1").has_value(); });
    const auto pid = first_of(bridge).pid;
    bench::clock::time_point told;
    std::thread caller{[&] {
      static_cast<void>(bridge.with({.timeout = patience})
                          .exec("import time\n"
                                "open(begun, 'w').close()\n"
                                "time.sleep(60)",
                                {{"begun", begun.string()}}));
      told = bench::clock::now();
    }};
    spin_until([&] { return std::filesystem::remove(begun); });
    const auto begin = bench::clock::now();
    ::kill(pid, SIGKILL);
    caller.join();
    ours.add(told - begin);
    sample_bare_death(theirs);
  }
  const auto found = ours.summary();
  bench::print_row("death told to its caller", found, "pidfd of a bare child",
                   theirs.summary());
  hold("p99", found.p99_us, 20ms);
}

// From SIGKILL of a worker to the next good call, beside a Python that starts
// and does the same.
bench::figures replacement(const std::string& name, sb::pool_config pool,
                           const char* expression, const char* script) {
  const auto spares = pool.spares;
  const sb::bridge bridge{quiet(std::move(pool))};
  samples ours, theirs;
  for (int round = 0; round < rounds; ++round) {
    spin_until([&] {
      return bridge.eval(expression).has_value()
             && bridge.stats().pools.at(0).spares == spares;
    });
    const auto pid = first_of(bridge).pid;
    const auto begin = bench::clock::now();
    ::kill(pid, SIGKILL);
    // Until the death is known, calls are lost with it.
    spin_until([&] { return bridge.eval(expression).has_value(); });
    ours.add(bench::clock::now() - begin);
    bench::sample(theirs, 1, [&] {
      ::waitpid(start_program({BENCH_PYTHON, "-c", script}), nullptr, 0);
    });
  }
  const auto found = ours.summary();
  bench::print_row(name, found, std::string{"python3 -c '"} + script + "'",
                   theirs.summary());
  return found;
}

struct flag_at_end {
  explicit flag_at_end(caf::event_based_actor*) {}
  ~flag_at_end() { *ended = true; }
  std::atomic<bool>* ended = nullptr;
};

// From the kill of a client to its object freed in the worker, beside the kill
// of an actor to its state's end.
void client_death() {
  const sb::bridge bridge{quiet({.size = 1})};
  auto& system = bridge.system();
  samples ours, theirs;
  for (int round = 0; round < 10 * rounds; ++round) {
    const auto made = std::make_shared<std::promise<void>>();
    const auto client = system.spawn([&, made](caf::event_based_actor* self) {
      self
        ->request(sb::open_session(self, bridge, {}), patience,
                  sb::call_message{"builtins", "object"})
        .then([made](const sb::value&) { made->set_value(); });
      return caf::behavior{[](caf::unit_t) {}};
    });
    made->get_future().get();
    const auto begin = bench::clock::now();
    caf::anon_send_exit(client, caf::exit_reason::kill);
    spin_until([&] { return bridge.stats().live_objects() == 0; });
    ours.add(bench::clock::now() - begin);

    std::atomic<bool> ended = false;
    const auto bare =
      system.spawn([&ended](caf::stateful_actor<flag_at_end>* self) {
        self->state.ended = &ended;
        return caf::behavior{[](caf::unit_t) {}};
      });
    const auto begun = bench::clock::now();
    caf::anon_send_exit(bare, caf::exit_reason::kill);
    spin_until([&] { return ended.load(); });
    theirs.add(bench::clock::now() - begun);
  }
  const auto found = ours.summary();
  bench::print_row("client's object freed", found, "a bare actor's state",
                   theirs.summary());
  hold("p50", found.p50_us, 500us);
  hold("p99", found.p99_us, 5ms);
}

// From the release of a session with many objects until all are freed, beside
// Python that forgets as many.
void many_refs() {
  const sb::bridge bridge{quiet({.size = 1})};
  samples ours, theirs;
  for (int round = 0; round < 5; ++round) {
    const auto session = bridge.open_session({.id = "full"});
    const auto code = "[object() for _ in range(" + std::to_string(many) + ")]";
    sb::or_throw(session.eval(code));
    if (bridge.stats().live_objects() != many)
      std::abort();
    const auto begin = bench::clock::now();
    static_cast<void>(bridge.release_session("full"));
    spin_until([&] { return bridge.stats().live_objects() == 0; });
    ours.add(bench::clock::now() - begin);
    sb::or_throw(bridge.exec("import time\nx = dict(enumerate(" + code
                             + "))\nbegin = time.perf_counter_ns()\n"
                               "x.clear()\n"
                               "took = time.perf_counter_ns() - begin"));
    theirs.add(std::chrono::nanoseconds{
      sb::or_throw(bridge.eval("took")).as<std::int64_t>()});
  }
  bench::print_row("10,000 refs released", ours.summary(),
                   "clear of such a dict", theirs.summary());
}

// Bare actors that come and go: what stays of nothing.
void spawn_and_end(caf::actor_system& system) {
  std::atomic<int> ended = 0;
  for (int i = 0; i < many; ++i) {
    const auto bare = system.spawn([](caf::event_based_actor*) {
      return caf::behavior{[](caf::unit_t) {}};
    });
    bare->attach_functor([&ended] { ++ended; });
    caf::anon_send_exit(bare, caf::exit_reason::kill);
    spin_until([&] { return ended > i; });
  }
}

// Sessions that come, make an object and go: what stays of them, once all is
// there that is made at first use.
void many_sessions() {
  const sb::bridge bridge{quiet({.size = 1})};
  const int worker = first_of(bridge).pid;
  samples taken;
  const auto come_and_go = [&] {
    const auto begin = bench::clock::now();
    for (int i = 0; i < many; ++i)
      sb::or_throw(bridge.open_session().call("builtins", "object"));
    taken.add((bench::clock::now() - begin) / many);
    spin_until([&] { return bridge.stats().live_objects() == 0; });
  };
  const auto bare = [&] { spawn_and_end(bridge.system()); };
  const auto bare_was = bench::least_after(bare);
  const auto bare_is = bench::least_after(bare);
  const auto host_was = bench::least_after(come_and_go);
  const auto worker_was = bench::footprint_of(worker);
  const auto host_is = bench::least_after(come_and_go);
  const auto worker_is = bench::footprint_of(worker);
  std::printf("10,000 sessions, a call in each: %.1f us per session\n",
              taken.summary().p50_us);
  const bool host_is_flat = print_growth("host", host_was, host_is);
  const bool worker_is_flat = print_growth("worker", worker_was, worker_is);
  all_held = host_is_flat && worker_is_flat && all_held;
  print_growth("host, of as many bare actors", bare_was, bare_is);
}

// A call that would sleep for a minute; afterwards its worker must serve the
// next. Only what goes beyond the call's time is sampled.
bool sample_overshoot(samples& ours, samples& next, const sb::bridge& bridge) {
  const auto begin = bench::clock::now();
  const auto late =
    bridge.with({.timeout = call_timeout}).call("time", "sleep", 60);
  const auto told = bench::clock::now();
  const bool usable = bridge.eval("1").has_value();
  next.add(bench::clock::now() - told);
  ours.add(told - begin - call_timeout);
  return usable && !late && late.error().code() == sb::errc::deadline_exceeded;
}

void sample_poll(samples& theirs) {
  const timespec wait{0, std::chrono::nanoseconds{call_timeout}.count()};
  const auto begin = bench::clock::now();
  ::ppoll(nullptr, 0, &wait, nullptr);
  theirs.add(bench::clock::now() - begin - call_timeout);
}

void deadlines() {
  const sb::bridge bridge{sb::config{.pools = {{.size = 1}}}};
  sb::or_throw(bridge.eval("1"));
  samples ours, next, theirs;
  bool well = true;
  for (int round = 0; round < rounds; ++round) {
    well = sample_overshoot(ours, next, bridge) && well;
    sample_poll(theirs);
  }
  const auto baseline = theirs.summary();
  const auto found = ours.summary();
  bench::print_row("deadline overshoot", found, "ppoll overshoot", baseline);
  hold("p99", found.p99_us, 20ms);
  bench::print_row("next call after that", next.summary(), "ppoll overshoot",
                   baseline);
  const auto restarts = bridge.stats().pools.at(0).restarts();
  well = well && restarts == 0;
  all_held = all_held && well;
  std::printf("  restarts: %u; every call answered in time: %s\n", restarts,
              well ? "holds" : "MISSED");
}

// What `host_death` kills: tells its workers, and waits.
[[noreturn]] void be_a_host() {
  const sb::bridge bridge{quiet({.size = 2})};
  const auto workers = bridge.stats().pools.at(0).interpreters;
  std::printf("%d %d\n", workers.at(0).pid, workers.at(1).pid);
  std::fflush(stdout);
  for (;;)
    ::pause();
}

// From SIGKILL of a whole program until the last of its workers is gone.
void host_death(const char* self) {
  samples ours, theirs;
  for (int round = 0; round < rounds; ++round) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      std::abort();
    const auto host = start_program({self, "host"}, ends[1]);
    ::close(ends[1]);
    auto* const told = ::fdopen(ends[0], "r");
    int one = 0, two = 0;
    if (std::fscanf(told, "%d %d", &one, &two) != 2)
      std::abort();
    std::fclose(told);
    const int first = watch_process(one), second = watch_process(two);
    const auto begin = bench::clock::now();
    ::kill(host, SIGKILL);
    wait_end(first);
    wait_end(second);
    ours.add(bench::clock::now() - begin);
    ::waitpid(host, nullptr, 0);
    sample_bare_death(theirs);
  }
  const auto found = ours.summary();
  bench::print_row("host killed, workers gone", found, "pidfd of a bare child",
                   theirs.summary());
  hold("p99", found.p99_us, 1s);
}

} // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::strcmp(arguments[1], "host") == 0)
    be_a_host();
  detection();
  replacement("killed to next good call", {.size = 1}, "1", "pass");
  replacement("the same with NumPy", {.size = 1},
              "__import__('numpy').zeros(3).sum()", "import numpy");
  const auto spared = replacement(
    "the same with a spare", {.size = 1, .preload = {"numpy"}, .spares = 1},
    "__import__('numpy').zeros(3).sum()", "import numpy");
  hold("p50", spared.p50_us, 50ms);
  hold("p99", spared.p99_us, 50ms);
  client_death();
  many_refs();
  many_sessions();
  deadlines();
  host_death("/proc/self/exe");
  return all_held ? 0 : 1;
}
