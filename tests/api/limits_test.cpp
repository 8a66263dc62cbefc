// What a pool's limits keep its workers from, and what variables they see.
#include <Python.h>

#include "tests/api/environment.hpp"
#include "tests/api/python_fixture.hpp"

#include <functional>
#include <ranges>

#include <pthread.h>

namespace snakebridge::testing {

using ::testing::HasSubstr;

class Limits : public ::testing::Test {
protected:
  static sb::config pool(sb::pool_config only) {
    auto wanted = one_pool(sb::placement::worker);
    only.size = 1;
    wanted.pools = {std::move(only)};
    return wanted;
  }
  static sb::config with(sb::worker_limits limits) {
    return pool({.limits = std::move(limits)});
  }
};

// The sanitizers need more address space than there is memory.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_F(Limits, GivenAMemoryBoundThenPythonRunsOutOfItAndLivesOn) {
  const sb::bridge bridge{with({.memory_bytes_max = std::size_t{1} << 30U})};
  const auto raised =
    error_of(bridge.call("builtins", "bytearray", std::size_t{2} << 30U));
  ASSERT_NE(raised.python(), nullptr) << raised;
  EXPECT_EQ(raised.python()->type, "MemoryError");
  EXPECT_EQ(bridge.eval("1"), 1);
  EXPECT_EQ(first_of(bridge).deaths, 0U);
}

TEST_F(Limits, GivenARequestThatItHasNoMemoryForThenItIsRefused) {
  for (const std::uint32_t threads : {1U, 3U}) {
    const sb::bridge bridge{
      pool({.threads = threads,
            .limits = {.memory_bytes_max = std::size_t{600} << 20U}})};
    const auto refused = error_of(
      bridge.len(sb::bytes{std::string(std::size_t{500} << 20U, 'x')}));
    EXPECT_EQ(refused.code(), sb::errc::payload_too_large) << refused;
    EXPECT_FALSE(refused.may_have_run());
    EXPECT_EQ(bridge.eval("1"), 1);
    EXPECT_EQ(first_of(bridge).deaths, 0U);
  }
}

TEST_F(Limits, GivenABoundThatItsThreadsDoNotFitThenItsStartSaysSo) {
  auto wanted =
    pool({.threads = 64, .limits = {.memory_bytes_max = 400U << 20U}});
  const auto started = sb::bridge::start(std::move(wanted));
  EXPECT_EQ(code_of(started), sb::errc::startup_failed);
  EXPECT_THAT(error_of(started).message(), HasSubstr("start new thread"));
}

// Which one text, or one bytes, in a message cannot have.
TEST_F(Limits, GivenATextOfMoreThanAMessageHoldsThenThatIsSaid) {
  auto wanted = with({});
  wanted.payload_bytes_max = std::size_t{1} << 32U;
  const sb::bridge bridge{wanted};
  for (const auto* made : {"'x' * (513 << 20)", "b'x' * (513 << 20)"}) {
    const auto refused = error_of(bridge.eval(made));
    EXPECT_EQ(refused.code(), sb::errc::payload_too_large);
    EXPECT_THAT(refused.message(), HasSubstr("2^29"));
  }
  const auto refused =
    error_of(bridge.len(std::string(std::size_t{513} << 20U, 'x')));
  EXPECT_EQ(refused.code(), sb::errc::payload_too_large);
  EXPECT_THAT(refused.message(), HasSubstr("2^29"));
  EXPECT_EQ(bridge.eval("1"), 1);
}

