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
#include "runtime/base/build_mark.hpp"
#include "runtime/base/log.hpp"
#include "runtime/hosts/worker_process.hpp"

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
  std::string abi;              ///< "cpython-313-x86_64-linux-gnu"
  std::filesystem::path prefix; ///< `sys.base_prefix`
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
     "import _imp, os, sys; sys.stdout.buffer.write(b'\\0'.join(map("
     "os.fsencode, ('snakebridge', sys.implementation.name, sys.version, "
     "sys.executable, (_imp.extension_suffixes() + ['..'])[0].split('.')[1], "
     "sys.base_prefix, ''))))"});
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
  std::vector<std::string> words;
  for (auto from = marked + mark.size(), end = text.find('\0', from);
       end != std::string::npos; from = end + 1, end = text.find('\0', from))
    words.push_back(text.substr(from, end - from));
  if (words.size() != 5)
    return claim{};
  return claim{told_python{words[0], words[1], words[2], words[3], words[4]}};
}

error unfit(const std::filesystem::path& wanted, std::string why) {
  return {errc::environment_invalid,
          fmt::format("python = '{}'{}", wanted.string(), why)};
}

// Why the library of Python that we run cannot be this one, whose extension
// modules it would load. Another build may lack what they need, a newer one
// surely does.
std::optional<std::string> unlike_ours(const told_python& told,
                                       const std::filesystem::path& wanted) {
  const std::string ours{library_version()};
  const auto number = number_of(told.version);
  if (told.abi.substr(0, told.abi.find('-', told.abi.find('-') + 1))
      != built_for_abi())
    return fmt::format(" is Python {} ({}), but the bridge was built with {}",
                       number, told.abi, built_for_python);
  if (micro_of(number) > micro_of(number_of(ours)))
    return fmt::format(" is Python {}, but the bridge runs the library of {}, "
                       "which cannot load all of its extension modules",
                       number, number_of(ours));
  if (told.version != ours)
    logger()->warn("python = '{}' is another build of Python ({}) than the "
                   "library the bridge runs ({}): some of its extension "
                   "modules may not load",
                   wanted.string(), told.version, ours);
  return {};
}

// Where the worker of this Python is, or is to be: of this build of ours, and
// of that very installation, whose library it runs. Empty: the user has no
// cache, or it tells what is no name.
std::filesystem::path place_of_worker(const told_python& told) {
  const auto variable = [](const char* name) -> std::filesystem::path {
    const char* const text = std::getenv(name);
    return text == nullptr ? "" : text;
  };
  auto cache = variable("XDG_CACHE_HOME");
  if (!cache.is_absolute()) // as its specification has it
    cache = variable("HOME") / ".cache";
  const auto build = fmt::format("{}-{}", told.abi, number_of(told.version));
  if (!cache.is_absolute() || !told.prefix.is_absolute()
      || build.find('/') != std::string::npos)
    return {};
  return cache / "snakebridge/workers" / build
         / told.prefix.lexically_normal().relative_path() / build_mark()
         / "snakebridge-worker";
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
    "pool '{}' runs the Python '{}': install the module there, or name the "
    "folder it lies in by the pool's setting `path`",
    pool, named);
  if (const char* venv = std::getenv("VIRTUAL_ENV");
      venv != nullptr && *venv != '\0' && !named.starts_with(venv))
    advice += fmt::format(". The active VIRTUAL_ENV '{}' is not used: name it "
                          "by the setting `python`, or SNAKEBRIDGE_PYTHON",
                          venv);
  return raised.with_advice(advice);
}

result<chosen_python> choose_python(const std::filesystem::path& wanted) {
  const auto found = program_of(wanted);
  if (!found)
    return tl::unexpected{found.error()};
  if (found->empty())
    return chosen_python{};
  // It is believed only after it was asked: anything can be executable.
  const auto answer = told_by(*found);
  if (!answer)
    return tl::unexpected{answer.error()};
  const auto& told = *answer;
  if (!told || told->implementation != "cpython")
    return tl::unexpected{unfit(
      wanted, fmt::format(": {} is no CPython: asked for its version it did "
                          "not tell one; name a venv, or an interpreter",
                          found->string()))};
  const auto number = number_of(told->version);
  // A venv's interpreter may also be named itself.
  const auto made_with = version_of(found->parent_path().parent_path());
  if (!made_with.empty() && minor_of(made_with) != minor_of(number))
    return tl::unexpected{
      unfit(wanted, fmt::format(" is a venv of Python {}, but its interpreter "
                                "is {} by now: make it anew",
                                minor_of(made_with), number))};
  chosen_python chosen;
  // What a shim or a wrapper runs, and not itself.
  chosen.executable =
    ::access(told->executable.c_str(), X_OK) == 0 ? told->executable : *found;
  chosen.version = number;
  if (auto unlike = unlike_ours(*told, wanted)) {
    chosen.unlike = unfit(wanted, *std::move(unlike)).message();
    chosen.worker = place_of_worker(*told);
  }
  return chosen;
}

result<std::filesystem::path> embeddable(const chosen_python& python) {
  if (python.unlike.empty())
    return python.executable;
  return error{errc::environment_invalid,
               python.unlike
                 + "; name one of that version, or a venv made with it, or "
                   "use placement = worker"};
}

result<std::filesystem::path>
worker_program(const chosen_python& python,
               const std::filesystem::path& wanted) {
  if (python.unlike.empty())
    return find_worker(wanted);
  if (::access(python.worker.c_str(), X_OK) == 0)
    return python.worker;
  return error{
    errc::environment_invalid,
    fmt::format("{}; run `snakebridge setup`, which builds a worker for it{}",
                python.unlike,
                python.worker.empty()
                  ? ", where XDG_CACHE_HOME or HOME names a folder"
                  : fmt::format(": there is no {}", python.worker.string()))};
}

} // namespace snakebridge
