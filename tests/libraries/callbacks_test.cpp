// Libraries that call C++ back: a sort, an optimizer, a training, a database, a
// logger, a thread, the end of Python.
#include "tests/libraries/libraries_fixture.hpp"

#include <atomic>
#include <cmath>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace snakebridge::testing {

using ::testing::ElementsAre;
using ::testing::Pair;

class CallingBack : public Libraries {
protected:
  /// Trees of two leaves for a step from 0 to 8: each round adds one.
  sb::value trained(int rounds, const sb::callback& after_each) {
    run("import lightgbm, numpy as np\n"
        "rows = np.arange(20.).reshape(-1, 1)\n"
        "labels = np.where(rows[:, 0] < 10, 0., 8.)\n");
    const sb::dict settings{{"objective", "regression"}, {"num_leaves", 2},
                            {"min_data_in_leaf", 1},     {"num_threads", 1},
                            {"deterministic", true},     {"verbose", -1}};
    return *bridge.call(
      "lightgbm", "train", settings,
      *bridge.call("lightgbm", "Dataset", *bridge.eval("rows"),
                   *bridge.eval("labels")),
      "num_boost_round"_a = rounds, "callbacks"_a = sb::list{after_each});
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(CallingBack);

TEST_P(CallingBack, WhenAListIsSortedByAKeyThenEachIsAskedForOnce) {
  std::vector<std::string> asked;
  EXPECT_EQ(bridge.call("builtins", "sorted",
                        sb::list{"banana", "fig", "kiwi", "pear"},
                        "key"_a = sb::callback([&asked](std::string name) {
                          asked.push_back(name);
                          return name.size();
                        })),
            (sb::list{"fig", "kiwi", "pear", "banana"}));
  EXPECT_THAT(asked, ElementsAre("banana", "fig", "kiwi", "pear"));
}

TEST_P(CallingBack, WhenAMatchIsReplacedThenItIsAnObject) {
  const auto& here = bridge;
  EXPECT_EQ(bridge.call(
              "re", "sub", R"(\d+)",
              sb::callback([&here](const sb::ref& match) {
                const auto digits = or_throw(here.method(match, "group"));
                return std::to_string(2 * std::stoi(digits.as<std::string>()));
              }),
              "3 figs, 14 pears"),
            "6 figs, 28 pears");
}

// An array has no value form: it comes as a ref, which is asked inside the call
// that minimizes.
TEST_P(CallingBack, WhenSciPyMinimizesThenItFindsTheLowestPoint) {
  const auto& here = bridge;
  const sb::callback parabola{[&here](const sb::ref& at) {
    const auto point =
      or_throw(here.method(at, "tolist")).as<std::vector<double>>();
    return std::pow(point.at(0) - 3, 2) + 1;
  }};
  const auto found =
    *bridge.call("scipy", "optimize.minimize", parabola, sb::list{0.0});
  EXPECT_EQ(bridge.attr(found, "success"), true);
  EXPECT_NEAR(plain().attr(found, "x")->as<std::vector<double>>().at(0), 3,
              1e-4);
  EXPECT_NEAR(plain().attr(found, "fun")->cast<double>(), 1, 1e-8);
}

TEST_P(CallingBack, WhenLightGBMTrainsThenItIsCalledAfterEachRound) {
  const auto& here = bridge;
  std::vector<std::pair<int, int>> told; // the round, and the trees there are
  const auto model = trained(
    3, sb::callback([&](const sb::ref& env) {
      const auto round = or_throw(here.attr(env, "iteration")).as<int>();
      const auto so_far = or_throw(here.attr(env, "model"));
      told.emplace_back(round,
                        or_throw(here.method(so_far, "num_trees")).as<int>());
    }));
  EXPECT_THAT(told, ElementsAre(Pair(0, 1), Pair(1, 2), Pair(2, 3)));
  EXPECT_EQ(bridge.method(model, "num_trees"), 3);
}

// LightGBM's way to stop is an exception of its own. One that Python raised in
// a call of the callback leaves it as the same object.
TEST_P(CallingBack, WhenACallOfItRaisesWhatEndsATrainingThenItEnds) {
  run("def stop(at): raise lightgbm.callback.EarlyStopException(at, [])");
  const auto stop = *bridge.eval("stop");
  const auto& here = bridge;
  const auto model =
    trained(5, sb::callback([&](const sb::ref& env) {
              const auto round =
                or_throw(here.attr(env, "iteration")).as<int>();
              if (round == 1)
                or_throw(here.call_object(stop, round));
            }));
  EXPECT_EQ(bridge.method(model, "num_trees"), 2);
  EXPECT_EQ(bridge.attr(model, "best_iteration"), 2);
}

TEST_P(CallingBack, WhenAThreadOutlivesTheCallThatStartsItThenItCallsStill) {
  std::promise<void> has_started;
  const auto started = has_started.get_future().share();
  std::atomic<int> seen = 0;
  const auto thread =
    *bridge.call("threading", "Thread",
                 "target"_a = sb::callback([started, &seen](int x) {
                   if (started.wait_for(30s) == std::future_status::ready)
                     seen = x;
                 }),
                 "args"_a = sb::tuple{7});
  EXPECT_EQ(bridge.method(thread, "start"), nullptr);
  EXPECT_EQ(seen, 0);
  has_started.set_value();
  EXPECT_EQ(bridge.method(thread, "join", 30), nullptr);
  EXPECT_EQ(bridge.method(thread, "is_alive"), false);
  EXPECT_EQ(seen, 7);
}

TEST_P(CallingBack, WhenAHandlerEmitsThenTheProgramHasTheMessage) {
  run(R"(
import logging

class Told(logging.Handler):
    def __init__(self, told):
        super().__init__()
        self.told = told

    def emit(self, record):
        self.told(record.levelname, self.format(record))

logger = logging.Logger("shop", logging.INFO)
)");
  std::vector<std::pair<std::string, std::string>> told;
  const auto handler = *bridge.call_object(
    *bridge.eval("Told"),
    sb::callback([&told](std::string level, std::string text) {
      told.emplace_back(std::move(level), std::move(text));
    }));
  const auto logger = *bridge.eval("logger");
  ASSERT_TRUE(bridge.method(logger, "addHandler", handler));
  ASSERT_TRUE(bridge.method(logger, "debug", "not told"));
  ASSERT_TRUE(bridge.method(logger, "warning", "%d figs", 3));
  ASSERT_TRUE(bridge.method(logger, "error", "no pears"));
  EXPECT_THAT(
    told, ElementsAre(Pair("WARNING", "3 figs"), Pair("ERROR", "no pears")));
}

class Queries : public CallingBack {
protected:
  void TearDown() override {
    ASSERT_TRUE(bridge.method(base, "close"));
    CallingBack::TearDown();
  }

  sb::result<sb::value> rows(const char* query) {
    return bridge.method(or_throw(bridge.method(base, "execute", query)),
                         "fetchall");
  }

  const sb::value base = or_throw(bridge.call(
    "sqlite3", "connect", ":memory:", "check_same_thread"_a = false));
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Queries);

TEST_P(Queries, WhenAQueryCallsAFunctionThenItsResultIsInTheRow) {
  ASSERT_TRUE(bridge.method(
    base, "create_function", "distance", 2,
    sb::callback([](double x, double y) { return std::hypot(x, y); })));
  EXPECT_EQ(rows("SELECT distance(3, 4), distance(column1, 12.0) "
                 "FROM (VALUES (5), (9))"),
            (sb::list{sb::tuple{5.0, 13.0}, sb::tuple{5.0, 15.0}}));
}

TEST_P(Queries, WhenAQueryComparesThenRowsAreInThatOrder) {
  ASSERT_TRUE(bridge.method(
    base, "create_collation", "by_length",
    sb::callback([](const std::string& left, const std::string& right) {
      return static_cast<int>(left.size()) - static_cast<int>(right.size());
    })));
  EXPECT_EQ(
    rows("SELECT * FROM (VALUES ('banana'), ('fig'), ('pear')) "
         "ORDER BY 1 COLLATE by_length"),
    (sb::list{sb::tuple{"fig"}, sb::tuple{"pear"}, sb::tuple{"banana"}}));
}

TEST_P(Queries, WhenTheFunctionThrowsThenTheQueryFailsAndTheBaseGoesOn) {
  ASSERT_TRUE(bridge.method(
    base, "create_function", "refuses", 1,
    sb::callback([](int) -> int { throw std::out_of_range{"no"}; })));
  const auto why =
    error_of(bridge.method(base, "execute", "SELECT refuses(1)"));
  EXPECT_TRUE(why.is("sqlite3.OperationalError"));
  EXPECT_EQ(why.python()->message, "user-defined function raised exception");
  EXPECT_EQ(rows("SELECT 1"), (sb::list{sb::tuple{1}}));
}

// Its session has ended by then, and the callback with it.
TEST(CallingBackAtTheEnd, WhenAWorkerEndsThenAtexitIsToldThatItIsGone) {
  const scratch_folder folder;
  const auto path = (folder / "told").string();
  const auto calls = std::make_shared<int>(0);
  {
    const sb::bridge bridge{with_libraries(sb::placement::worker)};
    or_throw(bridge.exec(R"(
import atexit, snakebridge

def at_the_end(call, path):
    try:
        told = call()
    except snakebridge.CallbackError as gone:
        told = gone.type
    with open(path, "w") as file:
        file.write(str(told))
)"));
    or_throw(bridge.call("atexit", "register",
                         or_throw(bridge.eval("at_the_end")),
                         sb::callback([calls] { return ++*calls; }), path));
  }
  std::ifstream file{path};
  EXPECT_EQ(std::string(std::istreambuf_iterator{file}, {}),
            "snakebridge::session_closed");
  EXPECT_EQ(*calls, 0);
  EXPECT_EQ(calls.use_count(), 1);
}

} // namespace snakebridge::testing
