// Items of a stream, one by one: beside a call for each item, beside the same
// chunks through a multiprocessing.Pipe, and the least that takes, a loop in
// Python; and what a stopped reader of an endless stream costs its worker.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include <unistd.h>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;

namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

constexpr std::int64_t items = 3'000'000;

double seconds_since(steady::time_point began) {
  return std::chrono::duration<double>(steady::now() - began).count();
}

/// Items per second, all of them read as numbers.
double stream_rate(const sb::bridge& bridge, const std::string& made) {
  const auto from = or_throw(bridge.eval(made));
  const auto began = steady::now();
  std::int64_t sum = 0;
  for (auto&& item : bridge.stream(from))
    sum += or_throw(std::move(item)).as<std::int64_t>();
  if (sum != items * (items - 1) / 2)
    std::abort();
  return items / seconds_since(began);
}

double call_rate(const sb::bridge& bridge) {
  constexpr int calls = 20'000;
  const auto from = or_throw(bridge.eval("iter(range(10**9))"));
  const auto began = steady::now();
  for (std::int64_t i = 0; i < calls; ++i)
    if (bridge.method(from, "__next__") != sb::value{i})
      std::abort();
  return calls / seconds_since(began);
}

/// What a program of that Python prints: items per second.
double python_rate(const char* program) {
  const auto command = std::string{BENCH_PYTHON} + " " BENCH_DIRECTORY "/"
                       + program + " " + std::to_string(items);
  auto* const from = ::popen(command.c_str(), "r");
  double rate = 0;
  if (from == nullptr || std::fscanf(from, "%lf", &rate) != 1
      || ::pclose(from) != 0)
    std::abort();
  return rate;
}

std::size_t resident_mb(int pid) {
  std::ifstream from{"/proc/" + std::to_string(pid) + "/statm"};
  std::size_t all = 0, resident = 0;
  from >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) >> 20U;
}

void stopped_reader(const sb::bridge& bridge) {
  const int pid = bridge.stats().pools.at(0).interpreters.at(0).pid;
  auto endless = bridge.stream(
    or_throw(bridge.eval("(bytes(10_000) for _ in iter(int, 1))")));
  for (int i = 0; i < 10'000; ++i)
    or_throw(*endless.next());
  const auto before = resident_mb(pid);
  std::this_thread::sleep_for(1s);
  std::printf("a reader that has stopped: its worker has %zu MiB, a second "
              "later %zu MiB; %zu items wait\n",
              before, resident_mb(pid), bridge.stats().stream_items);
}

void row(const char* what, double rate, double beside, const char* baseline) {
  std::printf("%-28s %10.0f items/s   %6.2f x %s (%.0f)\n", what, rate,
              rate / beside, baseline, beside);
  std::fflush(stdout);
}

} // namespace

int main() {
  const auto pipe = python_rate("pipe_stream.py");
  for (const auto where : {sb::placement::worker, sb::placement::embedded}) {
    sb::bridge bridge{sb::config{.pools = {{.size = 1, .placement = where}}}};
    const auto calls = call_rate(bridge);
    const std::string name =
      where == sb::placement::worker ? "worker" : "embedded";
    const auto range = "iter(range(" + std::to_string(items) + "))";
    const auto generator = "(i for i in range(" + std::to_string(items) + "))";
    const auto ints = stream_rate(bridge, range);
    row((name + ", range").c_str(), ints, calls, "a call per item");
    row((name + ", range").c_str(), ints, pipe, "Pipe of the same chunks");
    row((name + ", generator").c_str(), stream_rate(bridge, generator), pipe,
        "Pipe of the same chunks");
    if (where == sb::placement::worker)
      stopped_reader(bridge);
  }
}
