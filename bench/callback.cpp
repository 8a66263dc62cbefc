// What a callback costs: Python calls C++ and gets its answer, beside a call of
// the same pool; and a map of one over many items.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <snakebridge/snakebridge.hpp>

#include "measure.hpp"

namespace sb = snakebridge;
namespace bench = snakebridge::bench;

namespace {

constexpr int rounds = 20;
constexpr int times = 200; // callbacks of one call
constexpr double promised = 2;
constexpr std::int64_t items = 100'000;

void measure(const char* name, sb::placement where) {
  const sb::bridge bridge{
    sb::config{.pools = {{.size = 1, .placement = where}}}};
  or_throw(bridge.exec("def times(f, n):\n"
                       "  for i in range(n): f(i)\n"));
  const auto many = or_throw(bridge.eval("times"));
  const sb::callback plus_one{[](std::int64_t x) { return x + 1; }};
  bench::samples called, calls;
  for (int round = 0; round < rounds; ++round) {
    const auto began = bench::clock::now();
    or_throw(bridge.call_object(many, plus_one, times));
    called.add((bench::clock::now() - began) / times);
    bench::sample(calls, times, [&] {
      if (bridge.call("math", "sqrt", 16) != sb::value{4.0})
        std::abort();
    });
  }
  bench::print_row(std::string{name} + ": a callback", called.summary(),
                   "a call", calls.summary(), promised);

  const auto began = bench::clock::now();
  const auto mapped = or_throw(
    bridge.eval("list(map(f, range(n)))", {{"f", plus_one}, {"n", items}}));
  const auto took =
    std::chrono::duration<double>(bench::clock::now() - began).count();
  if (mapped.size() != items || mapped[items - 1] != sb::value{items})
    std::abort();
  std::printf("%s: map of a callback over %ld items: %.0f items/s\n", name,
              static_cast<long>(items), static_cast<double>(items) / took);
  std::fflush(stdout);
}

} // namespace

int main() {
  measure("worker", sb::placement::worker);
  measure("embedded", sb::placement::embedded);
}
