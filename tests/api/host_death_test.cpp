// The whole program is killed: no Python process of ours is left, whatever the
// workers are doing. That it takes a second at most is for bench_faults.
#include "tests/api/python_fixture.hpp"
#include "tests/support/program.hpp"

#include <csignal>
#include <iterator>
#include <sstream>
#include <vector>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/descriptor.hpp"

namespace snakebridge::testing {

namespace {

// The numbers in the next line it prints; none when it ended without one.
std::vector<int> numbers_of(program& host) {
  std::istringstream line{host.line()};
  return {std::istream_iterator<int>{line}, {}};
}

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

void expect_that_its_python_ends(program& host) {
  std::vector<descriptor> watched;
  for (const int each : numbers_of(host))
    watched.push_back(watch_process(each));
  // Two workers, a spare, and what one of them has started.
  ASSERT_EQ(watched.size(), 4U);
  ::kill(host.pid(), SIGKILL);
  EXPECT_EQ(host.end(), "killed by SIGKILL");
  for (const auto& each : watched) {
    ASSERT_TRUE(each);
    pollfd ended{each.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "a process lives on";
  }
}

} // namespace

// ORIGINAL P3, P40
TEST(HostDeath, WhenTheProgramIsKilledThenItsPythonEnds) {
  program host{"host_program", {"alone"}};
  expect_that_its_python_ends(host);
}

TEST(HostDeath, GivenWorkersThatAreStoppedThenTheyEndToo) {
  const foster_parent here;
  program host{"host_program", {"stopped"}};
  expect_that_its_python_ends(host);
}

// It has all that the program had open: no worker sees an end of its socket.
TEST(HostDeath, GivenAForkThatLivesOnThenItsPythonEndsToo) {
  program host{"host_program", {"forked"}};
  const auto fork = numbers_of(host);
  ASSERT_EQ(fork.size(), 1U);
  expect_that_its_python_ends(host);
  EXPECT_EQ(::kill(fork[0], SIGKILL), 0) << "it has not lived on";
}

} // namespace snakebridge::testing
