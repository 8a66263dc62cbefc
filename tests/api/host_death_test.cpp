// The whole program is killed: no Python process of ours is left, whatever the
// workers are doing. That it takes a second at most is for bench_faults.
#include "tests/api/python_fixture.hpp"

#include <array>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/descriptor.hpp"

namespace snakebridge::testing {

namespace {

/// The program of tests/api/host_program, and what it prints.
class host_program {
public:
  explicit host_program(const char* manner) {
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
    std::string argument{manner};
    std::array<char*, 3> arguments{program.data(), argument.data(), nullptr};
    if (::posix_spawn(&pid_, program.c_str(), &actions, nullptr,
                      arguments.data(), environ)
        != 0)
      throw std::runtime_error{"cannot start " + program};
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~host_program() { kill(); }

  /// The numbers in its next line; none when it ended without one.
  std::vector<int> numbers() {
    std::string text;
    for (char next = 0; ::read(printed_.get(), &next, 1) == 1 && next != '\n';)
      text += next;
    std::istringstream line{text};
    return {std::istream_iterator<int>{line}, {}};
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

/// The next parent of processes that lose theirs. Those of a parent in another
/// session are let go on by the kernel itself, and told to end.
class foster_parent {
public:
  foster_parent() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
  ~foster_parent() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
  foster_parent(const foster_parent&) = delete;
  foster_parent& operator=(const foster_parent&) = delete;
};

descriptor watch_process(int pid) {
  return descriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
}

void expect_that_its_python_ends(host_program& host) {
  std::vector<descriptor> watched;
  for (const int each : host.numbers())
    watched.push_back(watch_process(each));
  // Two workers, a spare, and what one of them has started.
  ASSERT_EQ(watched.size(), 4U);
  host.kill();
  for (const auto& each : watched) {
    ASSERT_TRUE(each);
    pollfd ended{each.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "a process lives on";
  }
}

} // namespace

// ORIGINAL P3, P40
TEST(HostDeath, WhenTheProgramIsKilledThenItsPythonEnds) {
  host_program host{"alone"};
  expect_that_its_python_ends(host);
}

TEST(HostDeath, GivenWorkersThatAreStoppedThenTheyEndToo) {
  const foster_parent here;
  host_program host{"stopped"};
  expect_that_its_python_ends(host);
}

// It has all that the program had open: no worker sees an end of its socket.
TEST(HostDeath, GivenAForkThatLivesOnThenItsPythonEndsToo) {
  host_program host{"forked"};
  const auto fork = host.numbers();
  ASSERT_EQ(fork.size(), 1U);
  expect_that_its_python_ends(host);
  EXPECT_EQ(::kill(fork[0], SIGKILL), 0) << "it has not lived on";
}

} // namespace snakebridge::testing
