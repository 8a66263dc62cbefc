// The whole program is killed: within a second no Python process of ours is
// left (DESIGN §3), whatever the workers are doing.
#include "tests/api/python_fixture.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/descriptor.hpp"

namespace snakebridge::testing {

namespace {

/// The program of tests/api/host_program, and what it prints.
class host_program {
public:
  host_program() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      throw std::runtime_error{"no pipe"};
    printed_ = descriptor{ends[0]};
    const descriptor prints{ends[1]};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, prints.get(), STDOUT_FILENO);
    auto program = std::filesystem::read_symlink("/proc/self/exe")
                     .replace_filename("host_program")
                     .string();
    std::array<char*, 2> arguments{program.data(), nullptr};
    if (::posix_spawn(&pid_, program.c_str(), &actions, nullptr,
                      arguments.data(), environ)
        != 0)
      throw std::runtime_error{"cannot start " + program};
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~host_program() { kill(); }

  /// Its first line; empty when it ended without one.
  std::string line() {
    std::string text;
    for (char next = 0; ::read(printed_.get(), &next, 1) == 1 && next != '\n';)
      text += next;
    return text;
  }

  void kill() {
    if (pid_ <= 0)
      return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

private:
  pid_t pid_ = 0;
  descriptor printed_;
};

descriptor watch_process(int pid) {
  return descriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
}

} // namespace

// ORIGINAL P3, P40
TEST(HostDeath, WhenTheProgramIsKilledThenItsPythonEndsWithinASecond) {
  host_program host;
  int first = 0, second = 0, child = 0;
  const auto line = host.line();
  ASSERT_EQ(std::sscanf(line.c_str(), "%d %d %d", &first, &second, &child), 3)
    << line;
  const auto one = watch_process(first);
  const auto two = watch_process(second);
  const auto three = watch_process(child);
  ASSERT_TRUE(one && two && three);
  host.kill();
  const auto begun = std::chrono::steady_clock::now();
  for (const auto& each : {one.get(), two.get(), three.get()}) {
    pollfd ended{each, POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "a process lives on";
  }
  EXPECT_LE(std::chrono::steady_clock::now() - begun, 1s);
}

} // namespace snakebridge::testing
