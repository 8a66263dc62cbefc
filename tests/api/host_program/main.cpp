// A program that uses the bridge and is killed in the middle of it. It prints
// the ids of its workers, one busy in Python code, one in a call to C, one a
// spare, and of a process that one of them started; then it waits for its end.
// "forked": a process it has forked lives on; it prints that one's id before.
// "stopped": its workers and its spare have been stopped by then.
#include <csignal>
#include <cstdio>
#include <string_view>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <snakebridge/snakebridge.hpp>

#include "tests/support/process_facts.hpp"

namespace sb = snakebridge;

int main(int argc, char** argv) {
  const std::string_view manner = argc > 1 ? argv[1] : "";
  const sb::bridge bridge{sb::config{.pools = {{.size = 2, .spares = 1}}}};
  const auto child =
    bridge.eval("__import__('subprocess').Popen(['sleep', '1000']).pid");
  const auto busy_workers = [&] {
    int busy = 0;
    const auto now = bridge.stats();
    for (const auto& each : now.pools.at(0).interpreters)
      busy += each.running > 0 ? 1 : 0;
    return busy;
  };
  int started = 0;
  for (const char* endless : {"while True: pass", "import signal\n"
                                                  "signal.pause()"}) {
    std::thread{[&bridge, endless] {
      static_cast<void>(bridge.exec(endless));
    }}.detach();
    // Two that begin at once might choose the same worker.
    ++started;
    while (busy_workers() < started)
      std::this_thread::yield();
  }
  while (bridge.stats().pools.at(0).spares == 0)
    std::this_thread::yield();
  const auto workers = sb::testing::children_of_this_process();
  if (manner == "stopped")
    for (const auto each : workers)
      ::kill(each, SIGSTOP);
  if (manner == "forked") {
    const auto fork = ::fork();
    if (fork == 0)
      for (;;)
        ::pause();
    fmt::print("{}\n", fork);
  }
  fmt::print("{} {}\n", fmt::join(workers, " "), *child);
  std::fflush(stdout);
  for (;;)
    ::pause();
}
