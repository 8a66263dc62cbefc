#include "environment/drift.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace snakebridge {

namespace {

// Packages are built to need these, not only to choose by them.
constexpr std::array features_needed{"avx", "avx2", "avx512f", "asimd"};

// 3.9 is before 3.10; words that are no numbers are equal.
std::vector<int> numbers_in(std::string_view version) {
  std::vector<int> made;
  while (!version.empty()) {
    const auto digit = version.find_first_of("0123456789");
    if (digit == std::string_view::npos)
      break;
    int number = 0;
    const auto* const from = version.data() + digit;
    const auto* const end =
      std::from_chars(from, version.data() + version.size(), number).ptr;
    made.push_back(number);
    version.remove_prefix(static_cast<std::size_t>(end - version.data()));
  }
  return made;
}

bool is_older(std::string_view one, std::string_view other) {
  return numbers_in(one) < numbers_in(other);
}

// "glibc" of "glibc 2.36"
std::string_view word_of(std::string_view libc) {
  return libc.substr(0, libc.find(' '));
}

// "3.11" of "3.11.2"
std::string minor_of(const std::string& version) {
  return version.substr(0, version.find('.', version.find('.') + 1));
}

// "12" of "cu128", whose last digit is the minor.
std::string cuda_major_of(const std::string& variant) {
  return variant.size() < 4 ? std::string{}
                            : variant.substr(2, variant.size() - 3);
}

// A build that was made for CUDA or ROCm needs that, and as new a one. A build
// for one minor version of CUDA runs on drivers of each of the same major
// (NVIDIA's minor version compatibility).
bool runs_torch(const hardware& machine, const std::string& variant) {
  if (variant.starts_with("cu"))
    return machine.accelerator == "cuda"
           && !is_older(machine.cuda, cuda_major_of(variant));
  if (variant.starts_with("rocm"))
    return machine.accelerator == "rocm"
           && !is_older(machine.rocm, variant.substr(4));
  return true;
}

std::string or_none(const std::string& text) {
  return text.empty() ? "none" : text;
}

/// Compares, and collects.
class comparison {
public:
  comparison(const environment_lock& locked, const environment_lock& now)
      : locked_{locked},
        now_{now} {}

  std::vector<environment_drift> all() {
    compare_machines();
    compare_accelerators();
    if (locked_.snakebridge != now_.snakebridge)
      warn("snakebridge_other",
           fmt::format("locked by SnakeBridge {}, this is {}",
                       locked_.snakebridge, now_.snakebridge));
    for (const auto& [name, now] : now_.environments) {
      environment_ = name;
      const auto before = locked_.environments.find(name);
      if (before == locked_.environments.end())
        refuse("environment_unknown", "it is not in snakebridge.lock; run "
                                      "`snakebridge lock`");
      else
        compare(before->second, now);
    }
    for (const auto& [name, before] : locked_.environments)
      if (environment_ = name; !now_.environments.contains(name))
        refuse("environment_gone", "it was locked, but snakebridge.toml "
                                   "describes it no more");
    std::stable_partition(found_.begin(), found_.end(),
                          [](const auto& each) { return !each.is_warning; });
    return std::move(found_);
  }

private:
  void add(std::string name, std::string message, bool is_warning) {
    found_.push_back(
      {std::move(name), environment_, std::move(message), is_warning});
  }
  void refuse(std::string name, std::string message) {
    add(std::move(name), std::move(message), false);
  }
  void warn(std::string name, std::string message) {
    add(std::move(name), std::move(message), true);
  }
  static std::string change(std::string_view what, const std::string& before,
                            const std::string& after) {
    return fmt::format("{} was {}, is {}", what, or_none(before),
                       or_none(after));
  }

  void compare_machines() {
    const auto& before = locked_.machine;
    const auto& now = now_.machine;
    if (before.os != now.os)
      refuse("os_drifted", change("the system", before.os, now.os));
    if (before.arch != now.arch)
      refuse("arch_drifted", change("the processor", before.arch, now.arch));
    if (word_of(before.libc) != word_of(now.libc))
      refuse("libc_other", change("the C library", before.libc, now.libc));
    else if (is_older(now.libc, before.libc))
      refuse("libc_older", change("the C library", before.libc, now.libc)
                             + ": wheels may need the newer");
    else if (before.libc != now.libc)
      warn("libc_newer", change("the C library", before.libc, now.libc));
    if (before.arch != now.arch)
      return; // which has other features altogether
    for (const auto& each : before.cpu_features) {
      if (std::find(now.cpu_features.begin(), now.cpu_features.end(), each)
          != now.cpu_features.end())
        continue;
      const bool is_needed =
        std::find(features_needed.begin(), features_needed.end(), each)
        != features_needed.end();
      add(is_needed ? "cpu_feature_missing" : "cpu_feature_optional_missing",
          fmt::format("the processor has no {}, as the one had that was locked",
                      each),
          !is_needed);
    }
  }

