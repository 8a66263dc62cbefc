#include "environment/drift.hpp"

#include <functional>

#include <gtest/gtest.h>

namespace snakebridge::testing {

namespace {

environment_lock a_lock() {
  environment_lock made;
  made.snakebridge = "1.0";
  made.machine = {.accelerator = "cuda",
                  .gpus = {"A100"},
                  .driver = "550.54",
                  .cuda = "12.4",
                  .rocm = "",
                  .os = "linux",
                  .arch = "x86_64",
                  .libc = "glibc 2.36",
                  .cpu_features = {"avx2", "avx512f", "f16c"}};
  locked_environment one;
  one.installed.version = "3.11.2";
  one.installed.packages["numpy"] = {"2.4.0", "aa"};
  one.project = "p";
  one.uv_lock = "u";
  one.torch = "cu124";
  made.environments.emplace("", one);
  made.environments.emplace("gpu", one);
  return made;
}

struct change {
  const char* name; ///< the drift that comes of it
  std::function<void(environment_lock&)> make;
  bool is_warning = false;
};

locked_environment& first(environment_lock& of) {
  return of.environments.at("");
}

/// Each makes one drift, and no other.
const std::vector<change> changes = {
  {"os_drifted", [](auto& now) { now.machine.os = "freebsd"; }},
  {"arch_drifted",
   [](auto& now) {
     now.machine.arch = "aarch64";
     now.machine.cpu_features = {"asimd"};
   }},
  {"libc_other", [](auto& now) { now.machine.libc = "musl 3.0"; }},
  {"libc_older", [](auto& now) { now.machine.libc = "glibc 2.9"; }},
  {"libc_newer", [](auto& now) { now.machine.libc = "glibc 2.41"; }, true},
  {"cpu_feature_missing",
   [](auto& now) {
     now.machine.cpu_features = {"avx2", "f16c"};
   }},
  {"cpu_feature_optional_missing",
   [](auto& now) {
     now.machine.cpu_features = {"avx2", "avx512f"};
   },
   true},
  {"driver_drifted", [](auto& now) { now.machine.driver = "550.90"; }, true},
  {"cuda_drifted", [](auto& now) { now.machine.cuda = "12.8"; }, true},
  {"gpus_drifted",
   [](auto& now) {
     now.machine.gpus = {"A100", "A100"};
   },
   true},
  {"snakebridge_other", [](auto& now) { now.snakebridge = "1.1"; }, true},
  {"environment_unknown",
   [](auto& now) { now.environments["new"] = first(now); }},
  {"environment_gone", [](auto& now) { now.environments.erase("gpu"); }},
  {"project_drifted", [](auto& now) { first(now).project = "q"; }},
  {"uv_lock_drifted", [](auto& now) { first(now).uv_lock = "v"; }},
  {"venv_missing", [](auto& now) { first(now).installed = {}; }},
  {"python_drifted",
   [](auto& now) { first(now).installed.version = "3.12.2"; }},
  {"python_patch_drifted",
   [](auto& now) { first(now).installed.version = "3.11.9"; }, true},
  {"package_missing", [](auto& now) { first(now).installed.packages.clear(); }},
  {"package_version_drifted",
   [](auto& now) {
     first(now).installed.packages["numpy"] = {"2.4.1", "aa"};
   }},
  {"package_files_drifted",
   [](auto& now) {
     first(now).installed.packages["numpy"] = {"2.4.0", "bb"};
   }},
  {"package_added",
   [](auto& now) {
     first(now).installed.packages["six"] = {"1.0", "cc"};
   }},
  {"files_added", [](auto& now) { first(now).installed.unowned = {"a.pth"}; }}};

std::vector<std::string> names_of(const std::vector<environment_drift>& all) {
  std::vector<std::string> names;
  for (const auto& each : all)
    names.push_back(each.name);
  return names;
}

using names = std::vector<std::string>;

} // namespace

TEST(Drift, OfTheSameIsNone) {
  EXPECT_EQ(drifts_between(a_lock(), a_lock()),
            std::vector<environment_drift>{});
}

TEST(Drift, OfNoLockIsThat) {
  const auto all = drifts_between(std::nullopt, a_lock());
  EXPECT_EQ(names_of(all), names{"lock_missing"});
  EXPECT_FALSE(all[0].is_warning);
}

TEST(Drift, HasANameForEachChange) {
  for (const auto& each : changes) {
    auto now = a_lock();
    each.make(now);
    const auto all = drifts_between(a_lock(), now);
    ASSERT_EQ(names_of(all), names{each.name});
    EXPECT_EQ(all[0].is_warning, each.is_warning) << each.name;
    EXPECT_FALSE(all[0].message.empty());
    EXPECT_EQ(refused_by(all).has_value(), each.is_warning) << each.name;
  }
}

TEST(Drift, OfAnAcceleratorDependsOnWhichWasLocked) {
  auto on_cpu = a_lock();
  on_cpu.machine.accelerator = "cpu";
  for (auto& [name, each] : on_cpu.environments)
    each.torch = "cpu";
  auto on_rocm = on_cpu;
  on_rocm.machine.accelerator = "rocm";
  on_rocm.machine.rocm = "6.4";
  EXPECT_EQ(names_of(drifts_between(on_cpu, on_rocm)),
            names{"accelerator_added"});
  EXPECT_EQ(names_of(drifts_between(on_rocm, on_cpu)),
            names{"accelerator_missing"});
  auto on_cuda = on_cpu;
  on_cuda.machine.accelerator = "cuda";
  EXPECT_EQ(names_of(drifts_between(on_rocm, on_cuda)),
            names{"accelerator_other"});
  auto newer = on_rocm;
  newer.machine.rocm = "7.0";
  EXPECT_EQ(names_of(drifts_between(on_rocm, newer)), names{"rocm_drifted"});
}

TEST(Drift, NamesTheBuildOfPyTorchThatDoesNotRunHere) {
  auto now = a_lock();
  now.machine.cuda = "11.8";
  EXPECT_EQ(names_of(drifts_between(a_lock(), now)),
            (names{"torch_unsupported", "torch_unsupported", "cuda_drifted"}));
  auto locked = a_lock();
  for (auto& [name, each] : locked.environments)
    each.torch = "rocm6.4";
  locked.machine.accelerator = "rocm";
  locked.machine.rocm = "6.4";
  now = locked;
  now.machine.rocm = "6.3";
  EXPECT_EQ(names_of(drifts_between(locked, now)),
            (names{"torch_unsupported", "torch_unsupported", "rocm_drifted"}));
}

// Drivers of CUDA 12.0 run builds for 12.9.
TEST(Drift, OfAMinorVersionOfCudaDoesNotConcernPyTorch) {
  auto now = a_lock();
  now.machine.cuda = "12.1";
  EXPECT_EQ(names_of(drifts_between(a_lock(), now)), names{"cuda_drifted"});
}

TEST(Drift, WarnsOfPyTorchWhereItDidNotRunWhenItWasLockedEither) {
  auto locked = a_lock();
  locked.machine.accelerator = "cpu";
  locked.machine.cuda = locked.machine.driver = "";
  const auto all = drifts_between(locked, locked);
  EXPECT_EQ(names_of(all), (names{"torch_unsupported", "torch_unsupported"}));
  EXPECT_TRUE(refused_by(all));
  const auto now_without = drifts_between(a_lock(), locked);
  EXPECT_EQ(
    names_of(now_without),
    (names{"accelerator_missing", "torch_unsupported", "torch_unsupported"}));
  EXPECT_FALSE(now_without.back().is_warning);
}

TEST(Drift, TellsAFewOfManyFiles) {
  auto now = a_lock();
  first(now).installed.unowned = {"a", "b", "c", "d", "e", "f", "g"};
  const auto all = drifts_between(a_lock(), now);
  ASSERT_EQ(names_of(all), names{"files_added"});
  EXPECT_NE(all[0].message.find("a, b, c, d, e and 2 more"), std::string::npos)
    << all[0].message;
}

TEST(Drift, TellsErrorsFirstAndWhoseTheyAre) {
  auto now = a_lock();
  now.machine.libc = "glibc 2.41";
  now.environments.at("gpu").installed.packages["numpy"] = {"2.4.1", "aa"};
  const auto all = drifts_between(a_lock(), now);
  ASSERT_EQ(names_of(all), (names{"package_version_drifted", "libc_newer"}));
  EXPECT_EQ(all[0].environment, "gpu");
  EXPECT_EQ(all[0].message, "numpy was 2.4.0, is 2.4.1");
  const auto refused = refused_by(all);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), errc::environment_invalid);
  EXPECT_NE(
    refused.error().message().find("package_version_drifted: gpu: numpy"),
    std::string::npos);
  EXPECT_EQ(refused.error().message().find("libc_newer"), std::string::npos);
}

} // namespace snakebridge::testing
