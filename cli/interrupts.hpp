#pragma once
// SIGINT, SIGTERM and SIGHUP, told on a thread of their own while it lives,
// instead of ending the program; but those that are ignored. Threads must not
// be made before it: they would still take them.

#include <functional>
#include <thread>

#include <csignal>

namespace snakebridge::cli {

class interrupts {
public:
  explicit interrupts(std::function<void(int signal)> tell);
  ~interrupts();
  interrupts(const interrupts&) = delete;
  interrupts& operator=(const interrupts&) = delete;

private:
  sigset_t before_{};
  std::thread hearing_;
};

/// What a shell says of a program that ended by it.
constexpr int exit_code_of(int signal) {
  return 128 + signal;
}

} // namespace snakebridge::cli
