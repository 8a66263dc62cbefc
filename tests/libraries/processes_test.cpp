// Processes of Python's own, with functions and classes that exec made: what is
// sent to them is found again by its module, which is the session's.
#include "tests/libraries/libraries_fixture.hpp"

#include <array>
#include <vector>

#include <fmt/format.h>

namespace snakebridge::testing {

using ::testing::DoubleNear;
using ::testing::Pointwise;

class Processes : public Libraries {
protected:
  void SetUp() override {
    run(R"(
import concurrent.futures, dataclasses, multiprocessing, os

@dataclasses.dataclass
class Point:
    x: int
    y: int

offset = 1
points = [Point(each, each) for each in range(3)]

def moved(point):
    return Point(point.x + offset, point.y * 2), os.getpid()

def made_elsewhere(outcomes):
    assert all(pid != os.getpid() for _, pid in outcomes)
    assert all(type(point) is Point for point, _ in outcomes)
    return [point for point, _ in outcomes]
)");
  }

  /// Moves the points in a pool of multiprocessing.
  void expect_moved_in_pool(const char* method) {
    const auto context = *bridge.call("multiprocessing", "get_context", method);
    const auto pool = *bridge.method(context, "Pool", 2);
    const auto outcomes = *bridge.method(pool, "map", *bridge.eval("moved"),
                                         *bridge.eval("points"));
    EXPECT_EQ(plain().call_object(*bridge.eval("made_elsewhere"), outcomes),
              moved_);
    ASSERT_TRUE(bridge.method(pool, "close"));
    ASSERT_TRUE(bridge.method(pool, "join"));
  }

  const sb::list moved_{sb::dict{{"x", 1}, {"y", 0}},
                        sb::dict{{"x", 2}, {"y", 2}},
                        sb::dict{{"x", 3}, {"y", 4}}};
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Processes);

TEST_P(Processes, WhenAPoolSpawnsThenItsFunctionsAreTheSessions) {
  expect_moved_in_pool("spawn");
}

TEST_P(Processes, WhenAPoolForksThenItsFunctionsAreTheSessions) {
  expect_moved_in_pool("fork");
}

TEST_P(Processes, WhenAPoolForksFromAServerThenItsFunctionsAreTheSessions) {
  expect_moved_in_pool("forkserver");
}

TEST_P(Processes, WhenAnExecutorSpawnsThenItsFunctionsAreTheSessions) {
  run(R"(
def in_executor():
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, spawn) as executor:
        return made_elsewhere(list(executor.map(moved, points)))
)");
  EXPECT_EQ(plain().eval("in_executor()"), moved_);
}

TEST_P(Processes, WhenAFunctionFailsThereThenItsErrorComesBack) {
  run(R"(
class TooFar(ValueError):
    pass

def refuse(point):
    raise TooFar(f"{point.x} is too far")
)");
  const auto context = *bridge.call("multiprocessing", "get_context", "spawn");
  const auto pool = *bridge.method(context, "Pool", 1);
  const auto why =
    error_of(bridge.method(pool, "apply", *bridge.eval("refuse"),
                           sb::tuple{*bridge.eval("Point(7, 0)")}));
  EXPECT_EQ(why.python()->type, "TooFar");
  EXPECT_TRUE(why.is("ValueError"));
  EXPECT_EQ(why.python()->message, "7 is too far");
  // Where it was raised there.
  ASSERT_NE(why.python()->cause, nullptr);
  EXPECT_THAT(why.python()->cause->message, ::testing::HasSubstr("in refuse"));
  ASSERT_TRUE(bridge.method(pool, "close"));
  ASSERT_TRUE(bridge.method(pool, "join"));
}

TEST_P(Processes, WhenAProcessAnswersByAPipeThenItsClassIsTheSessions) {
  run(R"(
def answer(pipe):
    pipe.send(moved(pipe.recv()))
    pipe.close()

def ask(point):
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=answer, args=(theirs,))
    process.start()
    ours.send(point)
    outcome = ours.recv()
    process.join()
    assert process.exitcode == 0
    return made_elsewhere([outcome])
)");
  EXPECT_EQ(plain().eval("ask(Point(4, 5))"),
            (sb::list{sb::dict{{"x", 5}, {"y", 10}}}));
}

