#include "runtime/hosts/python_environment.hpp"
#include "runtime/python/python_version.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/base/asked_program.hpp"
#include "runtime/base/log.hpp"

namespace snakebridge {

namespace {

// "3.11.2" of the line "version = 3.11.2" in pyvenv.cfg; empty when not told.
std::string version_of(const std::filesystem::path& venv) {
  std::ifstream settings{venv / "pyvenv.cfg"};
  for (std::string line; std::getline(settings, line);)
    if (const auto digits = line.find_first_of("0123456789");
        line.starts_with("version") && digits != std::string::npos)
      return line.substr(digits);
  return {};
}

// "3.11.2" of "3.11.2 (main, …) [GCC …]", as Python's `sys.version` is.
std::string number_of(std::string_view version) {
  return std::string{version.substr(0, version.find(' '))};
}

// "3.11"
std::string minor_of(const std::string& version) {
  return version.substr(0, version.find('.', version.find('.') + 1));
}

// 2
int micro_of(const std::string& version) {
  return std::atoi(version.c_str() + minor_of(version).size() + 1);
}

/// What a Python tells of itself.
struct told_python {
  std::string implementation; ///< "cpython"
  std::string version;        ///< `sys.version`
  std::filesystem::path executable;
};

using claim = std::optional<told_python>;

// Nothing of a program that is no Python. Errors: overloaded where the system
// has too little left now to ask it.
result<claim> told_by(const std::filesystem::path& program) {
  const auto not_now = [&](int why) {
    return error{errc::overloaded,
                 fmt::format("cannot ask {} for its version: {}",
                             program.string(), std::strerror(why))};
  };
  // Alone, without the user's site, and so in a few milliseconds.
  const auto asked = asked_program::start(
    {program.string(), "-I", "-S", "-c",
     "import os, sys; sys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, "
     "('snakebridge', sys.implementation.name, sys.version, "
     "sys.executable, ''))))"});
  if (!asked && is_shortage(asked.error()))
    return not_now(asked.error());
  if (!asked)
    return claim{};
  constexpr std::size_t answer_bytes_max = 8'192;
  const auto text =
    asked
      ->read(answer_bytes_max,
             steady_clock::now()
               + std::chrono::milliseconds{limits::python_answer_ms_max})
      .value_or(std::string{});
  // A wrapper may have printed something before.
  constexpr std::string_view mark{"snakebridge\0", 12};
  const auto marked = text.rfind(mark);
  if (marked == std::string::npos)
    return claim{};
  const auto* const answer = text.c_str() + marked + mark.size();
  if (std::count(answer, text.data() + text.size(), '\0') != 3)
    return claim{};
  const auto* const version = answer + std::strlen(answer) + 1;
  return claim{
    told_python{answer, version,
                std::filesystem::path{version + std::strlen(version) + 1}}};
}

error unfit(const std::filesystem::path& wanted, std::string why) {
  return {errc::environment_invalid,
          fmt::format("python = '{}'{}", wanted.string(), why)};
}

// Whether the library of Python that we run can be this one, whose extension
// modules it will load. Another build may lack what they need, a newer one
// surely does.
result<void> fits(const told_python& told,
                  const std::filesystem::path& wanted) {
  const std::string ours{library_version()};
  const auto number = number_of(told.version);
  if (minor_of(number) != built_for_python)
    return unfit(wanted,
                 fmt::format(" is Python {}, but the bridge was built with {}; "
                             "name one of that version, or a venv made with it",
                             minor_of(number), built_for_python));
  if (micro_of(number) > micro_of(number_of(ours)))
    return unfit(
      wanted, fmt::format(" is Python {}, but the bridge runs the library of "
                          "{}, which cannot load all of its extension modules; "
                          "name that Python, or a venv made with it",
                          number, number_of(ours)));
  if (told.version != ours)
    logger()->warn("python = '{}' is another build of Python ({}) than the "
                   "library the bridge runs ({}): some of its extension "
                   "modules may not load",
                   wanted.string(), told.version, ours);
  return {};
}

// The program that the setting names, without a look at what it is.
result<std::filesystem::path> program_of(const std::filesystem::path& wanted) {
  if (wanted.empty())
    return wanted;
  std::error_code ignored;
  auto named = std::filesystem::absolute(wanted, ignored);
  // A bridge stays with where a link leads now, and so do its new workers.
  if (std::filesystem::is_directory(named, ignored)
      && std::filesystem::is_symlink(named, ignored))
    named = std::filesystem::canonical(named, ignored);
  auto program = std::filesystem::is_directory(named, ignored)
                   ? named / "bin/python3"
                   : std::move(named);
  if (::access(program.c_str(), X_OK) != 0)
    return tl::unexpected{error{
      errc::environment_invalid,
      fmt::format("python = '{}' is neither a venv nor an interpreter: no {}; "
                  "if snakebridge.toml describes it, run `snakebridge setup`",
                  wanted.string(), program.string())}};
  return program;
}

} // namespace

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
  auto advice = fmt::format(
    "pool '{}' runs Python {} as '{}': install the module there, or name the "
    "folder it lies in by the pool's setting `path`",
    pool, built_for_python, named);
  if (const char* venv = std::getenv("VIRTUAL_ENV");
      venv != nullptr && *venv != '\0' && !named.starts_with(venv))
    advice += fmt::format(". The active VIRTUAL_ENV '{}' is not used: name it "
                          "by the setting `python`, or SNAKEBRIDGE_PYTHON",
                          venv);
  return raised.with_advice(advice);
}

result<std::filesystem::path>
python_executable(const std::filesystem::path& wanted) {
  const auto found = program_of(wanted);
  if (!found || found->empty())
    return found;
  // A venv's interpreter may also be named itself.
  const auto made_with = version_of(found->parent_path().parent_path());
  if (!made_with.empty() && minor_of(made_with) != built_for_python)
    return tl::unexpected{unfit(
      wanted,
      fmt::format(" is a venv of Python {}, but the bridge was built "
                  "with {}; make the venv with python{}",
                  minor_of(made_with), built_for_python, built_for_python))};
  // It is believed only after it was asked: anything can be executable.
  const auto answer = told_by(*found);
  if (!answer)
    return tl::unexpected{answer.error()};
  const auto& told = *answer;
  if (!told || told->implementation != "cpython")
    return tl::unexpected{unfit(
      wanted, fmt::format(": {} is no CPython: asked for its version it did "
                          "not tell one; name a venv, or an interpreter of "
                          "Python {}",
                          found->string(), built_for_python))};
  if (auto fit = fits(*told, wanted); !fit)
    return tl::unexpected{std::move(fit).error()};
  // What a shim or a wrapper runs, and not itself.
  return ::access(told->executable.c_str(), X_OK) == 0 ? told->executable
                                                       : *found;
}

} // namespace snakebridge
