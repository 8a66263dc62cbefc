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
  const auto workers = bridge.stats().pools.at(0).interpreters;
  fmt::print("{} {} {}\n", workers.at(0).pid, workers.at(1).pid, *child);
  std::fflush(stdout);
  for (;;)
    ::pause();
}
