#pragma once
// A program of ours, beside the one that runs, as a process of its own.

#include <array>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/descriptor.hpp"

namespace snakebridge::testing {

class program {
public:
  /// Works in `folder`, where that is not empty. `hears`: what it reads is what
  /// is written to it; else it has our own input.
  program(const std::string& name, std::vector<std::string> arguments,
          const std::string& folder = {}, bool hears = false) {
    auto [printed, prints] = pipe();
    printed_ = std::move(printed);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, prints.get(), STDOUT_FILENO);
    descriptor input;
    if (hears) {
      std::tie(input, told_) = pipe();
      ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
    }
    if (!folder.empty())
      ::posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
    const auto file = std::filesystem::read_symlink("/proc/self/exe")
                        .replace_filename(name)
                        .string();
    arguments.insert(arguments.begin(), file);
    std::vector<char*> pointers;
    for (auto& each : arguments)
      pointers.push_back(each.data());
    pointers.push_back(nullptr);
    const int failed = ::posix_spawn(&pid_, file.c_str(), &actions, nullptr,
                                     pointers.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
      throw std::runtime_error{"cannot start " + file};
  }
  ~program() {
    if (pid_ == 0)
      return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  pid_t pid() const { return pid_; }

  /// False: it reads no more.
  bool write(const std::string& line) const {
    const auto text = line + '\n';
    return ::write(told_.get(), text.data(), text.size())
           == static_cast<ssize_t>(text.size());
  }

  /// The next line it prints; empty when it ended without one.
  std::string line() {
    std::string text;
    for (char next = 0; ::read(printed_.get(), &next, 1) == 1 && next != '\n';)
      text += next;
    return text;
  }

  /// All it prints from now on, and that of children which have its output.
  std::string rest() {
    std::string text;
    std::array<char, 4096> block{};
    for (ssize_t got = 0;
         (got = ::read(printed_.get(), block.data(), block.size())) > 0;)
      text.append(block.data(), static_cast<std::size_t>(got));
    return text;
  }

  /// Waits for its end: "exited with 0", "killed by SIGINT".
  std::string end() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status)
             ? fmt::format("exited with {}", WEXITSTATUS(status))
             : fmt::format("killed by SIG{}", ::sigabbrev_np(WTERMSIG(status)));
  }

private:
  static std::pair<descriptor, descriptor> pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      throw std::runtime_error{"no pipe"};
    return {descriptor{ends[0]}, descriptor{ends[1]}};
  }

  pid_t pid_ = 0;
  descriptor printed_, told_;
};

} // namespace snakebridge::testing
