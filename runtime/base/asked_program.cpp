#include "runtime/base/asked_program.hpp"

#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/event.hpp"

namespace snakebridge {

tl::expected<asked_program, int>
asked_program::start(std::vector<std::string> words) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return tl::unexpected{errno};
  descriptor ours{ends[0]};
  const descriptor theirs{ends[1]};
  std::vector<char*> pointers;
  for (auto& each : words)
    pointers.push_back(each.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                   O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                   O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  pid_t started = -1;
  const int failed = ::posix_spawnp(&started, pointers[0], &actions, nullptr,
                                    pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    return tl::unexpected{failed};
  return asked_program{started, std::move(ours)};
}

asked_program::~asked_program() {
  if (process_ < 0)
    return;
  ::kill(process_, SIGKILL);
  reap();
}

std::optional<std::string>
asked_program::read(std::size_t bytes_max,
                    steady_clock::time_point until) const {
  std::string text;
  char block[4'096];
  for (;;) {
    pollfd readable[] = {{output_.get(), POLLIN, 0}};
    if (!poll_until(readable, until))
      return std::nullopt;
    if (readable[0].revents == 0)
      continue; // a signal came
    const auto got = ::read(output_.get(), block, sizeof block);
    if (got <= 0)
      return text;
    text.append(block, static_cast<std::size_t>(got));
    if (text.size() > bytes_max)
      return std::nullopt;
  }
}

// It may have closed its output and live on.
bool asked_program::ends_well(steady_clock::time_point until) {
  const descriptor end{
    static_cast<int>(::syscall(SYS_pidfd_open, process_, 0U))};
  pollfd ended[] = {{end.get(), POLLIN, 0}};
  do {
    if (!end || !poll_until(ended, until))
      return false;
  } while (ended[0].revents == 0); // a signal came
  const int status = reap();
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int asked_program::reap() {
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  return status;
}

} // namespace snakebridge
