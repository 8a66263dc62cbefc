#include "environment/run_program.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/descriptor.hpp"

namespace snakebridge {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t answer_bytes_max = std::size_t{64} << 10U;

pid_t start(std::vector<std::string>& words, int into) {
  std::vector<char*> pointers;
  for (auto& each : words)
    pointers.push_back(each.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                   O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, into, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                   O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  pid_t started = -1;
  const int failed = ::posix_spawnp(&started, pointers[0], &actions, nullptr,
                                    pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return failed == 0 ? started : -1;
}

// All until its end; nothing: that did not come in time.
std::optional<std::string> read_all(int pipe, clock::time_point deadline) {
  std::string text;
  char block[4'096];
  for (;;) {
    const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
    pollfd readable{pipe, POLLIN, 0};
    if (left.count() <= 0
        || ::poll(&readable, 1, static_cast<int>(left.count())) <= 0)
      return std::nullopt;
    const auto got = ::read(pipe, block, sizeof block);
    if (got <= 0)
      return text;
    text.append(block, static_cast<std::size_t>(got));
    if (text.size() > answer_bytes_max)
      return std::nullopt;
  }
}

} // namespace

std::optional<std::string> answer_of(std::vector<std::string> words,
                                     std::chrono::milliseconds patience) {
  int ends[2];
  if (words.empty() || ::pipe2(ends, O_CLOEXEC) != 0)
    return std::nullopt;
  const descriptor ours{ends[0]};
  descriptor theirs{ends[1]};
  const auto started = start(words, theirs.get());
  theirs.reset();
  if (started < 0)
    return std::nullopt;
  auto text = read_all(ours.get(), clock::now() + patience);
  // Its output has ended, and so will it; one that is late is ended.
  if (!text)
    ::kill(started, SIGKILL);
  int status = 0;
  while (::waitpid(started, &status, 0) < 0 && errno == EINTR) {
  }
  if (!text || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return std::nullopt;
  return text;
}

} // namespace snakebridge
