// run_as_script: the exit code of a main function, what is printed, whose
// bridge it is. How it ends its process is in tests/api/situations.
#include "tests/api/environment.hpp"
#include "tests/api/python_fixture.hpp"

#include <fstream>

namespace snakebridge::testing {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Script : public Environment {
protected:
  Script() {
    set("SNAKEBRIDGE_PLACEMENT", "embedded");
    ::testing::internal::CaptureStderr();
  }
  ~Script() override {
    if (!told_)
      told();
  }

  template <class Body>
  int run(Body body, const sb::script_options& options = {},
          std::vector<std::string> given = {"script"}) {
    std::vector<char*> arguments;
    for (auto& each : given)
      arguments.push_back(each.data());
    arguments.push_back(nullptr);
    return sb::run_as_script(static_cast<int>(given.size()), arguments.data(),
                             body, options);
  }

  static sb::config embedded() { return one_pool(sb::placement::embedded); }

  /// What went to stderr.
  std::string told() {
    told_ = true;
    return ::testing::internal::GetCapturedStderr();
  }

private:
  bool told_ = false;
};

// ORIGINAL P36
TEST_F(Script, WhenTheBodyReturnsNothingThenItEndsWithZero) {
  bool ran = false;
  EXPECT_EQ(run([&](sb::bridge& bridge) {
              ran = bridge.call("math", "sqrt", 16) == 4.0;
            }),
            0);
  EXPECT_TRUE(ran);
  EXPECT_EQ(told(), "");
}

// ORIGINAL T17
TEST_F(Script, WhenTheBodyReturnsACodeThenItEndsWithThat) {
  EXPECT_EQ(run([](sb::bridge&) { return 7; }), 7);
}

// ORIGINAL P36
TEST_F(Script, WhenPythonRaisesUncaughtThenItIsPrintedAndEndsWithOne) {
  EXPECT_EQ(run([](sb::bridge& bridge) { or_throw(bridge.eval("1 / 0")); }), 1);
  const auto printed = told();
  EXPECT_THAT(printed, HasSubstr("ZeroDivisionError: division by zero"));
  EXPECT_THAT(printed, HasSubstr("Traceback"));
}

// ORIGINAL T17
TEST_F(Script, WhenTheBodyThrowsThenItIsPrintedAndEndsWithOne) {
  EXPECT_EQ(run([](sb::bridge&) { throw std::runtime_error{"no such model"}; }),
            1);
  EXPECT_EQ(told(), "no such model\n");
}

TEST_F(Script, WhenNoBridgeStartsThenItIsPrintedAndEndsWithOne) {
  set("SNAKEBRIDGE_PLACEMENT", "elsewhere");
  EXPECT_EQ(run([](sb::bridge&) { ADD_FAILURE() << "it ran"; }), 1);
  EXPECT_THAT(told(), HasSubstr("SNAKEBRIDGE_PLACEMENT"));
}

TEST_F(Script, WhenWhatItThrowsIsNoExceptionThenItEndsWithOne) {
  EXPECT_EQ(run([](sb::bridge&) { throw 5; }), 1);
  EXPECT_EQ(told(), "the script threw what is no std::exception\n");
}

TEST_F(Script, WhenItAnswersAnErrorThenItIsPrintedWithItsTraceback) {
  EXPECT_EQ(run([](sb::bridge& bridge) -> sb::result<void> {
              return bridge.exec("def f(): return 1 / 0\nf()");
            }),
            1);
  EXPECT_THAT(told(), AllOf(HasSubstr("ZeroDivisionError: division by zero"),
                            HasSubstr("in f\n")));
}

TEST_F(Script, WhenItAnswersAResultWithoutAnErrorThenItEndsWithZero) {
  EXPECT_EQ(run([](sb::bridge& bridge) { return bridge.exec("x = 1"); }), 0);
}

TEST_F(Script, GivenArgumentsThenTheBodyHasThoseAfterTheProgramsName) {
  std::vector<std::string> seen;
  const auto see = [&](sb::bridge&, const std::vector<std::string>& given) {
    seen = given;
  };
  EXPECT_EQ(run(see, {}, {"script", "--fast", "a.csv"}), 0);
  EXPECT_EQ(seen, (std::vector<std::string>{"--fast", "a.csv"}));
  EXPECT_EQ(run(see), 0);
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(run(see, {}, {}), 0); // as a program may be started by execve
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(run(
              [](sb::bridge&, std::span<char* const> given) {
                return static_cast<int>(given.size());
              },
              {}, {"script", "a", "b"}),
            2);
}

TEST_F(Script, GivenAConfigurationThenItsBridgeHasThat) {
  auto wanted = embedded();
  wanted.pools[0].name = "gpu";
  EXPECT_EQ(run(
              [](sb::bridge& bridge) {
                return bridge.pools().front() == "gpu" ? 5 : 0;
              },
              {.config = wanted}),
            5);
}

TEST_F(Script, WhenItIsRunThenItsInterpretersAreReady) {
  EXPECT_EQ(run([](sb::bridge& bridge) { return first_of(bridge).ready; }), 1);
}

TEST_F(Script, WhenTheVariableIsWrongThenTheWordsThereAreAreTold) {
  set("SNAKEBRIDGE_SCRIPT_EXIT", "reboot");
  EXPECT_EQ(run([](sb::bridge&) { ADD_FAILURE() << "it ran"; }), 1);
  EXPECT_THAT(told(), HasSubstr("SNAKEBRIDGE_SCRIPT_EXIT = \"reboot\": must be "
                                "\"none\", \"halt\", \"stop\" or \"auto\""));
}

TEST_F(Script, GivenAnOptionThenTheVariableIsNotLookedAt) {
  set("SNAKEBRIDGE_SCRIPT_EXIT", "halt");
  EXPECT_EQ(run([](sb::bridge&) { return 4; }, {.exit = sb::script_exit::none}),
            4);
}

TEST_F(Script, GivenAutoOnTheMainThreadThenTheCodeIsAnswered) {
  set("SNAKEBRIDGE_SCRIPT_EXIT", "auto");
  EXPECT_EQ(run([](sb::bridge&) { return 4; }), 4);
}

// Whose bridge it is: of a program that has one, or none yet.
class ScriptInAProgram : public Script {
protected:
  int run_with(sb::script_stop stop) {
    return sb::run_as_script(
      bridge, [](sb::bridge& on) { return on.eval("6 * 7")->as<int>(); },
      {.config = embedded(), .stop = stop});
  }
  void start() { bridge = std::make_unique<sb::bridge>(embedded()); }

