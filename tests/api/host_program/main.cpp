// A program that uses the bridge and is killed in the middle of it. It prints
// the ids of its workers, one busy in Python code, one in a call to C, and of
// a process that one of them started; then it waits for its end.
#include <cstdio>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;

int main() {
  const sb::bridge bridge{sb::config{.pools = {{.size = 2}}}};
  const auto child =
    bridge.eval("__import__('subprocess').Popen(['sleep', '1000']).pid");
  for (const char* endless : {"while True: pass", "import signal\n"
                                                  "signal.pause()"})
    std::thread{[&bridge, endless] {
      static_cast<void>(bridge.exec(endless));
    }}.detach();
  const auto is_running = [](const sb::interpreter_stats& each) {
    return each.running > 0;
  };
  for (;;) {
    const auto workers = bridge.stats().pools.at(0).interpreters;
    if (!is_running(workers.at(0)) || !is_running(workers.at(1)))
      continue;
    fmt::print("{} {} {}\n", workers[0].pid, workers[1].pid, *child);
    std::fflush(stdout);
    for (;;)
      ::pause();
  }
}
