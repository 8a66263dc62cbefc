// A bridge with nothing said in the program takes its configuration from the
// environment, and says by name what is wrong with it.
#include "tests/api/environment.hpp"
#include "tests/api/python_fixture.hpp"
#include "tests/support/logged.hpp"

#include <fstream>

#include <snakebridge/environment.hpp>
#include <snakebridge/python_worker.hpp>
#include <unistd.h>

#include "runtime/base/build_mark.hpp"
#include "runtime/python/python_version.hpp"

namespace snakebridge::testing {

using ::testing::HasSubstr;

class BridgeOfTheEnvironment : public Environment {
protected:
  /// Why no bridge starts.
  static sb::error refusal() {
    try {
      const sb::bridge bridge;
    } catch (const sb::exception& refused) {
      return refused.error();
    }
    throw std::logic_error{"it started"};
  }
};

TEST_F(BridgeOfTheEnvironment, GivenAPoolSizeThenSoManyInterpretersAreThere) {
  set("SNAKEBRIDGE_POOL_SIZE", "3");
  const sb::bridge bridge;
  EXPECT_EQ(bridge.stats().pools.at(0).interpreters.size(), 3U);
  EXPECT_EQ(bridge.eval("1"), 1);
}

TEST_F(BridgeOfTheEnvironment, GivenAPlacementThenPythonRunsThere) {
  set("SNAKEBRIDGE_PLACEMENT", "embedded");
  const sb::bridge bridge;
  EXPECT_EQ(bridge.call("os", "getpid"), ::getpid());
}

TEST_F(BridgeOfTheEnvironment, GivenATimeoutThenCallsHaveIt) {
  set("SNAKEBRIDGE_POOL_SIZE", "1");
  set("SNAKEBRIDGE_TIMEOUT_MS", "20");
  const sb::bridge bridge;
  EXPECT_EQ(code_of(bridge.call("time", "sleep", 60)),
            sb::errc::deadline_exceeded);
}

TEST_F(BridgeOfTheEnvironment, GivenAFileThenItHoldsUnlessAVariableSaysMore) {
  write("snakebridge.toml", "[pool.default]\n"
                            "size = 1\n"
                            "env = { GREETING = 'hello' }\n"
                            "[pool.second]\n"
                            "size = 1\n");
  set("SNAKEBRIDGE_POOL_SIZE", "2");
  const sb::bridge bridge;
  EXPECT_EQ(bridge.pools(), (std::vector<std::string>{"default", "second"}));
  EXPECT_EQ(bridge.stats().pools.at(0).interpreters.size(), 2U);
  EXPECT_EQ(bridge.call("os", "getenv", "GREETING"), "hello");
}

TEST_F(BridgeOfTheEnvironment, GivenANamedFileThenItIsRead) {
  write("other.toml", "[pool.default]\nsize = 1\nplacement = 'embedded'\n");
  set("SNAKEBRIDGE_CONFIG", (folder / "other.toml").string());
  const sb::bridge bridge;
  EXPECT_EQ(bridge.call("os", "getpid"), ::getpid());
}

// ORIGINAL P41
TEST_F(BridgeOfTheEnvironment, WhenAVariableIsWrongThenItIsNamed) {
  set("SNAKEBRIDGE_POOL_SIZE", "many");
  const auto refused = refusal();
  EXPECT_EQ(refused.code(), sb::errc::config_invalid);
  EXPECT_THAT(refused.message(), HasSubstr("SNAKEBRIDGE_POOL_SIZE"));
}

TEST_F(BridgeOfTheEnvironment, WhenThereIsNoWorkerThenItSaysWhereItLooked) {
  set("SNAKEBRIDGE_WORKER", "/no/such/worker");
  const auto refused = refusal();
  EXPECT_EQ(refused.code(), sb::errc::startup_failed);
  EXPECT_THAT(refused.message(), HasSubstr("/no/such/worker"));
}

TEST_F(BridgeOfTheEnvironment, WhenThePythonIsNoneThenItIsNamed) {
  set("SNAKEBRIDGE_PYTHON", "/no/such/venv");
  const auto refused = refusal();
  EXPECT_EQ(refused.code(), sb::errc::environment_invalid);
  EXPECT_THAT(refused.message(), HasSubstr("/no/such/venv"));
}

// A file that a shell runs, as pyenv and others put in the place of Python.
class NamedPython : public BridgeOfTheEnvironment {
protected:
  std::string script(const std::string& text) {
    write("python3", "#!/bin/sh\n" + text + "\n");
    std::filesystem::permissions(folder / "python3",
                                 std::filesystem::perms::owner_all);
    return folder / "python3";
  }
  /// A venv, as far as Python looks at one.
  std::string venv() {
    std::filesystem::create_directories(folder / "venv/bin");
    write("venv/pyvenv.cfg", "home = /usr/bin\n");
    std::filesystem::create_symlink(SNAKEBRIDGE_PYTHON_EXECUTABLE,
                                    folder / "venv/bin/python3");
    return folder / "venv";
  }
  /// What tells the five things that are asked of a Python.
  static std::string tells(const std::string& version, const std::string& build,
                           const std::string& abi = built_for_abi() + "-here") {
    return "printf 'a greeting\nsnakebridge\\000cpython\\000" + version + " ("
           + build + ")\\000" SNAKEBRIDGE_PYTHON_EXECUTABLE "\\000" + abi
           + "\\000/where/it/lies\\000'";
  }
};

TEST_F(NamedPython, GivenAShimThenWhatItRunsIsRun) {
  const auto real = venv();
  set("SNAKEBRIDGE_PYTHON", script("exec '" + real + "/bin/python3' \"$@\""));
  for (const auto* where : {"worker", "embedded"}) {
    set("SNAKEBRIDGE_PLACEMENT", where);
    const sb::bridge bridge;
    EXPECT_EQ(bridge.get("sys", "executable"), real + "/bin/python3");
    EXPECT_EQ(bridge.get("sys", "prefix"), real);
  }
}

TEST_F(NamedPython, GivenANewerMicroVersionThenItNeedsAWorkerOfItsOwn) {
  set("XDG_CACHE_HOME", (folder / "cache").string());
  set("SNAKEBRIDGE_PYTHON",
      script(tells(SNAKEBRIDGE_PYTHON_VERSION ".99", "later")));
  const auto refused = refusal();
  EXPECT_EQ(refused.code(), sb::errc::environment_invalid);
  EXPECT_THAT(refused.message(), HasSubstr(SNAKEBRIDGE_PYTHON_VERSION ".99"));
  EXPECT_THAT(refused.message(), HasSubstr("extension modules"));
  EXPECT_THAT(refused.message(), HasSubstr("`snakebridge setup`"));
}

TEST_F(NamedPython, GivenAnotherMinorVersionThenItsWorkerIsOneOfItsVeryBuild) {
  set("XDG_CACHE_HOME", (folder / "cache").string());
  const auto named = script(tells("3.8.1", "another", "cpython-38-here"));
  set("SNAKEBRIDGE_PYTHON", named);
  const auto refused = refusal();
  EXPECT_EQ(refused.code(), sb::errc::environment_invalid);
  EXPECT_THAT(refused.message(), HasSubstr("`snakebridge setup`"));
  const auto place = folder / "cache/snakebridge/workers/cpython-38-here-3.8.1"
                     / "where/it/lies" / build_mark() / "snakebridge-worker";
  EXPECT_THAT(refused.message(), HasSubstr(place.string()));
  auto needed = sb::worker_for(named);
  ASSERT_TRUE(needed) << needed.error();
  EXPECT_EQ(needed->program, place);
  EXPECT_EQ(needed->version, "3.8.1");
  EXPECT_FALSE(needed->is_there);
  // There it is found, and believed no further than it says what it is.
  std::filesystem::create_directories(place.parent_path());
  std::ofstream{place} << "#!/bin/sh\nexit 1\n";
  std::filesystem::permissions(place, std::filesystem::perms::owner_all);
  EXPECT_TRUE(sb::worker_for(named)->is_there);
  EXPECT_EQ(refusal().code(), sb::errc::startup_failed);
}

TEST_F(NamedPython, GivenAnotherKindOfBuildThenItNeedsAWorkerOfItsOwn) {
  set("XDG_CACHE_HOME", (folder / "cache").string());
  set("SNAKEBRIDGE_PYTHON",
      script(tells(SNAKEBRIDGE_PYTHON_VERSION ".0", "free-threading",
                   built_for_abi() + "t-here")));
  EXPECT_THAT(refusal().message(), HasSubstr(built_for_abi() + "t-here"));
}

TEST_F(NamedPython, GivenNoCacheThenWhatItNeedsIsNamed) {
  set("XDG_CACHE_HOME", "");
  set("HOME", "");
  const auto named = script(tells("3.8.1", "another", "cpython-38-here"));
  set("SNAKEBRIDGE_PYTHON", named);
  EXPECT_THAT(refusal().message(), HasSubstr("XDG_CACHE_HOME"));
  const auto needed = sb::worker_for(named);
  ASSERT_FALSE(needed);
  EXPECT_EQ(needed.error().code(), sb::errc::environment_invalid);
}

TEST_F(NamedPython, GivenAnotherVersionThenItIsNotEmbedded) {
  set("SNAKEBRIDGE_PLACEMENT", "embedded");
  set("SNAKEBRIDGE_PYTHON",
      script(tells("3.8.1", "another", "cpython-38-here")));
  const auto refused = refusal();
  EXPECT_EQ(refused.code(), sb::errc::environment_invalid);
  EXPECT_THAT(refused.message(), HasSubstr("placement = worker"));
}

TEST_F(NamedPython, GivenAnotherBuildThenItIsWarnedOf) {
  const auto named = script(tells(SNAKEBRIDGE_PYTHON_VERSION ".0", "another"));
  set("SNAKEBRIDGE_PYTHON", named);
  const logged log;
  const sb::bridge bridge;
  EXPECT_EQ(bridge.eval("1"), 1);
  EXPECT_EQ(log.warnings(named).size(), 1U);
}

// A project whose environment is set up and locked.
class VerifiedBridge : public NamedPython {
protected:
  VerifiedBridge() {
    write("snakebridge.toml", "verify_at_start = true\n"
                              "[environment]\n"
                              "[pool.default]\n"
                              "size = 1\n");
    std::filesystem::create_directory(folder / ".snakebridge");
    std::filesystem::rename(venv(), folder / ".snakebridge/venv");
    write(".snakebridge/venv/pyvenv.cfg",
          "home = /usr/bin\nversion = " SNAKEBRIDGE_PYTHON_VERSION ".0\n");
    write(".snakebridge/pyproject.toml", "[project]\n");
    write(".snakebridge/uv.lock", "version = 1\n");
  }
};

TEST_F(VerifiedBridge, WhenItIsAsItWasLockedThenItStarts) {
  ASSERT_TRUE(sb::lock_environments(or_throw(sb::load_config())));
  const sb::bridge bridge;
  EXPECT_EQ(bridge.get("sys", "prefix"),
            (folder / ".snakebridge/venv").string());
}

TEST_F(VerifiedBridge, WhenThereIsDriftThenItIsNamedAndNothingStarts) {
  EXPECT_THAT(refusal().message(), HasSubstr("lock_missing"));
  ASSERT_TRUE(sb::lock_environments(or_throw(sb::load_config())));
  write(".snakebridge/uv.lock", "version = 2\n");
  const auto refused = refusal();
  EXPECT_EQ(refused.code(), sb::errc::environment_invalid);
  EXPECT_THAT(refused.message(), HasSubstr("uv_lock_drifted"));
  // Who does not ask for it is not refused.
  auto careless = or_throw(sb::load_config());
  careless.verify_at_start = false;
  const sb::bridge bridge{std::move(careless)};
  EXPECT_EQ(bridge.eval("1"), 1);
}

TEST_F(NamedPython, GivenAVenvThatIsActiveButNotUsedThenItIsMentioned) {
  set("VIRTUAL_ENV", "/an/active/venv");
  const sb::bridge bridge;
  const auto failed = error_of(bridge.call("no_such_module", "f"));
  ::unsetenv("VIRTUAL_ENV");
  EXPECT_THAT(failed.message(),
              HasSubstr("VIRTUAL_ENV '/an/active/venv' is not used"));
}

} // namespace snakebridge::testing
