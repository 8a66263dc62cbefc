// What environments cost: one that is set up from a warm cache, beside `uv
// sync` of the same project; one that is verified; and a bridge that verifies
// its own at start, beside one that does not. The first set-up takes packages
// from the usual index, if they are not in the cache.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <snakebridge/snakebridge.hpp>

#include "measure.hpp"

namespace sb = snakebridge;
namespace bench = snakebridge::bench;
namespace fs = std::filesystem;

namespace {

constexpr int setups = 10;
constexpr int times = 20;
constexpr double promised = 1.5;
constexpr double verify_ms_promised = 500;
constexpr double start_ms_promised = 50;
constexpr auto settings_text = "[environment]\n"
                               "packages = [\"numpy\", \"pandas\", "
                               "\"requests\"]\n";

/// A folder that is gone at the end.
class scratch {
public:
  scratch() {
    auto name = (fs::temp_directory_path() / "snakebridge-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      std::abort();
    path_ = name;
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

void run_in(const fs::path& folder, const std::string& command) {
  const auto line = "cd '" + folder.string() + "' && " + command;
  if (std::system(line.c_str()) != 0) {
    std::fprintf(stderr, "failed: %s\n", line.c_str());
    std::exit(EXIT_FAILURE);
  }
}

std::string quoted(const fs::path& program) {
  return "'" + program.string() + "'";
}

// The one that the command line takes, which it has made by now.
fs::path find_uv() {
  if (const char* const named = std::getenv("SNAKEBRIDGE_UV");
      named != nullptr && *named != '\0')
    return named;
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  const char* const home = std::getenv("HOME");
  const auto all = cache != nullptr && *cache != '\0'
                     ? fs::path{cache}
                     : fs::path{home == nullptr ? "" : home} / ".cache";
  for (const auto& each : fs::directory_iterator{all / "snakebridge"})
    if (fs::exists(each.path() / "bin/uv"))
      return each.path() / "bin/uv";
  std::exit(EXIT_FAILURE);
}

void print_bound(const char* name, const bench::figures& took, double ms_max) {
  const double ms = took.p50_us / 1'000;
  std::printf("%-26s p50 %8.2f ms of %.0f: %s\n", name, ms, ms_max,
              ms <= ms_max ? "holds" : "MISSED");
  std::fflush(stdout);
}

void measure_setup(const fs::path& project, const std::string& snakebridge,
                   const fs::path& theirs) {
  const auto make = snakebridge + " setup --quiet";
  run_in(project, make);
  fs::copy(project / ".snakebridge/pyproject.toml", theirs / "pyproject.toml");
  const auto sync = quoted(find_uv()) + " sync --quiet --python '"
                    + sb::python_built_with().string() + "'";
  bench::samples ours, uvs;
  for (int i = 0; i < setups; ++i) {
    fs::remove_all(project / ".snakebridge");
    bench::sample(ours, 1, [&] { run_in(project, make); });
    fs::remove_all(theirs / ".venv");
    fs::remove_all(theirs / "uv.lock");
    bench::sample(uvs, 1, [&] { run_in(theirs, sync); });
  }
  bench::print_row("set up, warm cache", ours.summary(), "uv sync",
                   uvs.summary(), promised);
}

void measure_start(const fs::path& project) {
  auto settings = or_throw(
    sb::parse_config(settings_text, (project / "snakebridge.toml").string()));
  settings.pools[0].size = 1;
  auto verifying = settings;
  verifying.verify_at_start = true;
  const auto [with, without] = bench::in_turns(
    times, 1, [&] { const sb::bridge started{verifying}; },
    [&] { const sb::bridge started{settings}; });
  print_bound("verify_at_start, more",
              {with.p50_us - without.p50_us, with.p99_us - without.p99_us},
              start_ms_promised);
}

} // namespace

int main(int, char** arguments) {
  const scratch project, theirs;
  std::ofstream{project.path() / "snakebridge.toml"} << settings_text;
  const auto here = fs::canonical(arguments[0]).parent_path();
  const auto snakebridge = quoted(here / "snakebridge");
  measure_setup(project.path(), snakebridge, theirs.path());
  run_in(project.path(), snakebridge + " lock > lock.txt");
  bench::samples verified;
  bench::sample(verified, times, [&] {
    run_in(project.path(), snakebridge + " verify --quiet > verified.txt");
  });
  print_bound("verify", verified.summary(), verify_ms_promised);
  measure_start(project.path());
}
