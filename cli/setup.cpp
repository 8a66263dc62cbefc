#include "setup.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <snakebridge/environment.hpp>

#include "codegen/sha256.hpp"
#include "environment_project.hpp"
#include "folder_claim.hpp"
#include "uv.hpp"
#include "wheels.hpp"
#include "worker_build.hpp"

namespace snakebridge::cli {

namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;

constexpr std::chrono::minutes setup_patience{60};
// In a venv that is whole: the hash of what it was made of.
constexpr auto stamp_name = "snakebridge-made-of";
constexpr auto ignored = "# Made by `snakebridge setup`, of uv.lock.\n"
                         "venv\nvenvs\nsetup.lock\n*.new\n";

error cannot(std::string_view what, const fs::path& where,
             const std::error_code& why) {
  return {errc::environment_invalid,
          fmt::format("cannot {} {}: {}", what, where.string(), why.message())};
}

clock::time_point deadline_of(const request& asked) {
  return clock::now()
         + (asked.timeout_ms > 0 ? std::chrono::milliseconds{asked.timeout_ms}
                                 : setup_patience);
}

// Whoever reads it sees the old text or the new.
result<void> write_file(const fs::path& file, const std::string& text) {
  auto next = file;
  next += ".new";
  std::ofstream to{next, std::ios::binary};
  to << text;
  to.close();
  std::error_code failed;
  if (!to)
    failed = std::error_code{errno, std::generic_category()};
  else
    fs::rename(next, file, failed);
  if (failed)
    return cannot("write", file, failed);
  return {};
}

// What is relative to a folder, for one within it, and the other way round: all
// that lies without begins so, and uv's texts have nothing else that does.
std::string replaced(std::string text, std::string_view from,
                     std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}
std::string one_deeper(std::string text) {
  return replaced(std::move(text), "\"../", "\"../../");
}
std::string one_higher(std::string text) {
  return replaced(std::move(text), "\"../", "\"");
}

/// One environment, and how it is made.
class environment_setup {
public:
  environment_setup(const request& asked, console& out, const config& settings,
                    const environment_config& of)
      : asked_{asked},
        out_{out},
        settings_{settings},
        of_{of},
        place_{environment_place(settings, of.name)},
        deadline_{deadline_of(asked)} {}

  std::string label() const {
    return of_.name.empty() ? "environment" : "environment " + of_.name;
  }

  using drift = std::optional<environment_drift>;

  /// Why it is not as it should be, as far as files tell; nothing: it is.
  result<drift> look() {
    const auto wheels = wheels_of(settings_, probe_hardware());
    if (!wheels)
      return tl::unexpected{wheels.error()};
    auto text = project_of(of_, place_, *wheels);
    if (!text)
      return tl::unexpected{text.error()};
    project_ = *std::move(text);
    std::error_code unknown;
    if (text_of(place_ / "pyproject.toml") != project_)
      return found("project_outdated", "snakebridge.toml says something else "
                                       "than pyproject.toml was made of");
    if (!fs::exists(place_ / "uv.lock", unknown))
      return found("uv_lock_missing", "there is no uv.lock");
    if (!fs::exists(place_ / "venv/bin/python3", unknown))
      return found("venv_missing", "there is no venv");
    if (text_of(place_ / "venv" / stamp_name)
        != stamp_of(project_, text_of(place_ / "uv.lock")))
      return found("venv_outdated", "the venv was made of another uv.lock");
    return drift{};
  }

  /// Errors: environment_invalid, deadline_exceeded; then the old one is still
  /// in use.
  result<void> make(const fs::path& uv) {
    uv_ = uv;
    return look_for_others()
      .and_then([&] { return prepare(); })
      .and_then([&] { return resolve(); })
      .and_then([&] { return install(); })
      .and_then([&] { return put_in_place(); });
  }

