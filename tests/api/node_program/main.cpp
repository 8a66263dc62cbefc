// A node of its own process: it joins the directory at the address that is its
// argument, owns sessions, and says so; then it waits for its end.
#include <chrono>
#include <cstdio>
#include <thread>

#include <unistd.h>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;

int main(int, char** argv) {
  sb::config wanted{.pools = {{.size = 1}}};
  wanted.node = {.name = "child", .listen = "127.0.0.1:0"};
  wanted.cluster.join = {argv[1]};
  const sb::bridge bridge{wanted};
  while (!bridge.nodes())
    std::this_thread::yield();
  std::puts("joined");
  std::fflush(stdout);
  for (;;)
    ::pause();
}