// The deepest values that may be, on a thread with a small stack.
class SmallStack : public EachPlacement {
protected:
  static void run(std::function<void()> work) {
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, 512 << 10U);
    pthread_t thread{};
    ASSERT_EQ(::pthread_create(
                &thread, &attributes,
                [](void* given) -> void* {
                  (*static_cast<std::function<void()>*>(given))();
                  return nullptr;
                },
                &work),
              0);
    ::pthread_attr_destroy(&attributes);
    ::pthread_join(thread, nullptr);
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(SmallStack);

TEST_P(SmallStack, GivenTheDeepestValuesThenTheyComeAndGo) {
  run([this] {
    for (const auto* level : {"[x]", "(x, 1)", "{'k': x}", "[x, x[:0]]"}) {
      const auto made = bridge.eval(
        std::string{"(lambda f: f(f, 199))(lambda f, n: [] if n == 0 else "
                    "(lambda x: "}
        + level + ")(f(f, n - 1)))");
      ASSERT_TRUE(made) << level << made.error();
      EXPECT_EQ(bridge.call("builtins", "repr", *made), sb::repr(*made));
      EXPECT_EQ(*made, *made);
    }
    EXPECT_EQ(code_of(bridge.eval("(lambda f: f(f, 300))(lambda f, n: [] if "
                                  "n == 0 else [f(f, n - 1)])")),
              sb::errc::payload_too_large);
  });
}

TEST_P(SmallStack, WhenItsCallerHoldsTheGilThenItIsAnsweredAllTheSame) {
  ASSERT_TRUE(bridge.eval("1"));
  if (Py_IsInitialized() == 0)
    return; // it runs elsewhere
  run([this] {
    const auto held = PyGILState_Ensure();
    EXPECT_EQ(bridge.with({.timeout = 20s}).eval("1 + 1"), 2);
    EXPECT_EQ(std::ranges::distance(
                bridge.stream("builtins", "range", 10).timeout_idle(20s)),
              10);
    PyGILState_Release(held);
  });
}
#endif

TEST_F(Limits, WhenItsProcessorTimeIsUsedUpThenTheWorkerDiesOfThatByName) {
  const sb::bridge bridge{with({.cpu_seconds_max = 1})};
  const auto died = error_of(bridge.exec("while True: pass"));
  EXPECT_EQ(died.code(), sb::errc::interpreter_died);
  ASSERT_NE(died.post_mortem(), nullptr);
  EXPECT_EQ(died.post_mortem()->signal, "SIGXCPU");
  EXPECT_EQ(bridge.eval("1"), 1) << "the next one has its own time";
}

TEST_F(Limits, GivenABoundOfFilesThenNoMoreAreOpened) {
  const sb::bridge bridge{with({.open_files_max = 40})};
  const auto raised =
    error_of(bridge.exec("files = [open('/dev/null') for i in range(40)]"));
  ASSERT_NE(raised.python(), nullptr) << raised;
  EXPECT_THAT(raised.message(), HasSubstr("Too many open files"));
}

TEST_F(Limits, GivenNoNewPrivilegesThenTheSystemGrantsNone) {
  const char* const told =
    "[l for l in open('/proc/self/status') if l.startswith('NoNewPrivs')][0]";
  const sb::bridge bound{with({.no_new_privileges = true})};
  EXPECT_EQ(bound.eval(told), "NoNewPrivs:\t1\n");
  const sb::bridge free{with({})};
  EXPECT_EQ(free.eval(told), "NoNewPrivs:\t0\n");
}

TEST_F(Limits, GivenAnEmbeddedPoolThenTheyAreRefused) {
  auto wanted = with({.cpu_seconds_max = 1});
  wanted.pools[0].placement = sb::placement::embedded;
  const auto refused = error_of(sb::bridge::start(wanted));
  EXPECT_EQ(refused.code(), sb::errc::config_invalid);
  EXPECT_THAT(refused.message(), HasSubstr("hold for workers only"));
}

class Importable : public Limits {
protected:
  sb::bridge bridge{with({.importable = {"math", "xml", "json"}})};

  static void expect_refused(const sb::error& refused, const char* module) {
    EXPECT_EQ(refused.code(), sb::errc::not_authorized) << refused;
    EXPECT_EQ(refused.message(),
              "module '" + std::string{module}
                + "' is not among those the pool's setting importable allows "
                  "(json, math, xml); add it there, or ask another pool");
  }
};

TEST_F(Importable, GivenAModuleOfTheListThenItAndAllBelowItWork) {
  EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
  EXPECT_EQ(bridge.eval("[__import__('math').floor(2.5), len(str(12))]"),
            (sb::list{2, 2}));
  EXPECT_EQ(bridge.call("xml.sax.saxutils", "escape", "<"), "&lt;");
  ASSERT_TRUE(bridge.exec("import xml.sax.saxutils\n"
                          "from json import dumps as told\n"
                          "def f(x):\n"
                          "  from math import pi\n"
                          "  return told([x, int(pi)])\n"));
  EXPECT_EQ(bridge.eval("f(1)"), "[1, 3]");
}

TEST_F(Importable, GivenAnotherModuleThenItIsNotAuthorizedByName) {
  expect_refused(error_of(bridge.call("os", "getpid")), "os");
  expect_refused(error_of(bridge.call("os.path", "join", "a")), "os.path");
  expect_refused(error_of(bridge.get("sys", "path")), "sys");
  expect_refused(error_of(bridge.exec("import os")), "os");
  expect_refused(error_of(bridge.exec("from subprocess import run")),
                 "subprocess");
  expect_refused(error_of(bridge.eval("__import__('os').getpid()")), "os");
  ASSERT_TRUE(bridge.exec("def later():\n  import os.path\n"));
  expect_refused(error_of(bridge.eval("later()")), "os.path");
  expect_refused(error_of(bridge.call("mathematics", "f")), "mathematics");
}

TEST_F(Importable, WhenCodeCanDoWithoutAModuleThenItGoesOn) {
  ASSERT_TRUE(bridge.exec("try:\n  import os\nexcept ImportError:\n"
                          "  os = None\n"));
  EXPECT_EQ(bridge.eval("os"), sb::none);
}

// The variables of this process.
class Variables : public Environment {
protected:
  Variables() { ::setenv("SECRET_OF_THE_PARENT", "42", 1); }
  ~Variables() override { ::unsetenv("SECRET_OF_THE_PARENT"); }

  static bool sees_secret(sb::pool_config only) {
    auto wanted = one_pool(sb::placement::worker);
    only.size = 1;
    wanted.pools = {std::move(only)};
    const sb::bridge bridge{std::move(wanted)};
    EXPECT_EQ(bridge.call("os", "getenv", "PATH"), std::getenv("PATH"));
    return or_throw(bridge.eval("'SECRET_OF_THE_PARENT' in "
                                "__import__('os').environ"))
      .as<bool>();
  }
};

TEST_F(Variables, GivenNothingSaidThenASecretDoesNotReachTheWorker) {
  EXPECT_FALSE(sees_secret({}));
}

TEST_F(Variables, GivenThatItIsPassedThenItDoes) {
  EXPECT_TRUE(sees_secret({.pass_env = {"SECRET_*"}}));
  EXPECT_TRUE(sees_secret({.pass_env = {"*"}}));
}

} // namespace snakebridge::testing
