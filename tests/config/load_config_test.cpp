#include <snakebridge/config.hpp>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {

/// A working directory of its own and no SNAKEBRIDGE_* variable set.
class Environment : public ::testing::Test {
protected:
  Environment() {
    for (const auto* name : variables)
      ::unsetenv(name);
    std::string made = std::filesystem::temp_directory_path() / "sb-XXXXXX";
    if (::mkdtemp(made.data()) == nullptr)
      throw std::runtime_error{"no temporary folder " + made};
    folder = std::filesystem::canonical(made);
    std::filesystem::current_path(folder);
  }

  ~Environment() override {
    for (const auto* name : variables)
      ::unsetenv(name);
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(folder);
  }

  void write(const std::string& name, std::string_view text) {
    std::ofstream{folder / name} << text;
  }

  static void set(const char* name, const std::string& value) {
    ::setenv(name, value.c_str(), 1);
  }

  config loaded() {
    auto made = load_config(&origins);
    if (!made) {
      ADD_FAILURE() << made.error().message();
      return {};
    }
    return *std::move(made);
  }

  static std::string refusal() {
    const auto made = load_config();
    if (made)
      return "accepted";
    EXPECT_EQ(made.error().code(), errc::config_invalid);
    return made.error().message();
  }

  std::filesystem::path folder;
  config_origins origins;

private:
  static constexpr std::array variables{
    "SNAKEBRIDGE_CONFIG",          "SNAKEBRIDGE_WORKER",
    "SNAKEBRIDGE_PYTHON",          "SNAKEBRIDGE_POOL_SIZE",
    "SNAKEBRIDGE_PLACEMENT",       "SNAKEBRIDGE_TIMEOUT_MS",
    "SNAKEBRIDGE_ERROR_MODE",      "SNAKEBRIDGE_REF_MAX",
    "SNAKEBRIDGE_REF_TTL_SECONDS", "SNAKEBRIDGE_VERBOSE",
    "SNAKEBRIDGE_STRICT_MODE",     "SNAKEBRIDGE_STRICT_MODE_THRESHOLD"};
  std::filesystem::path before_ = std::filesystem::current_path();
};

} // namespace

TEST_F(Environment, WhenItSaysNothingThenAllIsDefault) {
  EXPECT_TRUE(loaded().pools.empty());
  EXPECT_TRUE(origins.empty());
}

TEST_F(Environment, WhenAFileLiesInTheWorkingDirectoryThenItIsRead) {
  write("snakebridge.toml", "\ntimeout_ms = 7\n");
  EXPECT_EQ(loaded().timeout, 7ms);
  EXPECT_EQ(origins["timeout_ms"], folder / "snakebridge.toml:2");
}

TEST_F(Environment, WhenItNamesAFileThenThatOneIsRead) {
  write("snakebridge.toml", "timeout_ms = 7\n");
  write("other.toml", "timeout_ms = 8\n");
  set("SNAKEBRIDGE_CONFIG", folder / "other.toml");
  EXPECT_EQ(loaded().timeout, 8ms);
}

TEST_F(Environment, GivenAPathThenItIsRelativeToItsFile) {
  std::filesystem::create_directories(folder / "etc/py");
  write("etc/service.toml", "[pool.default]\npath = [\"./py\", \"none\"]\n");
  set("SNAKEBRIDGE_CONFIG", folder / "etc/service.toml");
  auto made = loaded();
  EXPECT_TRUE(
    std::filesystem::equivalent(made.pools[0].path[0], folder / "etc/py"));
  const auto refused = checked(made);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(),
            "pool.default.path = \"" + (folder / "etc/none").string()
              + "\": there is no such folder, nor archive, to import from");
  made.pools[0].path.pop_back();
  EXPECT_TRUE(checked(made));
}

TEST_F(Environment, GivenAPathInCodeThenItIsRelativeToTheWorkingFolder) {
  std::filesystem::create_directory(folder / "py");
  const auto made = checked({.pools = {{.path = {"py"}}}});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->pools[0].path[0], folder / "py");
}

TEST_F(Environment, WhenTheNamedFileIsMissingThenItSaysWhichAndWhy) {
  set("SNAKEBRIDGE_CONFIG", folder / "none.toml");
  EXPECT_EQ(refusal(), "SNAKEBRIDGE_CONFIG: cannot read "
                         + (folder / "none.toml").string()
                         + ": No such file or directory");
}

TEST_F(Environment, WhenTheNamedFileIsAFolderThenItSaysSo) {
  set("SNAKEBRIDGE_CONFIG", folder);
  EXPECT_EQ(refusal(), "SNAKEBRIDGE_CONFIG: cannot read " + folder.string()
                         + ": Is a directory");
}

TEST_F(Environment, WhenTheFileIsWrongThenItsPathAndLineAreTold) {
  write("snakebridge.toml", "\n\ntimeout_ms = 0\n");
  EXPECT_EQ(refusal(), (folder / "snakebridge.toml").string()
                         + ":3: timeout_ms = 0: must be 1 to 86400000");
}

