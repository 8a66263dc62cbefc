#include "program.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace snakebridge::cli {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t told_bytes_max = std::size_t{64} << 10U;

std::vector<std::string>
variables_with(const std::map<std::string, std::string>& over) {
  std::vector<std::string> lines;
  for (const char* const* each = environ; each != nullptr && *each != nullptr;
       ++each) {
    const std::string line = *each;
    const auto name = line.substr(0, line.find('='));
    // A venv that somebody has active is not what is made here.
    if (!over.contains(name) && name != "VIRTUAL_ENV")
      lines.push_back(line);
  }
  for (const auto& [name, text] : over)
    lines.push_back(fmt::format("{}={}", name, text));
  return lines;
}

std::vector<char*> pointers_to(std::vector<std::string>& lines) {
  std::vector<char*> made;
  for (auto& each : lines)
    made.push_back(each.data());
  made.push_back(nullptr);
  return made;
}

/// Its process, and the end of the pipe that it says all into.
class process {
public:
  static result<process> start(const program_run& wanted) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      return error{errc::overloaded, std::strerror(errno)};
    std::vector<std::string> words{wanted.program.string()};
    words.insert(words.end(), wanted.arguments.begin(), wanted.arguments.end());
    auto lines = variables_with(wanted.variables);
    const auto arguments = pointers_to(words);
    const auto variables = pointers_to(lines);
    const pid_t us = ::getpid();
    const pid_t started = ::fork();
    if (started == 0)
      become(wanted.program.c_str(), arguments.data(), variables.data(),
             ends[1], us);
    const int failed = errno;
    ::close(ends[1]);
    if (started > 0)
      return process{started, ends[0], wanted.program.filename().string()};
    ::close(ends[0]);
    return error{errc::overloaded, std::strerror(failed)};
  }
  process(process&& other) noexcept
      : pid_{std::exchange(other.pid_, 0)},
        pipe_{std::exchange(other.pipe_, -1)},
        name_{std::move(other.name_)} {}
  process& operator=(process&&) = delete;
  ~process() {
    if (pipe_ >= 0)
      ::close(pipe_);
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      static_cast<void>(wait());
    }
  }

  /// More of what it says; empty: it has ended. Errors: deadline_exceeded.
  result<std::string> read(clock::time_point deadline) const {
    std::array<char, 4096> block{};
    for (;;) {
      const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
      pollfd readable{pipe_, POLLIN, 0};
      const int ready =
        left.count() <= 0
          ? 0
          : ::poll(&readable, 1, static_cast<int>(left.count()));
      if (ready == 0)
        return error{errc::deadline_exceeded,
                     fmt::format("{} has not ended in time", name_)};
      const auto got =
        ready < 0 ? -1 : ::read(pipe_, block.data(), block.size());
      if (got >= 0)
        return std::string{block.data(), static_cast<std::size_t>(got)};
      if (errno != EINTR)
        return std::string{};
    }
  }

  /// Its exit status, or 128 and its signal.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

private:
  // In the new process, where little may be called. It ends with its parent: a
  // set-up that was killed must not go on beside the next.
  [[noreturn]] static void become(const char* program, char* const* arguments,
                                  char* const* variables, int pipe,
                                  pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() == parent) {
      const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      ::dup2(nothing, STDIN_FILENO);
      ::dup2(pipe, STDOUT_FILENO);
      ::dup2(pipe, STDERR_FILENO);
      ::execvpe(program, arguments, variables);
    }
    ::_exit(no_such_program);
  }

  process(pid_t pid, int pipe, std::string name)
      : pid_{pid},
        pipe_{pipe},
        name_{std::move(name)} {}

  pid_t pid_;
  int pipe_;
  std::string name_;
};

} // namespace

result<program_end> run_program(const program_run& wanted) {
  auto started = process::start(wanted);
  if (!started)
    return tl::unexpected{started.error()};
  std::string told;
  std::size_t heard = 0;
  for (;;) {
    const auto more = started->read(wanted.deadline);
    if (!more)
      return tl::unexpected{more.error()};
    if (more->empty())
      break;
    told += *more;
    for (auto end = told.find('\n', heard); end != std::string::npos;
         end = told.find('\n', heard)) {
      if (wanted.on_line)
        wanted.on_line(told.substr(heard, end - heard));
      heard = end + 1;
    }
    if (told.size() > told_bytes_max) { // what it says last says why it fails
      const auto forgotten = told.size() - told_bytes_max;
      told.erase(0, forgotten);
      heard -= std::min(heard, forgotten);
    }
  }
  return program_end{started->wait(), std::move(told)};
}

} // namespace snakebridge::cli
