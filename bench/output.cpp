// What it costs to take a million printed lines from a worker, beside a bare
// python3 that prints them into a pipe which is read line by line.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <snakebridge/snakebridge.hpp>

#include "measure.hpp"

namespace sb = snakebridge;
namespace bench = snakebridge::bench;

namespace {

constexpr int rounds = 3;
constexpr long lines = 1'000'000;
constexpr auto code = "for i in range(1_000_000): print(i)";

// What we want to hold: seconds, on the machine this was written on.
constexpr double seconds_max = 2;

double seconds_since(bench::clock::time_point begin) {
  return std::chrono::duration<double>(bench::clock::now() - begin).count();
}

double of_a_pipe() {
  const auto begin = bench::clock::now();
  const auto command =
    std::string{BENCH_PYTHON} + " -c \"" + std::string{code} + "\"";
  auto* const from = ::popen(command.c_str(), "r");
  char* line = nullptr;
  std::size_t room = 0;
  long taken = 0;
  while (::getline(&line, &room, from) > 0)
    ++taken;
  std::free(line);
  if (::pclose(from) != 0 || taken != lines)
    std::abort();
  return seconds_since(begin);
}

double of_a_worker(const sb::bridge& bridge, const std::atomic<long>& taken) {
  const auto begin = bench::clock::now();
  const auto before = taken.load();
  sb::or_throw(bridge.exec(code));
  while (taken.load() < before + lines)
    std::this_thread::yield();
  return seconds_since(begin);
}

} // namespace

int main() {
  std::atomic<long> taken{0};
  sb::config wanted{.pools = {{.size = 1}}};
  wanted.on_output = [&taken](const sb::log_line&) { ++taken; };
  const sb::bridge bridge{wanted};
  double least = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto bare = of_a_pipe();
    const auto ours = of_a_worker(bridge, taken);
    std::printf("a million lines: %.2f s; python3 into a pipe %.2f s: %.2f x\n",
                ours, bare, ours / bare);
    least = round == 0 ? ours : std::min(least, ours);
  }
  std::printf("wanted: %.0f s at most%s\n", seconds_max,
              least > seconds_max ? "  <- not held" : "");
}
