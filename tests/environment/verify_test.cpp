#include <snakebridge/environment.hpp>

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

namespace {

class Project : public ::testing::Test {
protected:
  Project() {
    settings.environment_folder = folder.path() / ".snakebridge";
    settings.environments = {{.name = ""}, {.name = "gpu"}};
  }
  void write(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream{file, std::ios::binary} << text;
  }
  void set_up(const std::string& name) {
    const auto place = environment_place(settings, name);
    write(place / "pyproject.toml", "[project]\n");
    write(place / "uv.lock", "version = 1\n");
    write(place / "venv/pyvenv.cfg", "version = 3.11.2\n");
  }
  nlohmann::json lock() const {
    std::ifstream in{settings.environment_folder / "snakebridge.lock"};
    return nlohmann::json::parse(in);
  }
  std::vector<std::string> drifts() const {
    std::vector<std::string> names;
    for (const auto& each : verify_environments(settings, machine))
      names.push_back(each.environment + ":" + each.name);
    return names;
  }

  scratch_folder folder;
  config settings;
  const hardware machine = {
    .os = "linux", .arch = "x86_64", .libc = "glibc 2.36", .cpu_features = {}};
};

using names = std::vector<std::string>;

} // namespace

TEST_F(Project, IsAsItWasLocked) {
  set_up("");
  set_up("gpu");
  EXPECT_EQ(drifts(), names{":lock_missing"});
  ASSERT_TRUE(lock_environments(settings, machine));
  EXPECT_EQ(drifts(), names{});
  write(environment_place(settings, "gpu") / "uv.lock", "version = 2\n");
  EXPECT_EQ(drifts(), names{"gpu:uv_lock_drifted"});
}

TEST_F(Project, ThatIsNotSetUpIsNotLocked) {
  set_up("");
  const auto locked = lock_environments(settings, machine);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code(), errc::environment_invalid);
  EXPECT_NE(locked.error().message().find("environments/gpu"),
            std::string::npos);
}

TEST_F(Project, KeepsWhatIsLockedOfWrappers) {
  set_up("");
  set_up("gpu");
  write(settings.environment_folder / "snakebridge.lock",
        R"({"version": 1, "generator": "abc"})");
  ASSERT_TRUE(lock_environments(settings, machine));
  EXPECT_EQ(lock().at("generator"), "abc");
  EXPECT_EQ(lock().at("environment").at("machine").at("libc"), "glibc 2.36");
}

// It was written over, and what was locked of wrappers was gone.
TEST_F(Project, WhoseLockHasMarksOfAMergeIsNotLocked) {
  set_up("");
  set_up("gpu");
  const auto file = settings.environment_folder / "snakebridge.lock";
  for (const auto* text :
       {"<<<<<<< HEAD\n{\"version\": 1, \"generator\": \"abc\"}\n", "[]",
        R"({"version": 2, "generator": "abc"})"}) {
    write(file, text);
    const auto locked = lock_environments(settings, machine);
    ASSERT_FALSE(locked) << text;
    EXPECT_EQ(locked.error().code(), errc::environment_invalid);
    EXPECT_NE(locked.error().message().find(file.string()), std::string::npos);
    std::ifstream in{file};
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>{in}, {}), text);
  }
  for (const auto* text : {"", "{}"}) {
    write(file, text);
    EXPECT_TRUE(lock_environments(settings, machine)) << text;
  }
}

// nlohmann::json threw out of a function that says it returns its errors.
TEST_F(Project, WithMetadataThatIsNotUtf8IsLockedAndIsAsItWasLocked) {
  set_up("");
  set_up("gpu");
  write(environment_place(settings, "")
          / "venv/lib/python3.11/site-packages/a-1.dist-info/METADATA",
        "Name: a\xFF\nVersion: 1\xC3\n");
  ASSERT_TRUE(lock_environments(settings, machine));
  EXPECT_EQ(drifts(), names{});
  EXPECT_EQ(
    lock()["environment"]["environments"][""]["packages"]["a?"]["version"],
    "1?");
}

TEST_F(Project, HasTheNamesOfChangedFilesByTheirEnvironment) {
  set_up("");
  set_up("gpu");
  const auto site =
    environment_place(settings, "gpu") / "venv/lib/python3.11/site-packages";
  write(site / "a-1.dist-info/METADATA", "Name: a\nVersion: 1\n");
  write(site / "a-1.dist-info/RECORD", "a.py,,3\n");
  write(site / "a.py", "1\n");
  EXPECT_EQ(verify_files(settings, file_check::sizes),
            (std::vector<environment_drift>{
              {"package_files_drifted", "gpu",
               "a 1: a.py has another size than RECORD says", false}}));
  write(site / "a.py", "10\n");
  EXPECT_EQ(verify_files(settings, file_check::sizes),
            std::vector<environment_drift>{});
}

TEST_F(Project, WhoseLockIsHostileHasNone) {
  set_up("");
  set_up("gpu");
  for (const auto* text :
       {"", "[", "{}", R"({"version": 2, "environment": {}})",
        R"({"version": 1, "environment": {"machine": 3}})"}) {
    write(settings.environment_folder / "snakebridge.lock", text);
    EXPECT_EQ(drifts(), names{":lock_missing"}) << text;
  }
}

} // namespace snakebridge::testing
