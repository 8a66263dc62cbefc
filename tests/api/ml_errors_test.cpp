// config.error_mode: what exceptions of numeric libraries are turned into. With
// real NumPy, and with exceptions in the words of libraries that are not here.
#include "tests/api/python_fixture.hpp"

#include <caf/scoped_actor.hpp>

#include <snakebridge/actors.hpp>

namespace snakebridge::testing {

using ::testing::HasSubstr;

class MlErrors : public ::testing::TestWithParam<sb::placement> {
protected:
  static sb::config translated(sb::placement where) {
    auto wanted = one_pool(where);
    wanted.error_mode = sb::error_mode::translated;
    return wanted;
  }

  void SetUp() override {
    if (!bridge.exec("import numpy as np"))
      GTEST_SKIP() << "NumPy is not installed";
  }

  template <class Exception>
  void expect_thrown(std::string_view code) {
    try {
      or_throw(bridge.exec(code));
      FAIL() << "nothing was thrown";
    } catch (const Exception& thrown) {
      EXPECT_EQ(typeid(thrown), typeid(Exception));
      EXPECT_NE(thrown.error().python(), nullptr);
    }
  }

  /// What statements end with.
  template <class Meaning>
  Meaning meaning_of(std::string_view code) {
    const auto failed = error_of(bridge.exec(code));
    EXPECT_NE(failed.python(), nullptr);
    if (failed.ml() != nullptr && std::holds_alternative<Meaning>(*failed.ml()))
      return std::get<Meaning>(*failed.ml());
    ADD_FAILURE() << "means something else: " << failed;
    return {};
  }

  sb::bridge bridge{translated(GetParam())};
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(MlErrors);

// ORIGINAL T16
TEST_P(MlErrors, GivenNumPyShapesThatDoNotFitThenBothAreTold) {
  const auto added =
    meaning_of<sb::shape_mismatch>("np.zeros((2, 3)) + np.zeros(4)");
  EXPECT_EQ(added.operation, "broadcast");
  EXPECT_EQ(added.shape_a, (sb::array_shape{2, 3}));
  EXPECT_EQ(added.shape_b, (sb::array_shape{4}));
  EXPECT_THAT(added.suggestion, HasSubstr("(2, 3) and (4,)"));
  EXPECT_EQ(
    meaning_of<sb::shape_mismatch>("np.zeros((2, 3)) @ np.zeros((4, 5))")
      .operation,
    "matmul");
  EXPECT_EQ(
    meaning_of<sb::shape_mismatch>("np.dot(np.zeros((2, 3)), np.zeros((4, 5)))")
      .shape_b,
    (sb::array_shape{4, 5}));
  EXPECT_EQ(meaning_of<sb::shape_mismatch>(
              "np.concatenate([np.zeros((2, 3)), np.zeros((2, 4)).T])")
              .operation,
            "concatenate");
  EXPECT_EQ(meaning_of<sb::shape_mismatch>("np.zeros(6).reshape(4, 2)").shape_b,
            (sb::array_shape{4, 2}));
}

TEST_P(MlErrors, GivenAnAxisNumPyHasNotThenItsFactsAreUsed) {
  const auto told =
    meaning_of<sb::shape_mismatch>("np.zeros((2, 3)).sum(axis=5)");
  EXPECT_EQ(told.suggestion,
            "the array has 2 dimensions: use an axis from -2 to 1, not 5");
}

TEST_P(MlErrors, GivenAnArrayTooLargeThenWhatItNeedsIsExact) {
  const auto told =
    meaning_of<sb::out_of_memory>("np.zeros((1 << 24, 1 << 24))");
  EXPECT_EQ(told.device, "cpu");
  EXPECT_EQ(told.requested_mb, 8.0 * (1U << 28U));
  EXPECT_THAT(told.suggestions.at(0), HasSubstr("(16777216, 16777216)"));
}

TEST_P(MlErrors, GivenNumPyDtypesThatDoNotFitThenBothAreTold) {
  const auto cast =
    meaning_of<sb::dtype_mismatch>("a = np.zeros(3, int)\na += 1.5");
  EXPECT_EQ(cast.expected, "int64");
  EXPECT_EQ(cast.got, "float64");
  EXPECT_EQ(cast.operation, "add");
  EXPECT_THAT(cast.suggestion, HasSubstr("array.astype('int64')"));
  const auto none =
    meaning_of<sb::dtype_mismatch>("np.add(np.array(['abc']), 1)");
  EXPECT_EQ(none.got, "<U3, int64");
  EXPECT_EQ(none.operation, "add");
}

TEST_P(MlErrors, GivenExceptionsInTheWordsOfTorchThenTheyAreTold) {
  ASSERT_TRUE(bridge.exec(
    "class OutOfMemoryError(RuntimeError): pass\n"
    "OutOfMemoryError.__module__ = 'torch'\n"
    "def multiply(): raise RuntimeError('mat1 and mat2 shapes cannot be "
    "multiplied (3x4 and 5x6)')\n"
    "def convert(): raise RuntimeError('expected scalar type Float but found "
    "Double')\n"
    "def allocate(): raise OutOfMemoryError('CUDA out of memory. Tried to "
    "allocate 2.00 GiB. GPU 0 has a total capacity of 8.00 GiB of which 1.25 "
    "GiB is free.')"));
  EXPECT_EQ(meaning_of<sb::shape_mismatch>("multiply()").shape_a,
            (sb::array_shape{3, 4}));
  EXPECT_EQ(meaning_of<sb::dtype_mismatch>("convert()").got, "float64");
  const auto memory = meaning_of<sb::out_of_memory>("allocate()");
  EXPECT_EQ(memory.device, "cuda:0");
  EXPECT_EQ(memory.requested_mb, 2048);
  EXPECT_EQ(memory.available_mb, 1280);
  EXPECT_EQ(memory.total_mb, 8192);
}

// ORIGINAL T16
TEST_P(MlErrors, WhenOrThrowIsUsedThenItsExceptionIsThrown) {
  expect_thrown<sb::shape_mismatch_error>("np.zeros(3) + np.zeros(4)");
  expect_thrown<sb::out_of_memory_error>("raise MemoryError");
  expect_thrown<sb::dtype_mismatch_error>("np.array(['a']) - np.array(['b'])");
  expect_thrown<sb::python_exception>("raise ValueError('the ROOM is full')");
}

TEST_P(MlErrors, WhenAnActorCallsThenItsErrorIsTranslatedToo) {
  caf::scoped_actor self{bridge.system()};
  const auto session = sb::open_session(self.ptr(), bridge);
  sb::error failed{sb::errc::shutting_down, "nothing came"};
  self
    ->request(session, patience,
              sb::call_message{
                "numpy", "reshape", {sb::list{1, 2, 3}, sb::tuple{2, 2}}})
    .receive([](const sb::value&) { FAIL() << "no error came"; },
             [&](const caf::error& told) { failed = sb::to_error(told); });
  ASSERT_NE(failed.ml(), nullptr) << failed;
  EXPECT_EQ(std::get<sb::shape_mismatch>(*failed.ml()).operation, "reshape");
}

class RawErrors : public EachPlacement {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(RawErrors);

// ORIGINAL T16
TEST_P(RawErrors, WhenNobodyAsksThenNothingIsTranslated) {
  const auto failed = error_of(bridge.exec("raise MemoryError"));
  EXPECT_EQ(failed.ml(), nullptr);
  EXPECT_EQ(failed.python()->type, "MemoryError");
}

} // namespace snakebridge::testing