TEST_F(Environment, OverridesTheFileForTheDefaultPool) {
  write("snakebridge.toml", "timeout_ms = 7\n"
                            "worker = \"/w\"\n"
                            "[pool.default]\n"
                            "size = 2\n"
                            "queue_max = 9\n"
                            "[pool.gpu]\n"
                            "size = 3\n");
  set("SNAKEBRIDGE_WORKER", "/opt/worker");
  set("SNAKEBRIDGE_TIMEOUT_MS", "50");
  set("SNAKEBRIDGE_PYTHON", "123");
  set("SNAKEBRIDGE_POOL_SIZE", "1");
  set("SNAKEBRIDGE_PLACEMENT", "embedded");
  set("SNAKEBRIDGE_ERROR_MODE", "translated");
  const auto made = loaded();
  EXPECT_EQ(made.worker, "/opt/worker");
  EXPECT_EQ(made.timeout, 50ms);
  EXPECT_EQ(made.error_mode, error_mode::translated);
  ASSERT_EQ(made.pools.size(), 2u);
  EXPECT_EQ(made.pools[0].name, "default");
  EXPECT_EQ(made.pools[0].python, "123");
  EXPECT_EQ(made.pools[0].size, 1u);
  EXPECT_EQ(made.pools[0].placement, placement::embedded);
  EXPECT_EQ(made.pools[0].queue_max, 9u);
  EXPECT_EQ(made.pools[1].size, 3u);
}

TEST_F(Environment, SetsTheRulesOfRefsAsTheOriginalNamesThem) {
  set("SNAKEBRIDGE_REF_MAX", "5");
  set("SNAKEBRIDGE_REF_TTL_SECONDS", "60");
  set("SNAKEBRIDGE_STRICT_MODE", "1");
  set("SNAKEBRIDGE_STRICT_MODE_THRESHOLD", "3");
  const auto made = loaded();
  EXPECT_EQ(made.refs.max, 5u);
  EXPECT_EQ(made.refs.ttl, 60s);
  EXPECT_TRUE(made.refs.strict_mode);
  EXPECT_EQ(made.refs.strict_mode_threshold, 3u);
  EXPECT_EQ(origins["ref_ttl_ms"], "SNAKEBRIDGE_REF_TTL_SECONDS");
  set("SNAKEBRIDGE_REF_TTL_SECONDS", "31536001");
  EXPECT_EQ(refusal(), "SNAKEBRIDGE_REF_TTL_SECONDS: ref_ttl_ms = 31536001000: "
                       "must be 0 to 31536000000");
  set("SNAKEBRIDGE_REF_TTL_SECONDS", "9223372036854775807");
  EXPECT_NE(refusal(), "accepted");
}

TEST_F(Environment, SetsWhetherTheLogIsVerbose) {
  write("snakebridge.toml", "verbose = false\n");
  set("SNAKEBRIDGE_VERBOSE", "1");
  EXPECT_TRUE(loaded().verbose);
  EXPECT_EQ(origins["verbose"], "SNAKEBRIDGE_VERBOSE");
  set("SNAKEBRIDGE_VERBOSE", "false");
  EXPECT_FALSE(loaded().verbose);
  set("SNAKEBRIDGE_VERBOSE", "2");
  EXPECT_EQ(refusal(),
            "SNAKEBRIDGE_VERBOSE: verbose = \"2\": must be true or false");
}

TEST_F(Environment, IsToldAsTheOriginOfWhatItSets) {
  write("snakebridge.toml", "[pool.default]\nsize = 2\nqueue_max = 9\n");
  set("SNAKEBRIDGE_POOL_SIZE", "1");
  loaded();
  EXPECT_EQ(origins,
            (config_origins{
              {"pool.default.size", "SNAKEBRIDGE_POOL_SIZE"},
              {"pool.default.queue_max", folder / "snakebridge.toml:3"},
            }));
}

TEST_F(Environment, WhenItSpeaksOfTheDefaultPoolThenThatPoolIsThere) {
  set("SNAKEBRIDGE_POOL_SIZE", "4");
  const auto made = loaded();
  ASSERT_EQ(made.pools.size(), 1u);
  EXPECT_EQ(made.pools[0].name, "default");
  EXPECT_EQ(made.pools[0].size, 4u);
}

TEST_F(Environment, WhenAVariableIsEmptyThenItCountsAsUnset) {
  set("SNAKEBRIDGE_CONFIG", "");
  set("SNAKEBRIDGE_POOL_SIZE", "");
  EXPECT_TRUE(loaded().pools.empty());
}

TEST_F(Environment, WhenAVariableIsWrongThenItIsNamed) {
  set("SNAKEBRIDGE_POOL_SIZE", "many");
  EXPECT_EQ(refusal(), "SNAKEBRIDGE_POOL_SIZE: pool.default.size = \"many\": "
                       "must be an integer, 0 to 1024");
  set("SNAKEBRIDGE_POOL_SIZE", "1025");
  EXPECT_EQ(refusal(), "SNAKEBRIDGE_POOL_SIZE: pool.default.size = 1025: must "
                       "be 0 to 1024");
  set("SNAKEBRIDGE_POOL_SIZE", "4 ");
  EXPECT_EQ(refusal(), "SNAKEBRIDGE_POOL_SIZE: pool.default.size = \"4 \": "
                       "must be an integer, 0 to 1024");
  ::unsetenv("SNAKEBRIDGE_POOL_SIZE");
  set("SNAKEBRIDGE_TIMEOUT_MS", "99999999999999999999");
  EXPECT_EQ(refusal(), "SNAKEBRIDGE_TIMEOUT_MS: timeout_ms = "
                       "\"99999999999999999999\": must be an integer, 1 to "
                       "86400000");
  ::unsetenv("SNAKEBRIDGE_TIMEOUT_MS");
  set("SNAKEBRIDGE_PLACEMENT", "thread");
  EXPECT_EQ(refusal(), "SNAKEBRIDGE_PLACEMENT: pool.default.placement = "
                       "\"thread\": must be \"worker\" or \"embedded\"");
  ::unsetenv("SNAKEBRIDGE_PLACEMENT");
  set("SNAKEBRIDGE_ERROR_MODE", "raise_translated");
  EXPECT_EQ(refusal(), "SNAKEBRIDGE_ERROR_MODE: error_mode = "
                       "\"raise_translated\": must be \"raw\" or "
                       "\"translated\"");
}

} // namespace snakebridge::testing