  void compare_accelerators() {
    const auto& before = locked_.machine;
    const auto& now = now_.machine;
    if (before.accelerator != now.accelerator) {
      const auto what =
        change("the accelerator", before.accelerator, now.accelerator);
      if (before.accelerator == "cpu")
        warn("accelerator_added", what + ", and is not used");
      else if (now.accelerator == "cpu")
        refuse("accelerator_missing", what + ": there is no driver of one");
      else
        refuse("accelerator_other", what);
      return;
    }
    if (before.driver != now.driver)
      warn("driver_drifted",
           change("the accelerator's driver", before.driver, now.driver));
    if (before.cuda != now.cuda)
      warn("cuda_drifted", change("CUDA", before.cuda, now.cuda));
    if (before.rocm != now.rocm)
      warn("rocm_drifted", change("ROCm", before.rocm, now.rocm));
    if (before.gpus != now.gpus)
      warn("gpus_drifted",
           change("what accelerates",
                  fmt::format("{}", fmt::join(before.gpus, ", ")),
                  fmt::format("{}", fmt::join(now.gpus, ", "))));
  }

  void compare(const locked_environment& before,
               const locked_environment& now) {
    compare_torch(before.torch);
    if (before.project != now.project)
      refuse("project_drifted", "pyproject.toml is not the one that was "
                                "locked; run `snakebridge setup`, then `lock`");
    if (before.uv_lock != now.uv_lock)
      refuse("uv_lock_drifted", "uv.lock is not the one that was locked; run "
                                "`snakebridge lock`");
    const auto& python = now.installed.version;
    if (python.empty())
      return refuse("venv_missing", "there is no venv; run `snakebridge "
                                    "setup`");
    if (minor_of(before.installed.version) != minor_of(python))
      refuse("python_drifted",
             change("Python", before.installed.version, python));
    else if (before.installed.version != python)
      warn("python_patch_drifted",
           change("Python", before.installed.version, python));
    compare_packages(before.installed, now.installed);
    compare_files(now.installed.unowned);
  }

  // Where it was locked on a machine that did not run it either, nothing has
  // become other than it was.
  void compare_torch(const std::string& variant) {
    const auto& now = now_.machine;
    if (!runs_torch(now, variant))
      add("torch_unsupported",
          fmt::format("PyTorch was locked as {}, which this machine does "
                      "not run (accelerator {}, CUDA {}, ROCm {})",
                      variant, now.accelerator, or_none(now.cuda),
                      or_none(now.rocm)),
          !runs_torch(locked_.machine, variant));
  }

  void compare_files(const std::vector<std::string>& unowned) {
    constexpr std::size_t told_max = 5;
    if (unowned.empty())
      return;
    const auto told = std::min(unowned.size(), told_max);
    refuse(
      "files_added",
      fmt::format("site-packages has {}{}, which no package has "
                  "installed; remove what should not be there",
                  fmt::join(unowned.begin(),
                            unowned.begin() + static_cast<std::ptrdiff_t>(told),
                            ", "),
                  told < unowned.size()
                    ? fmt::format(" and {} more", unowned.size() - told)
                    : ""));
  }

  void compare_packages(const installed_python& before,
                        const installed_python& now) {
    for (const auto& [name, was] : before.packages) {
      const auto is = now.packages.find(name);
      if (is == now.packages.end())
        refuse("package_missing",
               fmt::format("{} {} is not installed", name, was.version));
      else if (is->second.version != was.version)
        refuse("package_version_drifted",
               change(name, was.version, is->second.version));
      else if (is->second.record != was.record)
        refuse("package_files_drifted",
               fmt::format("{} {} has other files than were locked", name,
                           was.version));
    }
    for (const auto& [name, is] : now.packages)
      if (!before.packages.contains(name))
        refuse("package_added", fmt::format("{} {} is installed, and was not "
                                            "locked",
                                            name, is.version));
  }

  const environment_lock& locked_;
  const environment_lock& now_;
  std::string environment_; ///< the one that is looked at
  std::vector<environment_drift> found_;
};

} // namespace

std::vector<environment_drift>
drifts_between(const std::optional<environment_lock>& locked,
               const environment_lock& now) {
  if (!locked)
    return {{"lock_missing", "",
             "no snakebridge.lock has environments; run `snakebridge lock`",
             false}};
  return comparison{*locked, now}.all();
}

} // namespace snakebridge
