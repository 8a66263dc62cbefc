#include "worker_build.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/pybind11_requirements.hpp"
#include "cli/worker_python_source.hpp"
#include "codegen/tools.hpp"
#include "folder_claim.hpp"
#include "program.hpp"

namespace snakebridge::cli {

namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;

constexpr auto needed =
  "g++ make cmake pkg-config libcapnp-dev libfmt-dev libspdlog-dev "
  "libexpected-dev libgmp-dev";

// As a shell finds it.
bool is_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders{path == nullptr ? "" : path};
  for (std::string folder; std::getline(folders, folder, ':');)
    if (::access((fs::path{folder} / name).c_str(), X_OK) == 0)
      return true;
  return false;
}

/// One worker, and how it is built.
class worker_build {
public:
  worker_build(const python_worker& wanted, const request& asked, console& out,
               clock::time_point deadline)
      : wanted_{wanted},
        asked_{asked},
        out_{out},
        deadline_{deadline},
        folder_{wanted.program.parent_path().parent_path()} {}

  result<void> make() {
    std::error_code failed;
    fs::create_directories(wanted_.program.parent_path(), failed);
    if (failed)
      return wrong(
        fmt::format("cannot make {}: {}", folder_.string(), failed.message()));
    const auto claim = folder_claim::take(folder_ / "lock", deadline_);
    if (!claim)
      return tl::unexpected{claim.error()};
    if (::access(wanted_.program.c_str(), X_OK) == 0)
      return {}; // whoever we have waited for has built it
    return look_for_parts()
      .and_then([&] { return clear(); })
      .and_then([&] { return compile(); })
      .and_then([&] { return put_in_place(); });
  }

private:
  error wrong(std::string_view why) const {
    return {errc::environment_invalid,
            fmt::format("cannot build a worker for Python {} ({}): {}",
                        wanted_.version, wanted_.python.string(), why)};
  }
  fs::path stage() const { return folder_ / "new"; }

  result<void> look_for_parts() {
    for (const auto* name : {"cmake", "pkg-config"})
      if (!is_program(name))
        return wrong(fmt::format("there is no {}; it needs, by the names of "
                                 "Debian: {}",
                                 name, needed));
    auto sources = worker_sources();
    if (!sources)
      return wrong(sources.error().message());
    sources_ = *std::move(sources);
    if (auto asked = ask_python(); !asked)
      return asked;
    return find_pybind11();
  }

  result<void> ask_python() {
    const auto told =
      run(wanted_.python, {"-I", "-S", "-c", worker_python_source});
    if (!told)
      return tl::unexpected{told.error()};
    std::istringstream lines{*told};
    std::getline(lines, include_);
    std::getline(lines, library_);
    std::getline(lines, links_);
    const auto minor = wanted_.version.substr(0, wanted_.version.find('.', 2));
    const char* const lacks = include_.empty()   ? "its headers (Python.h)"
                              : library_.empty() ? "its library (libpython)"
                                                 : nullptr;
    if (lacks != nullptr)
      return wrong(fmt::format("{} are not there; Debian has them in "
                               "libpython{}-dev",
                               lacks, minor));
    return {};
  }

  // Those of the system may not know that Python yet.
  result<void> find_pybind11() {
    auto made = codegen::make_tools(pybind11_requirements, asked_.offline);
    if (!made)
      return tl::unexpected{made.error()};
    if (made->venv.empty())
      return wrong(fmt::format("there is no pybind11: {}", made->lacking));
    std::error_code unknown;
    for (fs::directory_iterator each{made->venv / "lib", unknown}, end;
         !unknown && each != end; each.increment(unknown))
      if (auto place = each->path() / "site-packages/pybind11/include";
          fs::exists(place / "pybind11/embed.h", unknown)) {
        pybind11_ = std::move(place);
        return {};
      }
    return wrong(
      fmt::format("there is no pybind11 in {}", made->venv.string()));
  }

  // What another has left, and what may still write there after it was killed.
  result<void> clear() {
    std::error_code failed;
    const auto gone = folder_ / "gone";
    fs::remove_all(gone, failed);
    if (fs::exists(stage(), failed))
      fs::rename(stage(), gone, failed);
    if (failed)
      return wrong(
        fmt::format("cannot clear {}: {}", stage().string(), failed.message()));
    fs::remove_all(gone, failed);
    return {};
  }

  result<void> compile() {
    std::vector<std::string> words{
      "-S",
      sources_.string(),
      "-B",
      stage().string(),
      "-DPYTHON_EXECUTABLE=" + wanted_.python.string(),
      "-DPYTHON_VERSION="
        + wanted_.version.substr(0, wanted_.version.find('.', 2)),
      "-DPYTHON_INCLUDE=" + include_,
      "-DPYTHON_LIBRARY=" + library_,
      "-DPYTHON_LINKS=" + links_,
      "-DPYBIND11_INCLUDE=" + pybind11_.string()};
    if (std::getenv("CMAKE_GENERATOR") == nullptr && is_program("ninja"))
      words.emplace_back("-GNinja");
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    auto told = run("cmake", std::move(words)).and_then([&](const auto&) {
      return run("cmake",
                 {"--build", stage().string(), "--parallel",
                  std::to_string(cores), "--target", "snakebridge-worker"});
    });
    if (!told)
      return tl::unexpected{std::move(told).error()};
    return {};
  }

  // It runs, with the library of that very Python.
  result<void> put_in_place() {
    const auto made = stage() / "bin/snakebridge-worker";
    const auto told = run(made, {"--version"});
    if (!told)
      return tl::unexpected{told.error()};
    if (told->find(fmt::format("(Python {})", wanted_.version))
        == std::string::npos)
      return wrong("what was built says it is " + *told);
    std::error_code failed;
    fs::rename(made, wanted_.program, failed);
    if (failed)
      return wrong(fmt::format("cannot write {}: {}", wanted_.program.string(),
                               failed.message()));
    fs::remove_all(stage(), failed);
    return {};
  }

  // What it said.
  result<std::string> run(const fs::path& program,
                          std::vector<std::string> words) {
    if (!asked_.quiet)
      out_.begin_progress(fmt::format("worker of Python {}", wanted_.version));
    auto ended = run_program({.program = program,
                              .arguments = std::move(words),
                              .deadline = deadline_});
    out_.end_progress();
    if (!ended)
      return tl::unexpected{ended.error()};
    if (ended->status != 0)
      return wrong(fmt::format("{} failed ({}):\n{}\nIt needs, by the names "
                               "of Debian: {}",
                               program.filename().string(), ended->status,
                               ended->told, needed));
    return std::move(ended->told);
  }

  const python_worker& wanted_;
  const request& asked_;
  console& out_;
  const clock::time_point deadline_;
  const fs::path folder_; // of that Python, whatever we are
  fs::path sources_;
  fs::path pybind11_;
  std::string include_;
  std::string library_;
  std::string links_;
};

} // namespace

std::vector<used_python> used_pythons(const config& settings) {
  std::vector<used_python> all;
  const auto add = [&](const std::string& environment, fs::path python) {
    std::error_code unknown;
    if (fs::exists(python, unknown))
      all.push_back({environment, std::move(python)});
  };
  for (const auto& each : settings.environments)
    add(each.name, environment_place(settings, each.name) / "venv");
  for (const auto& pool : settings.pools)
    if (!pool.python.empty() && pool.placement == placement::worker)
      add("", pool.python);
  return all;
}

result<void> build_worker(const python_worker& wanted, const request& asked,
                          console& out, clock::time_point deadline) {
  return worker_build{wanted, asked, out, deadline}.make();
}

} // namespace snakebridge::cli
