// What awaiting costs: many coroutines at a time on one interpreter, beside the
// same many awaited together by Python itself; and one after the other, beside
// a call that awaits nothing.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <snakebridge/snakebridge.hpp>

#include "measure.hpp"

namespace sb = snakebridge;
namespace bench = snakebridge::bench;

namespace {

constexpr int sleeps = 1'000;
constexpr int rounds = 20;
constexpr int times = 200;

double seconds_since(bench::clock::time_point began) {
  return std::chrono::duration<double>(bench::clock::now() - began).count();
}

void measure(const char* name, sb::placement where) {
  const sb::bridge bridge{sb::config{
    .pools = {{.size = 1, .placement = where, .queue_max = 2 * sleeps}}}};
  or_throw(bridge.exec("import asyncio\n"
                       "async def together(n):\n"
                       "  await asyncio.gather(*(asyncio.sleep(0.1)\n"
                       "                         for _ in range(n)))\n"
                       "async def nothing(): pass\n"));
  or_throw(bridge.eval("nothing()")); // the loop is there
  auto began = bench::clock::now();
  std::vector<sb::future<sb::value>> all;
  for (int i = 0; i < sleeps; ++i)
    all.push_back(bridge.async().call("asyncio", "sleep", 0.1));
  for (auto& each : all)
    or_throw(each.get());
  const auto ours = seconds_since(began);
  began = bench::clock::now();
  or_throw(bridge.eval("together(n)", {{"n", sleeps}}));
  std::printf(
    "%s: %d x asyncio.sleep(0.1) at once: %.3f s; gathered by Python: "
    "%.3f s\n",
    name, sleeps, ours, seconds_since(began));
  std::fflush(stdout);

  bench::samples awaited, calls;
  const auto coroutine = or_throw(bridge.eval("nothing"));
  for (int round = 0; round < rounds; ++round) {
    bench::sample(awaited, times,
                  [&] { or_throw(bridge.call_object(coroutine)); });
    bench::sample(calls, times,
                  [&] { or_throw(bridge.call("math", "sqrt", 16)); });
  }
  bench::print_row(std::string{name} + ": a coroutine", awaited.summary(),
                   "a call", calls.summary());
}

} // namespace

int main() {
  measure("worker", sb::placement::worker);
  measure("embedded", sb::placement::embedded);
}
