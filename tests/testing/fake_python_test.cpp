// A bridge on scripts in the place of Python, as programs test with it.
#include <snakebridge/snakebridge.hpp>
#include <snakebridge/testing.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/support/eventually.hpp"

namespace snakebridge::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace literals;
using namespace std::chrono_literals;

class FakePython : public ::testing::Test {
protected:
  void TearDown() override { EXPECT_NO_LEAKED_REFS(*bridge); }

  ref new_model() { return or_throw(bridge->call("ml", "Model")).as<ref>(); }
  /// A call of `ml.train`, which holds, on a thread of its own.
  std::future<result<value>> train() {
    auto trained = std::async(std::launch::async,
                              [this] { return bridge->call("ml", "train"); });
    EXPECT_TRUE(eventually([this] { return !python.running().empty(); }));
    return trained;
  }

  static void script(fake_python& python) {
    python
      .on("ml.Model",
          [](const fake_call& call) { return call.object("ml.Model"); })
      .on("ml.Model.predict",
          [](const fake_call& call) {
            return call.asked.positional.at(0).as<double>() * 2;
          })
      .on("ml.train", [](const fake_call&) { return fake_answer::hold(); })
      .on("ml.load", [](const fake_call& call) -> result<value> {
        for (const auto& [name, item] : call.asked.named)
          if (name == "path")
            return item;
        return tl::unexpected{error{errc::overloaded, "no path"}};
      });
  }

  fake_python python;
  std::unique_ptr<snakebridge::bridge> bridge = [this] {
    script(python);
    return python.start();
  }();
};

TEST_F(FakePython, WhenAFunctionHasAScriptThenItAnswers) {
  EXPECT_EQ(bridge->call("ml", "load", "path"_a = "/x"), "/x");
  EXPECT_EQ(bridge->call("ml", "load").error().code(), errc::overloaded);
  python.on("ml.load", [](const fake_call&) { return 7; });
  EXPECT_EQ(bridge->call("ml", "load"), 7);
}

TEST_F(FakePython, WhenAHelperHasAScriptThenItAnswers) {
  python.on("my_helpers.process", [](const fake_call& call) {
    return call.asked.positional.at(0).as<int>() + 1;
  });
  EXPECT_EQ(bridge->call_helper("my_helpers.process", 1), 2);
  EXPECT_THAT(bridge->call_helper("my_helpers.none").error().message(),
              HasSubstr("no script for 'my_helpers.none'"));
}

TEST_F(FakePython, WhenAFunctionHasNoneThenItRaisesByItsName) {
  const auto answer = bridge->call("ml", "forget");
  ASSERT_FALSE(answer);
  ASSERT_NE(answer.error().python(), nullptr);
  EXPECT_EQ(answer.error().python()->type, "AttributeError");
  EXPECT_EQ(answer.error().message(), "AttributeError: no script for "
                                      "'ml.forget'");
}

TEST_F(FakePython, WhenAScriptRaisesThenTheCallerHasThePythonError) {
  python.on("ml.load", [](const fake_call&) {
    return fake_answer::raises("ValueError", "not that");
  });
  const auto answer = bridge->call("ml", "load");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message(), "ValueError: not that");
}

TEST_F(FakePython, WhenItMakesObjectsThenTheyHaveMethodsUntilReleased) {
  const auto model = new_model();
  EXPECT_EQ(bridge->method(model, "predict", 1.5), 3.0);
  EXPECT_EQ(bridge->stats().live_objects(), 1U);
  EXPECT_EQ(bridge->release(model), true);
  EXPECT_EQ(bridge->release(model), false);
  EXPECT_EQ(bridge->method(model, "predict", 1.5).error().code(),
            errc::ref_released);
}

TEST_F(FakePython, WhenACallIsHeldThenTheTestAnswersIt) {
  auto trained = train();
  EXPECT_THAT(python.running(), ElementsAre("ml.train"));
  EXPECT_FALSE(python.finish("ml.load", 1));
  EXPECT_TRUE(python.finish("ml.train", 1));
  EXPECT_EQ(trained.get(), 1);
  EXPECT_THAT(python.running(), IsEmpty());
}

TEST_F(FakePython, WhenAHeldCallIsLateThenTheDeadlineAnswersIt) {
  // Long enough that Python has it by then.
  const auto late = bridge->with({.timeout = 300ms}).call("ml", "train");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), errc::deadline_exceeded);
  EXPECT_TRUE(late.error().may_have_run());
  EXPECT_TRUE(python.finish("ml.train", 1));
}

TEST_F(FakePython, WhenItCrashesThenCallsAndObjectsAreLostAsWithAWorker) {
  const auto model = new_model();
  auto trained = train();
  python.crash("out of memory");
  const auto lost = trained.get();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code(), errc::interpreter_died);
  EXPECT_TRUE(lost.error().may_have_run());
  EXPECT_THAT(lost.error().message(), HasSubstr("out of memory"));
  EXPECT_EQ(bridge->method(model, "predict", 1.0).error().code(),
            errc::ref_stale);
  new_model();
}

TEST_F(FakePython, WhenAScriptCrashesThenTheNextInterpreterServes) {
  python.on("ml.load",
            [](const fake_call&) { return fake_answer::crash("no disk"); });
  const auto lost = bridge->call("ml", "load");
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code(), errc::interpreter_died);
  new_model();
  EXPECT_EQ(bridge->stats().pools.at(0).restarts(), 1U);
}