  std::unique_ptr<sb::bridge> bridge;
};

// ORIGINAL T17
TEST_F(ScriptInAProgram, GivenItsBridgeThenThatLivesOn) {
  start();
  const auto* const before = bridge.get();
  EXPECT_EQ(run_with(sb::script_stop::if_started), 42);
  ASSERT_EQ(bridge.get(), before);
  EXPECT_EQ(bridge->eval("1"), 1);
  EXPECT_EQ(run_with(sb::script_stop::never), 42);
  EXPECT_NE(bridge, nullptr);
}

TEST_F(ScriptInAProgram, GivenItsBridgeThatIsToStopThenItHasStopped) {
  start();
  EXPECT_EQ(run_with(sb::script_stop::always), 42);
  EXPECT_EQ(bridge, nullptr);
}

TEST_F(ScriptInAProgram, GivenNoneThenOneIsStartedAndStopped) {
  EXPECT_EQ(run_with(sb::script_stop::if_started), 42);
  EXPECT_EQ(bridge, nullptr);
  EXPECT_EQ(run_with(sb::script_stop::always), 42);
  EXPECT_EQ(bridge, nullptr);
}

TEST_F(ScriptInAProgram, GivenNoneThatIsNotToStopThenTheProgramHasItNow) {
  EXPECT_EQ(run_with(sb::script_stop::never), 42);
  ASSERT_NE(bridge, nullptr);
  EXPECT_EQ(bridge->eval("1"), 1);
}

TEST_F(ScriptInAProgram, WhenTheBodyThrowsThenTheBridgeIsTreatedAlike) {
  start();
  const auto fail = [](sb::bridge&) { throw std::runtime_error{"no"}; };
  EXPECT_EQ(sb::run_as_script(bridge, fail), 1);
  EXPECT_NE(bridge, nullptr);
  EXPECT_EQ(sb::run_as_script(bridge, fail, {.stop = sb::script_stop::always}),
            1);
  EXPECT_EQ(bridge, nullptr);
}

TEST_F(ScriptInAProgram, WhenItsInterpretersAreNotReadyInTimeThenItDoesNotRun) {
  auto wanted = one_pool(sb::placement::worker);
  // It starts just once.
  write("once.py", "import os, time\n"
                   "def load():\n"
                   "  if os.path.exists('started'):\n"
                   "    while True: time.sleep(60)\n"
                   "  open('started', 'w').close()\n");
  wanted.pools[0].path = {folder.path()};
  wanted.pools[0].on_start = "once.load";
  bridge = std::make_unique<sb::bridge>(wanted);
  EXPECT_FALSE(bridge->call("os", "_exit", 1));
  EXPECT_TRUE(eventually([this] { return !first_of(*bridge).ready; }));
  EXPECT_EQ(sb::run_as_script(bridge,
                              [](sb::bridge&) { ADD_FAILURE() << "it ran"; },
                              {.await_timeout = 10ms}),
            1);
  EXPECT_THAT(told(), HasSubstr("not ready in time"));
}

} // namespace snakebridge::testing
