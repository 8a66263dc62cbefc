#include "environment/environment_lock.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

TEST(EnvironmentLock, ReadsWhatItHasWritten) {
  environment_lock made;
  made.snakebridge = "1.0";
  made.machine = probe_hardware({.runs_programs = false});
  made.environments["gpu"] = {
    {"3.11.2", {{"numpy", {"2.4.0", "aa"}}}}, "p", "u", "cu128"};
  EXPECT_EQ(parse_environment_lock(to_json(made)), made);
}

// It was taken of "pytorch-lightning".
TEST(EnvironmentLock, TakesTheBuildOfPyTorchFromItsIndexAndNoPackage) {
  const scratch_folder folder;
  config settings;
  settings.environment_folder = folder.path();
  settings.environments = {{.name = ""}};
  const auto torch_of = [&](const std::string& index) {
    std::ofstream{folder.path() / "pyproject.toml"}
      << "[project]\ndependencies = [\n  \"pytorch-lightning\",\n]\n" + index;
    return environments_now(settings, {}).environments.at("").torch;
  };
  EXPECT_EQ(torch_of(""), "");
  EXPECT_EQ(torch_of("\n[[tool.uv.index]]\nname = \"extra-1\"\n"
                     "url = \"https://x\"\n"
                     "\n[[tool.uv.index]]\nname = \"pytorch-cu128\"\n"
                     "url = \"https://y\"\nexplicit = true\n"),
            "cu128");
}

TEST(EnvironmentLock, OfWhatIsNoneIsNone) {
  const auto whole = to_json({});
  ASSERT_TRUE(parse_environment_lock(whole));
  for (const auto& [key, value] : whole.items()) {
    auto lacking = whole;
    lacking.erase(key);
    EXPECT_FALSE(parse_environment_lock(lacking)) << key;
    auto wrong = whole;
    wrong[key] = 7;
    EXPECT_FALSE(parse_environment_lock(wrong)) << key;
  }
  EXPECT_FALSE(parse_environment_lock(nullptr));
  auto odd = whole;
  odd["environments"]["x"] = {{"python", "3.11"}, {"packages", {{"a", 1}}}};
  EXPECT_FALSE(parse_environment_lock(odd));
}

} // namespace snakebridge::testing
