// Which exceptions mean something, and what a translated error is.
#include "config/tunables.hpp"
#include "tests/runtime/values/ml_fixture.hpp"

#include <memory>

namespace snakebridge::testing {

using ::testing::HasSubstr;

TEST(MlError, GivenAnUnrelatedExceptionThenItMeansNothing) {
  auto late = runtime_error("mat1 and mat2 shapes cannot be multiplied");
  late.type = "RecursionError"; // derived: nobody's wording
  for (const auto& told :
       {late, value_error(""), runtime_error("the ROOM is full: BOOM"),
        runtime_error("OOM"), runtime_error("we are out of memory lane"),
        value_error("CUDA out of memory"), value_error("landshape mismatched"),
        value_error("the columns are not aligned"),
        value_error("given groups=2"), value_error("size mismatch"),
        raised("builtins", "KeyError", "'shape mismatch'"),
        raised("mine", "Refused", "CUDA out of memory"),
        raised("mine", "OutOfMemoryError", "no more ROOM"),
        raised("torchvision_like", "Error", "shape mismatch"),
        runtime_error("expected scalar type"),
        runtime_error("expected scalar type Float but found Float"),
        runtime_error("Input type (torch.cuda.FloatTensor) and weight type "
                      "(torch.FloatTensor) should be the same"),
        raised("builtins", "AttributeError", "expected dtype a, got b")})
    EXPECT_FALSE(translate(told)) << told.message;
}

// What the libraries raise, or their callers, that is of another kind.
TEST(MlError, GivenAnotherMistakeOfALibraryThenItMeansNothing) {
  for (const auto& told :
       {value_error("Input X contains NaN."),
        value_error("Found array with 0 sample(s) (shape=(0, 2)) while a "
                    "minimum of 1 is required by LinearRegression."),
        value_error("n_samples=6 should be >= n_clusters=10."),
        value_error("The feature names should match those that were passed "
                    "during fit."),
        value_error("y contains previously unseen labels: np.str_('c')"),
        value_error("Can only compare identically-labeled Series objects"),
        value_error("columns overlap but no suffix specified: Index(['a'])"),
        value_error("If using all scalar values, you must pass an index"),
        value_error("`k` must be an integer satisfying `0 < k < "
                    "min(A.shape)`."),
        value_error("window is longer than input signal"),
        type_error("data type 'foo' not understood"),
        raised("builtins", "KeyError", "'inconsistent shapes'"),
        raised("builtins", "AttributeError",
               "'Series' object has no attribute 'shape mismatch'"),
        raised("builtins", "IndexError", "index (5) out of range")})
    for (const auto* file :
         {"sklearn/base.py", "pandas/core/frame.py", "scipy/linalg/_basic.py"})
      EXPECT_FALSE(translate(raised_in(file, told))) << told.message;
  for (const auto& told :
       {onnx("NoSuchFile", "[ONNXRuntimeError] : 3 : NO_SUCHFILE : Load model "
                           "from nope.onnx failed"),
        onnx("InvalidArgument", "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : "
                                "Invalid output name:shape"),
        onnx("NotImplemented", "[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : "
                               "Could not find an implementation for Conv(11) "
                               "node with name 'aa'"),
        raised("pandas.errors", "ParserError",
               "Error tokenizing data. C error: Expected 3 fields in line 3, "
               "saw 4")})
    EXPECT_FALSE(translate(told)) << told.message;
}

TEST(MlError, GivenWordsThatOnlyALibraryIsBelievedThenOthersMeanNothing) {
  for (const auto& told :
       {value_error("could not convert string to float: 'red'"),
        value_error("the image must be square"),
        value_error("answers must have the same length"),
        value_error("X has 3 features, but no price"),
        value_error("the shape of the cake is expected to have shape"),
        value_error("columns passed, passed data had a day off"),
        value_error("Invalid value 'x' for dtype"),
        runtime_error("bad allocation of seats"),
        runtime_error("Available memory of a city"),
        type_error("unsupported operand type(s) for +: 'int' and 'str'"),
        type_error("can only concatenate str (not \"int\") to str"),
        raised("builtins", "Exception",
               "Dot product shape mismatch, (3,) vs "
               "(4,)"),
        raised("builtins", "NotImplementedError", "shape mismatch")})
    EXPECT_FALSE(translate(told)) << told.message;
}

// An exception is of the library whose file raised it, however it is installed.
TEST(MlError, GivenTheFileThatRaisedItThenItTellsTheLibrary) {
  const auto is_believed = [](const std::string& file) {
    auto told = value_error("inconsistent shapes");
    told.frames = {{"/home/me/work.py", 1, "work"}, {file, 2, "check"}};
    return is_of_library_code(told);
  };
  EXPECT_TRUE(is_believed("/v/lib/python3.11/site-packages/scipy/a/b.py"));
  EXPECT_TRUE(is_believed("/usr/lib/python3/dist-packages/pandas/c.py"));
  EXPECT_TRUE(is_believed("scipy/spatial/_ckdtree.pyx"));
  EXPECT_TRUE(is_believed("sklearn/neighbors/_binary_tree.pxi.tp"));
  EXPECT_FALSE(is_believed("/v/site-packages/scipyish/b.py"));
  EXPECT_FALSE(is_believed("/v/site-packages/mine/scipy/b.py"));
  EXPECT_FALSE(is_believed("/home/me/scipy/b.py"));
  EXPECT_FALSE(is_believed("scipy/b.py"));
  EXPECT_FALSE(is_believed("-packages/"));
  EXPECT_FALSE(is_believed(""));
}

TEST(MlError, GivenFactsThenTheyAreWorthMoreThanText) {
  auto memory = raised("numpy.core._exceptions", "_ArrayMemoryError",
                       "Unable to allocate 7.3 TiB");
  memory.mro.emplace_back("builtins.MemoryError");
  memory.facts = {{"shape", "(1000000, 1048576)"},
                  {"dtype", "float64"},
                  {"requested_bytes", "8388608000000"}};
  const auto out = meaning_of<out_of_memory>(memory);
  EXPECT_EQ(out.requested_mb, 8'000'000);
  EXPECT_THAT(out.suggestions[0], HasSubstr("(1000000, 1048576)"));
  EXPECT_THAT(out.suggestions[1], HasSubstr("float64"));

  auto casting = raised("numpy.core._exceptions", "_UFuncOutputCastingError",
                        "some other words");
  casting.facts = {{"operation", "add"},
                   {"from", "float64"},
                   {"to", "int64"},
                   {"casting", "same_kind"}};
  const auto cast = meaning_of<dtype_mismatch>(casting);
  EXPECT_EQ(cast.expected, "int64");
  EXPECT_EQ(cast.got, "float64");
  EXPECT_EQ(cast.operation, "add");

  auto axis = raised("numpy", "AxisError",
                     "axis 5 is out of bounds for array of dimension 2");
  axis.facts = {{"axis", "5"}, {"ndim", "2"}};
  EXPECT_EQ(meaning_of<shape_mismatch>(axis).suggestion,
            "the array has 2 dimensions: use an axis from -2 to 1, not 5");
}

// What a hostile worker might send: read in bounded time, with whatever answer.
TEST(MlError, GivenEndlessTextThenABoundedPartOfItIsRead) {
  constexpr std::size_t length = 1U << 20U;
  for (const auto* unit :
       {"(", "[1,", "1x", "shapes (", "(1", "9", "size of tensor a (", "gpu ",
        "dtype('", "expected scalar type ", "cuda out of memory ",
        "samples: [1, 1, ", "matmul: dimension mismatch with signature k=1 ",
        "got invalid dimensions for {", "requested buffer of size 9"}) {
    std::string text;
    text.reserve(length);
    while (text.size() < length)
      text += unit;
    static_cast<void>(translate(runtime_error(text)));
    static_cast<void>(translate(memory_error(text)));
    const auto beyond =
      std::string(limits::translated_bytes_max, ' ') + "shape mismatch";
    EXPECT_FALSE(translate(value_error(beyond)));
  }
}

TEST(MlError, WhenAnErrorIsTranslatedThenThePythonErrorStays) {
  const auto told = value_error("shape mismatch: (2,) (3,)");
  const auto failed = translated(error{told});
  ASSERT_NE(failed.ml(), nullptr);
  ASSERT_NE(failed.python(), nullptr);
  EXPECT_EQ(failed.message(), error{told}.message());
  EXPECT_TRUE(failed.may_have_run());
  EXPECT_THAT(to_string(failed), HasSubstr("\nsuggestion: (2,) and (3,)"));
  EXPECT_EQ(translated(error{errc::overloaded, "shape mismatch"}).ml(),
            nullptr);
}

TEST(OrThrow, GivenATranslatedErrorThenItsExceptionHasItsFields) {
  const auto thrown_by = [](const python_error& told) {
    or_throw(result<void>{tl::unexpected{translated(error{told})}});
  };
  try {
    thrown_by(runtime_error("shapes cannot be multiplied (3x4 and 5x6)"));
    FAIL() << "nothing was thrown";
  } catch (const shape_mismatch_error& thrown) {
    // Copies outlive what they were copied from.
    const auto first = std::make_unique<shape_mismatch_error>(thrown);
    const auto copy = std::make_unique<shape_mismatch_error>(*first);
    EXPECT_EQ(copy->operation, "matmul");
    EXPECT_EQ(copy->shape_a, (array_shape{3, 4}));
    EXPECT_EQ(copy->shape_b, (array_shape{5, 6}));
    EXPECT_EQ(copy->error().python()->type, "RuntimeError");
    EXPECT_THAT(copy->what(), HasSubstr(copy->suggestion));
  }
  try {
    thrown_by(memory_error("Unable to allocate 1 GiB"));
    FAIL() << "nothing was thrown";
  } catch (const out_of_memory_error& thrown) {
    EXPECT_EQ(thrown.device, "cpu");
    EXPECT_EQ(thrown.requested_mb, 1024);
    EXPECT_FALSE(thrown.available_mb || thrown.total_mb);
    EXPECT_FALSE(thrown.suggestions.empty());
  }
  try {
    thrown_by(runtime_error("expected scalar type Float but found Double"));
    FAIL() << "nothing was thrown";
  } catch (const dtype_mismatch_error& thrown) {
    EXPECT_EQ(thrown.expected, "float32");
    EXPECT_EQ(thrown.got, "float64");
    EXPECT_FALSE(thrown.suggestion.empty() || !thrown.operation.empty());
  }
  EXPECT_THROW(thrown_by(value_error("shape mismatch")), python_exception);
}

} // namespace snakebridge::testing
