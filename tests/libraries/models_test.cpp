// Models: scikit-learn, LightGBM, ONNX and SciPy, with functions and classes of
// the session inside them.
#include "tests/libraries/libraries_fixture.hpp"

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

class Models : public Libraries {
protected:
  /// What a model makes of the rows.
  std::vector<double> predictions(const sb::value& model, sb::value rows) {
    return plain()
      .method(model, "predict", std::move(rows))
      ->cast<std::vector<double>>();
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Models);

TEST_P(Models, WhenALineIsFittedThenItGoesThroughItsPoints) {
  const auto unfitted =
    *bridge.call("sklearn", "linear_model.LinearRegression");
  const auto line =
    *bridge.method(unfitted, "fit",
                   sb::list{sb::list{0}, sb::list{1}, sb::list{2}, sb::list{3}},
                   sb::list{1, 3, 5, 7});
  EXPECT_THAT(predictions(line, sb::list{sb::list{10}, sb::list{-1}}),
              ElementsAre(DoubleNear(21, 1e-9), DoubleNear(-1, 1e-9)));
  EXPECT_NEAR(bridge.attr(line, "intercept_")->as<double>(), 1, 1e-9);
}

TEST_P(Models, WhenAModelIsNotFittedThenItsErrorIsTwoOfPythons) {
  const auto line = *bridge.call("sklearn", "linear_model.LinearRegression");
  const auto why =
    error_of(bridge.method(line, "predict", sb::list{sb::list{1}}));
  EXPECT_TRUE(why.is("sklearn.exceptions.NotFittedError"));
  EXPECT_TRUE(why.is("ValueError"));
  EXPECT_TRUE(why.is("AttributeError"));
}

// As the books have it: only petals count, and six flowers are wrong.
TEST_P(Models, WhenATreeLearnsTheIrisesThenItsSplitsAreTheKnownOnes) {
  const auto irises = *bridge.call("sklearn.datasets", "load_iris");
  const auto rows = *bridge.attr(irises, "data");
  const auto kinds = *bridge.attr(irises, "target");
  const auto tree =
    *bridge.method(*bridge.call("sklearn", "tree.DecisionTreeClassifier",
                                "max_depth"_a = 2, "random_state"_a = 0),
                   "fit", rows, kinds);
  EXPECT_EQ(bridge.call("sklearn", "tree.export_text", tree,
                        "feature_names"_a = sb::list{"sl", "sw", "pl", "pw"}),
            "|--- pw <= 0.80\n"
            "|   |--- class: 0\n"
            "|--- pw >  0.80\n"
            "|   |--- pw <= 1.75\n"
            "|   |   |--- class: 1\n"
            "|   |--- pw >  1.75\n"
            "|   |   |--- class: 2\n");
  const auto guesses = *bridge.method(tree, "predict", rows);
  EXPECT_EQ(
    plain().call("sklearn", "metrics.confusion_matrix", kinds, guesses),
    (sb::list{sb::list{50, 0, 0}, sb::list{0, 49, 1}, sb::list{0, 5, 45}}));
  EXPECT_EQ(bridge.method(tree, "score", rows, kinds), 0.96);
}

// clone and get_params read the signature of __init__ and call the class.
TEST_P(Models, WhenAnEstimatorIsAClassOfTheSessionThenItIsValidated) {
  run(R"(
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

class Nearest(ClassifierMixin, BaseEstimator):
    def __init__(self, scale=1.0):
        self.scale = scale

    def fit(self, rows, labels):
        self.classes_ = np.unique(labels)
        self.centres_ = np.array([rows[labels == each].mean(axis=0)
                                  for each in self.classes_])
        return self

    def predict(self, rows):
        away = ((rows[:, None] - self.centres_) ** 2).sum(axis=2)
        return self.classes_[away.argmin(axis=1)]
)");
  const auto nearest = *bridge.eval("Nearest(scale=3)");
  const auto copy = *bridge.call("sklearn.base", "clone", nearest);
  EXPECT_EQ(bridge.repr(copy), "Nearest(scale=3)");
  const auto irises = *bridge.call("sklearn.datasets", "load_iris");
  auto right = plain()
                 .call("sklearn", "model_selection.cross_val_score", nearest,
                       *bridge.attr(irises, "data"),
                       *bridge.attr(irises, "target"), "cv"_a = 5)
                 ->as<std::vector<double>>();
  for (auto& each : right) // of the 30 flowers of a fold
    each *= 30;
  EXPECT_THAT(right, Pointwise(DoubleNear(1e-9),
                               std::array{27.0, 28.0, 26.0, 28.0, 29.0}));
}

// A pickle names the function by its module: that is the session's.
TEST_P(Models, WhenAPipelineIsStoredThenItsFunctionIsFoundAgain) {
  run("def twice(rows): return rows * 2");
  const auto twice = *bridge.eval("twice");
  const auto pipe = *bridge.call(
    "sklearn", "pipeline.make_pipeline",
    *bridge.call("sklearn", "preprocessing.FunctionTransformer", twice),
    *bridge.call("sklearn", "linear_model.LinearRegression"));
  const auto rows = [&](int row) {
    return *bridge.call("numpy", "array", sb::list{sb::list{row}});
  };
  ASSERT_TRUE(bridge.method(
    pipe, "fit",
    *bridge.call("numpy", "array", sb::list{sb::list{0}, sb::list{1}}),
    sb::list{0, 4}));
  const scratch_folder folder;
  const auto file = (folder / "model.joblib").string();
  ASSERT_TRUE(bridge.call("joblib", "dump", pipe, file));
  const auto back = *bridge.call("joblib", "load", file);
  EXPECT_THAT(predictions(back, rows(3)), ElementsAre(DoubleNear(12, 1e-9)));
  const auto step =
    *bridge.item(*bridge.attr(back, "named_steps"), "functiontransformer");
  EXPECT_EQ(bridge.call("operator", "is_", *bridge.attr(step, "func"), twice),
            true);
}

// Half of what is missing is learnt in each round: 4, 2, 1, 0.5.
TEST_P(Models, WhenTreesAreBoostedThenFunctionsOfTheSessionSeeEachRound) {
  run(R"(
import numpy as np
rows = np.arange(20.).reshape(-1, 1)
labels = np.where(rows[:, 0] < 10, 0., 8.)
seen = []

def worst(guess, data):
    return "worst", float(abs(guess - data.get_label()).max()), False

def note(env):
    seen.append(next(float(told[2]) for told in env.evaluation_result_list
                     if told[1] == "worst"))
)");
  const auto data = *bridge.call("lightgbm", "Dataset", *bridge.eval("rows"),
                                 *bridge.eval("labels"));
  const sb::dict settings{{"objective", "regression"}, {"learning_rate", 0.5},
                          {"num_leaves", 2},           {"min_data_in_leaf", 1},
                          {"min_data_in_bin", 1},      {"num_threads", 1},
                          {"deterministic", true},     {"verbose", -1}};
  const auto model = *bridge.call(
    "lightgbm", "train", settings, data, "num_boost_round"_a = 3,
    "valid_sets"_a = sb::list{data}, "feval"_a = *bridge.eval("worst"),
    "callbacks"_a = sb::list{*bridge.eval("note")});
  EXPECT_EQ(bridge.method(model, "num_trees"), 3);
  EXPECT_THAT(bridge.eval("seen")->as<std::vector<double>>(),
              Pointwise(DoubleNear(1e-6), std::array{2.0, 1.0, 0.5}));
  EXPECT_THAT(predictions(model, sb::list{sb::list{3}, sb::list{15}}),
              ElementsAre(DoubleNear(0.5, 1e-6), DoubleNear(7.5, 1e-6)));
}

TEST_P(Models, WhenAnONNXModelIsRunThenItsOutputIsItsFormulas) {
  run(R"(
from onnx import TensorProto, helper
model = helper.make_model(
    helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["xw"]),
         helper.make_node("Add", ["xw", "b"], ["y"])],
        "affine",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor("w", TensorProto.FLOAT, [2, 1], [2.0, 3.0]),
         helper.make_tensor("b", TensorProto.FLOAT, [1], [0.5])]),
    opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
)");
  // Bytes, from one library to the other by way of C++.
  const auto bytes = *bridge.method(*bridge.eval("model"), "SerializeToString");
  ASSERT_EQ(bytes.kind(), sb::kind::bytes);
  ASSERT_TRUE(bridge.call("onnx", "checker.check_model", bytes));
  const auto session =
    *bridge.call("onnxruntime", "InferenceSession", bytes,
                 "providers"_a = sb::list{"CPUExecutionProvider"});
  const auto x =
    *bridge.call("numpy", "array", sb::list{sb::list{1, 1}, sb::list{2, 0}},
                 "dtype"_a = "float32");
  EXPECT_EQ(plain().method(session, "run", nullptr, sb::dict{{"x", x}}),
            (sb::list{sb::list{sb::list{5.5}, sb::list{4.5}}}));
}