class Jobs : public Processes {
protected:
  void TearDown() override {
    // They would wait for more to do.
    run("from joblib.externals.loky import get_reusable_executor\n"
        "get_reusable_executor().shutdown(wait=True)\n");
    Processes::TearDown();
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Jobs);

TEST_P(Jobs, WhenJoblibRunsThemThenItsFunctionsAreTheSessions) {
  run("from joblib import Parallel, delayed");
  EXPECT_EQ(plain().eval("made_elsewhere(Parallel(n_jobs=2)("
                         "delayed(moved)(each) for each in points))"),
            moved_);
}

// What has no name is sent whole, with the globals it needs.
TEST_P(Jobs, WhenALambdaIsRunThenItsGlobalsAreTheSessions) {
  run("from joblib import Parallel, delayed");
  EXPECT_EQ(bridge.eval("Parallel(n_jobs=2)("
                        "delayed(lambda n: 10 * n + offset)(each)"
                        " for each in range(3))"),
            (sb::list{1, 11, 21}));
}

TEST_P(Jobs, WhenAnEstimatorOfTheSessionIsValidatedThenTheFoldsAreJobs) {
  run(R"(
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

class Nearest(ClassifierMixin, BaseEstimator):
    def fit(self, rows, labels):
        self.host_ = os.getpid()
        self.classes_ = np.unique(labels)
        self.centres_ = np.array([rows[labels == each].mean(axis=0)
                                  for each in self.classes_])
        return self

    def predict(self, rows):
        away = ((rows[:, None] - self.centres_) ** 2).sum(axis=2)
        return self.classes_[away.argmin(axis=1)]
)");
  const auto irises = *bridge.call("sklearn.datasets", "load_iris");
  const auto told = *bridge.call(
    "sklearn", "model_selection.cross_validate", *bridge.eval("Nearest()"),
    *bridge.attr(irises, "data"), *bridge.attr(irises, "target"), "cv"_a = 5,
    "n_jobs"_a = 2, "return_estimator"_a = true);
  auto right = plain().item(told, "test_score")->as<std::vector<double>>();
  for (auto& each : right) // of the 30 flowers of a fold
    each *= 30;
  EXPECT_THAT(right, Pointwise(DoubleNear(1e-9),
                               std::array{27.0, 28.0, 26.0, 28.0, 29.0}));
  const auto here = bridge.call("os", "getpid");
  for (const auto& each : bridge.item(told, "estimator")->as<sb::list>()) {
    EXPECT_EQ(each.type_name(), bridge.eval("Nearest()")->type_name());
    EXPECT_NE(bridge.attr(each, "host_"), here);
  }
}

// Its processes live on, and had the sources when they were started.
TEST_P(Jobs, WhenAFunctionIsMadeOrChangedLaterThenTheNewOneIsRun) {
  run(R"(
from joblib import Parallel, delayed
def f(x):
    return x + 1
)");
  constexpr auto jobs = "Parallel(n_jobs=2)(delayed({})(n) for n in range(4))";
  EXPECT_EQ(bridge.eval(fmt::format(jobs, "f")), (sb::list{1, 2, 3, 4}));
  run("def f(x):\n    return -x\n");
  EXPECT_EQ(bridge.eval(fmt::format(jobs, "f")), (sb::list{0, -1, -2, -3}));
  run("def g(x):\n    return 10 * f(x)\n");
  EXPECT_EQ(bridge.eval(fmt::format(jobs, "g")), (sb::list{0, -10, -20, -30}));
  const auto other = bridge.open_session();
  ASSERT_TRUE(other.exec("from joblib import Parallel, delayed\n"
                         "class point:\n  def __init__(self, x): self.x = x\n"
                         "def h(p): return point(p.x + 1)\n"));
  EXPECT_EQ(other.eval("[type(each) is point and each.x for each in "
                       "Parallel(n_jobs=2)(delayed(h)(point(n)) for n in (1, "
                       "2))]"),
            (sb::list{2, 3}));
}

TEST_P(Jobs, WhenTheCodeThatDefinesThemRunsThemTooThenItEnds) {
  run(R"(
from joblib import Parallel, delayed
def f(x):
    return x * x
squares = Parallel(n_jobs=2)(delayed(f)(n) for n in range(3))
)");
  EXPECT_EQ(bridge.eval("squares"), (sb::list{0, 1, 4}));
}

TEST_P(Processes, WhenTheCodeThatDefinesThemRunsThemTooThenItEnds) {
  run(R"(
def f(x):
    return x * x
spawn = multiprocessing.get_context("spawn")
with concurrent.futures.ProcessPoolExecutor(2, spawn) as executor:
    squares = list(executor.map(f, range(3)))
)");
  EXPECT_EQ(bridge.eval("squares"), (sb::list{0, 1, 4}));
}

TEST_P(Processes, WhenASourceIsRunAgainThenChildrenHaveWhatItDefined) {
  for (const auto* body : {"x + 1", "x * 100", "x + 1"})
    run(fmt::format("def again(x):\n    return {}\n", body));
  const auto context = *bridge.call("multiprocessing", "get_context", "spawn");
  const auto pool = *bridge.method(context, "Pool", 1);
  EXPECT_EQ(bridge.method(pool, "map", *bridge.eval("again"), sb::list{3}),
            sb::list{4});
  ASSERT_TRUE(bridge.method(pool, "close"));
  ASSERT_TRUE(bridge.method(pool, "join"));
}

class Loky : public Processes {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Loky);

TEST_P(Loky, WhenItsExecutorMapsThenItsFunctionsAreTheSessions) {
  const auto executor = *bridge.call("loky", "get_reusable_executor", 2);
  const auto outcomes = *bridge.method(executor, "map", *bridge.eval("moved"),
                                       *bridge.eval("points"));
  EXPECT_EQ(plain().call_object(*bridge.eval("made_elsewhere"),
                                *bridge.call("builtins", "list", outcomes)),
            moved_);
  ASSERT_TRUE(bridge.method(executor, "shutdown"));
}

} // namespace snakebridge::testing