  /// What is installed is what uv.lock says, which is what snakebridge.toml
  /// does; nothing: it is.
  drift check_installed(const fs::path& uv) {
    uv_ = uv;
    const auto same = run({"sync", "--locked", "--check", "--offline"}, place_,
                          fs::weakly_canonical(place_ / "venv"));
    if (same)
      return {};
    return found("packages_drifted", "what is installed is not what uv.lock "
                                     "says: "
                                       + same.error().message());
  }

private:
  drift found(std::string name, std::string message) const {
    return environment_drift{std::move(name), of_.name, std::move(message)};
  }
  // Within its place, which may be a file system of its own, and which git
  // knows what to ignore of.
  fs::path stage() const { return place_ / ".new"; }
  // Of both texts; an environment for another Python has another.
  static std::string stamp_of(const std::string& project,
                              const std::string& lock) {
    return codegen::sha256(project + lock);
  }

  result<void> look_for_others() const {
    const auto venv = place_ / "venv";
    std::error_code unknown;
    const auto there = fs::symlink_status(venv, unknown);
    if (!fs::exists(there) || fs::is_symlink(there))
      return {};
    return error{errc::environment_invalid,
                 fmt::format("{} is not the link that `snakebridge setup` "
                             "makes: move it away",
                             venv.string())};
  }

  result<void> prepare() {
    std::error_code failed;
    fs::remove_all(stage(), failed);
    if (!failed)
      fs::create_directories(stage(), failed);
    if (!failed)
      fs::create_directories(place_ / "venvs", failed);
    if (failed)
      return cannot("write", stage(), failed);
    if (auto done =
          write_file(stage() / "pyproject.toml", one_deeper(project_));
        !done)
      return done;
    if (fs::exists(place_ / "uv.lock", failed) && !asked_.upgrade)
      return write_file(stage() / "uv.lock",
                        one_deeper(text_of(place_ / "uv.lock")));
    return {};
  }
  result<void> resolve() {
    return run({"lock"}, stage(), {}).and_then([&]() -> result<void> {
      lock_ = one_higher(text_of(stage() / "uv.lock"));
      return {};
    });
  }
  result<void> install() {
    venv_ = next_venv();
    return run({"sync", "--locked"}, stage(), venv_).and_then([&] {
      return write_file(venv_ / stamp_name, stamp_of(project_, lock_));
    });
  }

  result<void> put_in_place() {
    const auto before = fs::read_symlink(place_ / "venv", failed_);
    auto written =
      write_file(place_ / "pyproject.toml", project_).and_then([&] {
        return write_file(place_ / "uv.lock", lock_);
      });
    if (!written)
      return written;
    const auto next = place_ / "venv.new";
    fs::remove(next, failed_);
    fs::create_symlink(fs::path{"venvs"} / venv_.filename(), next, failed_);
    if (!failed_)
      fs::rename(next, place_ / "venv", failed_);
    if (failed_)
      return cannot("write", place_ / "venv", failed_);
    forget_others(before.filename());
    return {};
  }

  // Bridges that run keep the one before.
  void forget_others(const fs::path& before) {
    std::error_code unknown;
    for (const auto& each : numbers())
      if (const auto name = std::to_string(each);
          name != venv_.filename() && name != before)
        fs::remove_all(place_ / "venvs" / name, unknown);
    fs::remove_all(stage(), unknown);
  }

  std::set<std::uint64_t> numbers() const {
    std::set<std::uint64_t> found;
    std::error_code unknown;
    for (fs::directory_iterator each{place_ / "venvs", unknown}, end;
         !unknown && each != end; each.increment(unknown)) {
      const auto name = each->path().filename().string();
      std::uint64_t number = 0;
      const auto* const last = name.data() + name.size();
      if (std::from_chars(name.data(), last, number).ptr == last)
        found.insert(number);
    }
    return found;
  }
  fs::path next_venv() const {
    const auto all = numbers();
    return place_ / "venvs"
           / std::to_string(all.empty() ? 1 : *all.rbegin() + 1);
  }

  std::string python() const {
    std::error_code unknown;
    const auto ours = python_built_with();
    return python_of(of_) == python_built_for() && fs::exists(ours, unknown)
             ? ours.string()
             : python_of(of_);
  }

