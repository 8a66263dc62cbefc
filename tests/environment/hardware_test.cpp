#include <snakebridge/hardware.hpp>

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {

/// A machine made of files; what it has besides is nothing.
class Machine : public ::testing::Test {
protected:
  void has(const std::string& file, const std::string& text) {
    const auto path = folder.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path} << text;
  }
  void has_program(const std::string& script) {
    has("nvidia-smi", "#!/bin/sh\n" + script);
    std::filesystem::permissions(folder.path() / "nvidia-smi",
                                 std::filesystem::perms::owner_all);
  }
  hardware probed(bool runs_programs = true) const {
    return probe_hardware({.runs_programs = runs_programs,
                           .root = folder.path(),
                           .smi = (folder.path() / "nvidia-smi").string(),
                           .patience = patience});
  }

  scratch_folder folder;
  std::chrono::milliseconds patience = 60s;
};

constexpr auto nvidia_version =
  "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 "
  "22:23:56 UTC 2024\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n";

} // namespace

TEST_F(Machine, WithoutADriverIsACpu) {
  const auto found = probed();
  EXPECT_EQ(found.accelerator, "cpu");
  EXPECT_EQ(found.driver + found.cuda + found.rocm, "");
  EXPECT_EQ(found.os, "linux");
  EXPECT_EQ(found.libc.find("glibc 2."), 0U);
  EXPECT_FALSE(found.arch.empty());
}

TEST_F(Machine, TellsOfNvidiaByTheFilesOfItsDriver) {
  has("proc/driver/nvidia/version", nvidia_version);
  has("proc/driver/nvidia/gpus/0000:01:00.0/information",
      "Model: \t\t NVIDIA A100-SXM4-40GB\nIRQ:   \t\t 54\n");
  const auto found = probed(false);
  EXPECT_EQ(found.accelerator, "cuda");
  EXPECT_EQ(found.driver, "550.54.15");
  EXPECT_EQ(found.cuda, "12.4");
  EXPECT_EQ(found.gpus, std::vector<std::string>{"NVIDIA A100-SXM4-40GB"});
}

TEST_F(Machine, WithADriverButNoDeviceIsACpu) {
  has("proc/driver/nvidia/version", nvidia_version);
  has("dev/nvidiactl", "");
  has("dev/nvidia-uvm", "");
  EXPECT_EQ(probed().accelerator, "cpu");
  EXPECT_EQ(probed().driver, "");
  has("dev/nvidia3", "");
  EXPECT_EQ(probed().accelerator, "cuda");
  EXPECT_EQ(probed().driver, "550.54.15");
}

TEST_F(Machine, AsksNvidiaSmiWhereThereAreNoFiles) {
  has_program("echo 'NVIDIA H100, SXM, 570.86.10'; echo 'No devices'");
  EXPECT_EQ(probed(false).accelerator, "cpu");
  const auto found = probed();
  EXPECT_EQ(found.accelerator, "cuda");
  EXPECT_EQ(found.gpus, std::vector<std::string>{"NVIDIA H100, SXM"});
  EXPECT_EQ(found.cuda, "12.8");
}

TEST_F(Machine, WhoseNvidiaSmiFailsOrTalksHasNone) {
  for (const auto* script :
       {"echo 'NVIDIA H100, 570.86.10'; exit 9", "yes 'NVIDIA H100, 570.86.10'",
        "echo 'NVIDIA H100, 570.86;rm'", "exit 0"}) {
    has_program(script);
    EXPECT_EQ(probed().accelerator, "cpu") << script;
  }
}

TEST_F(Machine, WhoseNvidiaSmiHangsHasNoneInTime) {
  const auto never = folder.path() / "never";
  ASSERT_EQ(::mkfifo(never.c_str(), 0600), 0);
  has_program("exec cat " + never.string());
  patience = 10ms;
  EXPECT_EQ(probed().accelerator, "cpu");
}

TEST_F(Machine, TellsOfRocm) {
  has("opt/rocm/.info/version", "6.4.1-83\n");
  EXPECT_EQ(probed().accelerator, "cpu");
  has("dev/kfd", "");
  const auto found = probed();
  EXPECT_EQ(found.accelerator, "rocm");
  EXPECT_EQ(found.rocm, "6.4.1");
}

TEST_F(Machine, HasTheFeaturesThatWheelsAskFor) {
  has("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse4_2 avx512f avx2 ht\n"
                      "\nprocessor\t: 1\nflags\t\t: fpu\n");
  EXPECT_EQ(probed().cpu_features,
            (std::vector<std::string>{"avx2", "avx512f", "sse4_2"}));
  has("proc/cpuinfo", "Features\t: fp asimd sve\n");
  EXPECT_EQ(probed().cpu_features, (std::vector<std::string>{"asimd", "sve"}));
}

TEST(Drivers, RunTheCudaOfTheirBranch) {
  const std::pair<const char*, const char*> rows[] = {{"525.60.13", "12.0"},
                                                      {"549.1", "12.3"},
                                                      {"550.54.15", "12.4"},
                                                      {"580.65.06", "13.0"},
                                                      {"590.44.01", "13.1"},
                                                      {"595.45.04", "13.2"},
                                                      {"999.9", "13.2"},
                                                      {"449.9", ""},
                                                      {"", ""},
                                                      {"driver 550", ""},
                                                      {"550", ""}};
  for (const auto& [driver, cuda] : rows)
    EXPECT_EQ(cuda_of_driver(driver), cuda) << driver;
}

} // namespace snakebridge::testing
