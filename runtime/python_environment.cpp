#include "runtime/python_environment.hpp"

#include <chrono>
#include <csignal>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/descriptor.hpp"

namespace snakebridge {

namespace {

// "3.11" of the line "version = 3.11.2" in pyvenv.cfg; empty when not told.
std::string minor_version_of(const std::filesystem::path& venv) {
  std::ifstream settings{venv / "pyvenv.cfg"};
  for (std::string line; std::getline(settings, line);) {
    if (!line.starts_with("version"))
      continue;
    const auto digits = line.find_first_of("0123456789");
    if (digits == std::string::npos)
      continue;
    const auto number = line.substr(digits);
    return number.substr(0, number.find('.', number.find('.') + 1));
  }
  return {};
}

// Runs the program as a Python would be run, with its output into `into`; 0:
// it cannot be.
pid_t run(const std::filesystem::path& program, const std::string& code,
          int into) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                   O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, into, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                   O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  // Alone, without the user's site, and so in a few milliseconds.
  std::string arguments[] = {program.string(), "-I", "-S", "-c", code};
  char* pointers[] = {arguments[0].data(), arguments[1].data(),
                      arguments[2].data(), arguments[3].data(),
                      arguments[4].data(), nullptr};
  pid_t started = 0;
  if (::posix_spawn(&started, program.c_str(), &actions, nullptr, pointers,
                    environ)
      != 0)
    started = 0;
  posix_spawn_file_actions_destroy(&actions);
  return started;
}

// What comes out of a pipe until its end, as far as it matters to us.
std::string text_of(int pipe) {
  constexpr std::size_t bytes_max = 256;
  const auto until = std::chrono::steady_clock::now()
                     + std::chrono::milliseconds{limits::python_answer_ms_max};
  std::string text;
  char block[bytes_max];
  while (text.size() < bytes_max) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      until - std::chrono::steady_clock::now());
    pollfd readable{pipe, POLLIN, 0};
    if (left.count() <= 0
        || ::poll(&readable, 1, static_cast<int>(left.count())) <= 0)
      return {};
    const auto got = ::read(pipe, block, sizeof block);
    if (got <= 0)
      return text;
    text.append(block, static_cast<std::size_t>(got));
  }
  return text;
}

// "cpython 3.11"; of a program that is no Python, anything else.
std::string told_by(const std::filesystem::path& program) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return {};
  const descriptor ours{ends[0]};
  descriptor theirs{ends[1]};
  const auto started =
    run(program,
        "import sys; v = sys.version_info; "
        "print(sys.implementation.name, f'{v[0]}.{v[1]}', end='')",
        theirs.get());
  theirs.reset();
  if (started == 0)
    return {};
  auto text = text_of(ours.get());
  ::kill(started, SIGKILL);
  while (::waitpid(started, nullptr, 0) < 0 && errno == EINTR) {
  }
  return text;
}

// A file is believed only after it was asked: anything can be executable.
result<void> asked(const std::filesystem::path& program,
                   const std::filesystem::path& wanted) {
  const auto told = told_by(program);
  if (told == fmt::format("cpython {}", built_for_python()))
    return {};
  if (told.starts_with("cpython "))
    return tl::unexpected{error{
      errc::environment_invalid,
      fmt::format("python = '{}' is Python {}, but the bridge was built with "
                  "{}; name one of that version, or a venv made with it",
                  wanted.string(), told.substr(told.find(' ') + 1),
                  built_for_python())}};
  return tl::unexpected{
    error{errc::environment_invalid,
          fmt::format("python = '{}': {} is no CPython: asked for its version "
                      "it did not tell one; name a venv, or an interpreter of "
                      "Python {}",
                      wanted.string(), program.string(), built_for_python())}};
}

} // namespace

std::string_view built_for_python() {
  return SNAKEBRIDGE_PYTHON_VERSION;
}

std::vector<std::string>
names_of(const std::vector<std::filesystem::path>& folders) {
  std::vector<std::string> names;
  for (const auto& each : folders)
    names.push_back(each.string());
  return names;
}

error with_import_advice(error raised, std::string_view pool,
                         const std::filesystem::path& python) {
  if (!raised.is("ModuleNotFoundError"))
    return raised;
  if (raised.message().find("'__snakebridge_session_") != std::string::npos)
    return raised.with_advice(
      "classes and functions of exec() are found by pickle in their own "
      "session alone, while it is open: define them in a module of a file, and "
      "name its folder by the pool's setting `path`");
  const auto named = python.empty() ? std::string{SNAKEBRIDGE_PYTHON_EXECUTABLE}
                                    : python.string();
  return raised.with_advice(fmt::format(
    "pool '{}' runs Python {} as '{}': install the module there, or name the "
    "folder it lies in by the pool's setting `path`",
    pool, built_for_python(), named));
}

result<std::filesystem::path>
python_program(const std::filesystem::path& wanted) {
  if (wanted.empty())
    return wanted;
  std::error_code ignored;
  auto named = std::filesystem::absolute(wanted, ignored);
  auto program = std::filesystem::is_directory(named, ignored)
                   ? named / "bin/python3"
                   : std::move(named);
  if (::access(program.c_str(), X_OK) != 0)
    return tl::unexpected{error{
      errc::environment_invalid,
      fmt::format("python = '{}' is neither a venv nor an interpreter: no {}",
                  wanted.string(), program.string())}};
  return program;
}

result<std::filesystem::path>
python_executable(const std::filesystem::path& wanted) {
  const auto found = python_program(wanted);
  if (!found || found->empty())
    return found;
  const auto& program = *found;
  // A venv's interpreter may also be named itself.
  const auto version = minor_version_of(program.parent_path().parent_path());
  if (!version.empty() && version != built_for_python())
    return tl::unexpected{error{
      errc::environment_invalid,
      fmt::format("python = '{}' is a venv of Python {}, but the bridge was "
                  "built with {}; make the venv with python{}",
                  wanted.string(), version, built_for_python(),
                  built_for_python())}};
  std::error_code ignored;
  if (!version.empty() && std::filesystem::is_directory(wanted, ignored))
    return program;
  return asked(program, wanted).transform([&] { return program; });
}

} // namespace snakebridge