  result<void> run(std::vector<std::string> words, const fs::path& project,
                   const fs::path& venv) {
    program_run wanted;
    wanted.program = uv_;
    wanted.arguments = std::move(words);
    for (const std::string& each :
         {std::string{"--project"}, project.string(), std::string{"--python"},
          python(), std::string{"--no-progress"}})
      wanted.arguments.push_back(each);
    const auto& all = wanted.arguments;
    if (asked_.offline
        && std::find(all.begin(), all.end(), "--offline") == all.end())
      wanted.arguments.emplace_back("--offline");
    if (!venv.empty())
      wanted.variables["UV_PROJECT_ENVIRONMENT"] =
        fs::absolute(venv, failed_).string();
    wanted.deadline = deadline_;
    const auto what = label() + ": " + wanted.arguments[0];
    if (!asked_.quiet)
      out_.begin_progress(what);
    wanted.on_line = [this](const std::string& line) { tell(line); };
    auto done = run_uv(wanted);
    out_.end_progress();
    return done;
  }
  // " + numpy==2.4.1", and what has gone.
  void tell(const std::string& line) {
    if (!asked_.quiet && line.size() > 3 && line[0] == ' ' && line[2] == ' ')
      out_.complain(line + "\n");
  }

  const request& asked_;
  console& out_;
  const config& settings_;
  const environment_config& of_;
  const fs::path place_;
  const clock::time_point deadline_;
  fs::path uv_;
  std::string project_; // of its place
  std::string lock_;    // likewise
  fs::path venv_;
  std::error_code failed_;
};

/// Where another set-up is at work.
enum class when_busy { refuse, wait };

// Errors: environment_invalid; overloaded (refuse), deadline_exceeded (wait).
result<folder_claim> claim_of(const request& asked, console& out,
                              const fs::path& folder, when_busy busy) {
  const auto file = folder / "setup.lock";
  if (auto claim = folder_claim::take(file, clock::now());
      claim || claim.error().code() != errc::deadline_exceeded)
    return claim;
  if (busy == when_busy::refuse)
    return error{errc::overloaded,
                 fmt::format("another `snakebridge setup` is at work in {}",
                             folder.string())};
  if (!asked.quiet)
    out.begin_progress("another set-up");
  auto claim = folder_claim::take(file, deadline_of(asked));
  out.end_progress();
  return claim;
}

result<void> make_environments(const request& asked, console& out,
                               const config& settings, when_busy busy) {
  if (settings.environments.empty())
    return {};
  std::error_code failed;
  fs::create_directories(settings.environment_folder, failed);
  if (failed)
    return cannot("make", settings.environment_folder, failed);
  const auto claim = claim_of(asked, out, settings.environment_folder, busy);
  if (!claim)
    return tl::unexpected{claim.error()};
  if (auto done =
        write_file(settings.environment_folder / ".gitignore", ignored);
      !done)
    return done;
  const auto uv = find_uv(asked.offline);
  if (!uv)
    return tl::unexpected{uv.error()};
  for (const auto& each : settings.environments) {
    environment_setup one{asked, out, settings, each};
    const auto unlike = one.look();
    if (!unlike)
      return tl::unexpected{unlike.error()};
    const bool is_right =
      !*unlike && !asked.upgrade && !one.check_installed(*uv);
    if (!is_right)
      if (auto done = one.make(*uv); !done)
        return done;
    if (!asked.quiet)
      out.complain(one.label()
                   + (is_right ? " is as it should be\n" : " is set up\n"));
  }
  return {};
}

// Each Python that is not the bridge's runs in a worker of its own.
result<void> make_workers(const request& asked, console& out,
                          const config& settings, clock::time_point deadline) {
  for (const auto& each : used_pythons(settings)) {
    const auto worker = worker_for(each.python);
    if (!worker)
      return tl::unexpected{worker.error()};
    if (worker->is_there)
      continue;
    if (auto done = build_worker(*worker, asked, out, deadline); !done)
      return done;
    if (!asked.quiet)
      out.complain(
        fmt::format("a worker of Python {} is built\n", worker->version));
  }
  return {};
}

result<void> make_all(const request& asked, console& out,
                      const config& settings, when_busy busy) {
  const auto deadline = deadline_of(asked);
  return make_environments(asked, out, settings, busy).and_then([&] {
    return make_workers(asked, out, settings, deadline);
  });
}

// What of them is not there yet.
void add_missing_workers(const config& settings,
                         std::vector<environment_drift>& to) {
  for (const auto& each : used_pythons(settings))
    if (const auto worker = worker_for(each.python); !worker)
      to.push_back(
        {"python_unusable", each.environment, worker.error().message()});
    else if (!worker->is_there)
      to.push_back({"worker_missing", each.environment,
                    fmt::format("there is no worker of Python {} for {}: run "
                                "`snakebridge setup`",
                                worker->version, each.python.string())});
}

int check(const request& asked, console& out, const config& settings) {
  auto unlike = unlike_settings(asked, out, settings);
  if (!unlike)
    return fail(out, unlike.error());
  // Then nobody has looked at what is installed, and that was asked.
  for (auto& each : *unlike)
    each.is_warning = each.is_warning && each.name != "uv_missing";
  if (!tell_drifts(*unlike, out))
    return exit_failed;
  static_cast<void>(out.print("all is as it should be"));
  return 0;
}

bool may_install(auto_install policy) {
  const char* const here = std::getenv("CI");
  return policy == auto_install::always
         || (policy == auto_install::dev && (here == nullptr || *here == '\0'));
}

} // namespace

