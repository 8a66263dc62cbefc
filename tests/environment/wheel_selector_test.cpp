#include <snakebridge/wheel_selector.hpp>

#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

namespace {

hardware with_cuda(std::string version) {
  hardware made;
  made.accelerator = "cuda";
  made.cuda = std::move(version);
  return made;
}

hardware with_rocm(std::string version) {
  hardware made;
  made.accelerator = "rocm";
  made.rocm = std::move(version);
  return made;
}

const wheel_selector on_cpu{hardware{}};

class Variants : public ::testing::Test {
protected:
  result<wheel_selector> of(const std::string& text) {
    std::ofstream{folder.path() / "variants.json"} << text;
    return wheel_selector::from_file(folder.path() / "variants.json",
                                     with_cuda("12.8"));
  }

  scratch_folder folder;
};

} // namespace

TEST(WheelSelector, TakesTheNewestBuildThatTheDriverRuns) {
  const std::pair<const char*, const char*> rows[] = {
    {"11.7", "cpu"},   {"11.8", "cu118"},   {"12.0", "cu118"},
    {"12.3", "cu121"}, {"12.4.1", "cu124"}, {"12.7", "cu126"},
    {"12.8", "cu128"}, {"13.1", "cu130"},   {"99.0", "cu132"},
    {"", "cpu"},       {"twelve", "cpu"},   {"12", "cpu"},
    {"12.-1", "cpu"},  {"12.4x", "cpu"}};
  for (const auto& [cuda, variant] : rows) {
    EXPECT_EQ(on_cpu.best_cuda_variant(cuda), variant) << cuda;
    EXPECT_EQ(wheel_selector{with_cuda(cuda)}.pytorch_variant(), variant);
  }
}

TEST(WheelSelector, TakesRocmByItsVersion) {
  const std::pair<const char*, const char*> rows[] = {{"5.6", "cpu"},
                                                      {"6.1", "rocm5.7"},
                                                      {"6.4.1", "rocm6.4"},
                                                      {"9.0", "rocm7.2"}};
  for (const auto& [rocm, variant] : rows)
    EXPECT_EQ(wheel_selector{with_rocm(rocm)}.pytorch_variant(), variant);
}

TEST(WheelSelector, NamesTheIndexOfItsVariant) {
  EXPECT_EQ(on_cpu.pytorch_variant(), "cpu");
  EXPECT_EQ(on_cpu.pytorch_index_url(), "https://download.pytorch.org/whl/cpu");
  EXPECT_EQ(on_cpu.pytorch_index_url("cu128"),
            "https://download.pytorch.org/whl/cu128");
}

TEST(WheelSelector, SelectsByThePackage) {
  const wheel_selector here{with_cuda("12.4")};
  EXPECT_EQ(here.select_wheel("torch", "2.6.0"),
            (wheel{"torch", "2.6.0", "cu124",
                   "https://download.pytorch.org/whl/cu124"}));
  EXPECT_EQ(here.select_wheel("numpy", "2.4.0"),
            (wheel{"numpy", "2.4.0", "", ""}));
  for (const auto* each : {"torch", "torchvision", "torchaudio"})
    EXPECT_TRUE(here.is_pytorch_package(each));
  EXPECT_FALSE(here.is_pytorch_package("torchmetrics"));
}

TEST(WheelSelector, WritesTheCommandOfPip) {
  EXPECT_EQ(on_cpu.pip_install_command("torch", "2.6.0"),
            "pip install torch==2.6.0 --index-url "
            "https://download.pytorch.org/whl/cpu");
  EXPECT_EQ(on_cpu.pip_install_command("numpy", "1.26.4"),
            "pip install numpy==1.26.4");
  EXPECT_EQ(on_cpu.pip_install_command("numpy"), "pip install numpy");
}

TEST(WheelSelector, WritesVersionsAsVariantsDo) {
  EXPECT_EQ(wheel_selector::normalize_cuda_version("12.1"), "121");
  EXPECT_EQ(wheel_selector::normalize_cuda_version("11.8.0"), "118");
  EXPECT_EQ(wheel_selector::normalize_cuda_version(""), "");
}

TEST_F(Variants, AreThoseOfAFile) {
  const auto made = of(R"({"base_url": "https://wheels.example",
                           "variants": ["cpu", "cu120"]})");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->available_variants(),
            (std::vector<std::string>{"cpu", "cu120"}));
  EXPECT_EQ(made->pytorch_index_url(), "https://wheels.example/cu120");
  EXPECT_TRUE(made->is_pytorch_package("torch"));
}

TEST_F(Variants, OfAFileThatIsNoneAreRefused) {
  for (const auto* text :
       {"", "[]", R"({"variants": "cpu"})", R"({"variants": [1]})"}) {
    const auto made = of(text);
    ASSERT_FALSE(made) << text;
    EXPECT_EQ(made.error().code(), errc::config_invalid);
  }
  EXPECT_FALSE(wheel_selector::from_file(folder.path() / "none.json"));
}

} // namespace snakebridge::testing