TEST_P(Models, WhenSciPyCallsAFunctionOfTheSessionThenItFindsItsRoots) {
  run("def bowl(at): return (at[0] - 3) ** 2 + (at[1] + 1) ** 2");
  const auto found = *bridge.call("scipy", "optimize.minimize",
                                  *bridge.eval("bowl"), sb::list{0.0, 0.0});
  EXPECT_EQ(bridge.attr(found, "success"), true);
  EXPECT_THAT(plain().attr(found, "x")->as<std::vector<double>>(),
              ElementsAre(DoubleNear(3, 1e-5), DoubleNear(-1, 1e-5)));
  EXPECT_NEAR(bridge
                .call("scipy", "optimize.brentq",
                      *bridge.eval("lambda x: x * x - 2"), 0, 2)
                ->as<double>(),
              std::numbers::sqrt2, 1e-9);
  const auto area = *bridge.call(
    "scipy", "integrate.quad", *bridge.get("math", "sin"), 0, std::numbers::pi);
  EXPECT_NEAR(area[0].as<double>(), 2, 1e-12);
}

TEST_P(Models, WhenSciPyTestsASampleThenItsNumbersAreTheTextbooks) {
  EXPECT_EQ(bridge.call("scipy", "special.comb", 40, 20, "exact"_a = true),
            137'846'528'820);
  const auto test =
    *bridge.call("scipy", "stats.ttest_ind", sb::list{1.0, 2.0, 3.0},
                 sb::list{2.0, 3.0, 4.0});
  EXPECT_NEAR(bridge.attr(test, "statistic")->as<double>(), -std::sqrt(1.5),
              1e-12);
  const auto sparse = *bridge.call("scipy", "sparse.csr_matrix",
                                   sb::list{sb::list{0, 2}, sb::list{0, 0}});
  EXPECT_EQ(bridge.attr(sparse, "nnz"), 1);
  EXPECT_EQ(plain().method(sparse, "toarray"),
            (sb::list{sb::list{0, 2}, sb::list{0, 0}}));
}

} // namespace snakebridge::testing