std::string text_of(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

result<config> project_settings(const request& asked) {
  if (asked.config.empty())
    return load_config();
  std::error_code unknown;
  if (!fs::exists(asked.config, unknown))
    return error{errc::config_invalid, "there is no file " + asked.config};
  ::setenv("SNAKEBRIDGE_CONFIG", asked.config.c_str(),
           1); // which says the same
  return load_config();
}

bool tell_drifts(const std::vector<environment_drift>& all, console& out) {
  bool is_right = true;
  for (const auto& each : all) {
    out.complain(
      fmt::format("{}{}{}: {}\n", each.is_warning ? "warning: " : "",
                  each.environment.empty() ? "" : each.environment + ": ",
                  each.name, each.message));
    is_right = is_right && each.is_warning;
  }
  return is_right;
}

result<std::vector<environment_drift>>
unlike_settings(const request& asked, console& out, const config& settings) {
  std::vector<environment_drift> all;
  const auto uv = settings.environments.empty() ? fs::path{} : find_uv(true);
  if (!uv)
    all.push_back({"uv_missing", "", uv.error().message(), true});
  for (const auto& each : settings.environments) {
    environment_setup one{asked, out, settings, each};
    auto unlike = one.look();
    if (!unlike)
      return tl::unexpected{unlike.error()};
    if (!*unlike && uv)
      *unlike = one.check_installed(*uv);
    if (*unlike)
      all.push_back(**unlike);
  }
  add_missing_workers(settings, all);
  return all;
}

int setup(const request& asked, console& out) {
  const auto settings = project_settings(asked);
  if (!settings)
    return fail(out, settings.error());
  if (settings->environments.empty() && used_pythons(*settings).empty())
    return fail(out, {errc::config_invalid,
                      "snakebridge.toml has no [environment] to set up, and "
                      "no pool with a `python` that is there"});
  if (asked.check)
    return check(asked, out, *settings);
  if (const auto made = make_all(asked, out, *settings, when_busy::refuse);
      !made)
    return fail(out, made.error());
  return 0;
}

result<void> install_if_wanted(const request& asked, console& out) {
  const auto settings = project_settings(asked);
  if (!settings)
    return tl::unexpected{settings.error()};
  bool is_right = true;
  for (const auto& each : settings->environments) {
    const auto unlike = environment_setup{asked, out, *settings, each}.look();
    if (!unlike)
      return tl::unexpected{unlike.error()};
    is_right = is_right && !*unlike;
  }
  if (!may_install(settings->auto_install))
    return {};
  std::vector<environment_drift> unbuilt;
  if (is_right)
    add_missing_workers(*settings, unbuilt);
  if (is_right && unbuilt.empty())
    return {};
  auto installing = asked;
  installing.timeout_ms = 0; // that is a call's
  return make_all(installing, out, *settings, when_busy::wait);
}

} // namespace snakebridge::cli