TEST_F(FakePython, WhenAnAnswerComesLaterThenTheCallWaits) {
  python.on("ml.load",
            [](const fake_call&) { return fake_answer{7}.after(10ms); });
  EXPECT_EQ(bridge->call("ml", "load"), 7);
}

TEST_F(FakePython, WhenASessionKeepsObjectsThenTheLeakIsToldByItsName) {
  const auto model = new_model();
  {
    auto session = bridge->open_session({.id = "keeper"});
    or_throw(session.call("ml", "Model"));
    or_throw(session.call("ml", "Model"));
    EXPECT_EQ(leaked_refs(*bridge, 0ms),
              "2 objects in interpreter 1 of pool 'default'; open sessions: "
              "keeper");
    EXPECT_EQ(bridge->method(model, "predict", 1.0).error().code(),
              errc::ref_released)
      << "this thread's own session has ended";
  }
  EXPECT_EQ(leaked_refs(*bridge), "");
}

class FakePythonStart : public ::testing::Test {
protected:
  static config one_restart() {
    return {.pools = {{.size = 1,
                       .restart = {.intensity = 1, .period = 1h},
                       .start_timeout = 20ms}}};
  }
  static errc code_of(const result<value>& answer) {
    return answer ? errc{} : answer.error().code();
  }
  error start_error() const {
    try {
      python.start(one_restart());
    } catch (const exception& failed) {
      return failed.error();
    }
    return {errc::overloaded, "it started"};
  }

  fake_python python;
};

TEST_F(FakePythonStart, WhenItFailsThenTheBridgeDoesNotStartAndSaysWhy) {
  python.fails_to_start("no licence");
  const auto why = start_error();
  EXPECT_EQ(why.code(), errc::startup_failed);
  EXPECT_THAT(why.message(), HasSubstr("no licence"));
  python.starts_after(0ms);
  EXPECT_NE(python.start(), nullptr);
}

TEST_F(FakePythonStart, WhenItTakesLongerThanItMayThenItHasFailed) {
  python.starts_after(1h);
  const auto why = start_error();
  EXPECT_EQ(why.code(), errc::startup_failed);
  EXPECT_THAT(why.message(), HasSubstr("not ready within 20 ms"));
}

TEST_F(FakePythonStart, WhenItTakesItsTimeThenTheBridgeWaitsForIt) {
  python.on("ml.load", [](const fake_call&) { return 7; });
  const auto bridge = python.starts_after(5ms).start(one_restart());
  EXPECT_EQ(bridge->call("ml", "load"), 7);
}

TEST_F(FakePythonStart, WhenNoneComesBackAfterACrashThenThePoolIsDown) {
  python.on("ml.load", [](const fake_call&) { return 7; });
  const auto bridge = python.start(one_restart());
  python.fails_to_start("no licence").crash();
  EXPECT_TRUE(eventually(
    [&] { return code_of(bridge->call("ml", "load")) == errc::pool_down; }));
  EXPECT_THAT(bridge->stats().pools.at(0).down, HasSubstr("no licence"));
}

TEST_F(FakePythonStart, WhenItTakesOneCallThenTheQueueIsSoonFull) {
  python.on("ml.train", [](const fake_call&) { return fake_answer::hold(); });
  const auto bridge =
    python.takes_calls(1).start({.pools = {{.size = 1, .queue_max = 1}}});
  const auto under_way = [&] {
    const auto now = bridge->stats().pools.at(0).interpreters.at(0);
    return now.running + now.waiting;
  };
  std::vector<std::future<result<value>>> trained;
  for (std::size_t count = 1; count <= 2; ++count) {
    trained.push_back(std::async(std::launch::async,
                                 [&] { return bridge->call("ml", "train"); }));
    ASSERT_TRUE(eventually([&] { return under_way() == count; }));
  }
  EXPECT_EQ(code_of(bridge->call("ml", "train")), errc::overloaded);
  for (auto& each : trained) {
    EXPECT_TRUE(eventually([&] { return python.finish("ml.train", 1); }));
    EXPECT_EQ(each.get(), 1);
  }
}

TEST_F(FakePythonStart, WhenTheConfigurationIsWrongThenItIsRefused) {
  EXPECT_THROW(python.start({.pools = {{.name = ""}}}), exception);
}

TEST(LeakedRefs, GivenTwoNodesThenWhatOneHasOnTheOtherIsFound) {
  fake_python python;
  python.on("ml.Model",
            [](const fake_call& call) { return call.object("ml.Model"); });
  const auto node = [&](const std::string& name, const std::string& join) {
    config wanted{.pools = {{.size = 1}}};
    wanted.node = {.name = name, .listen = "127.0.0.1:0"};
    if (!join.empty())
      wanted.cluster.join = {join};
    return python.start(wanted);
  };
  const auto first = node("first", "");
  const auto second = node("second", first->node_address());
  ASSERT_TRUE(eventually([&] { return second->nodes().has_value(); }));
  {
    const auto session = first->open_session(
      {.id = "shared", .scope = scope::cluster, .at = "second"});
    ASSERT_TRUE(session.call("ml", "Model"));
    EXPECT_EQ(leaked_refs(*first, 0ms), "");
    EXPECT_EQ(leaked_refs({*first, *second}, 0ms),
              "1 objects in interpreter 1 of pool 'default' on second; open "
              "sessions: shared");
  }
  EXPECT_NO_LEAKED_REFS(*first, *second);
}

} // namespace snakebridge::testing
