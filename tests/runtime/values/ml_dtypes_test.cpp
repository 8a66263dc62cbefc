// Dtypes that do not go together, in the words of each library: a row for each.
#include "tests/runtime/values/ml_fixture.hpp"

namespace snakebridge::testing {

namespace {

using ::testing::HasSubstr;

struct dtypes_row {
  python_error told;
  std::string expected, got, operation, advice;
};

const std::vector<dtypes_row> dtypes_rows{
  {runtime_error("expected scalar type Float but found Double"), "float32",
   "float64", "", "tensor.to(torch.float32)"},
  {runtime_error("Expected object of scalar type Float but got scalar type "
                 "Long for argument #2 'mat2'"),
   "float32", "int64", "", "what is int64 to float32"},
  {runtime_error("mat1 and mat2 must have the same dtype, but got Double and "
                 "Half"),
   "float64", "float16", "", "torch.float64"},
  {runtime_error("expected m1 and m2 to have the same dtype, but got: float "
                 "!= c10::Half"),
   "float32", "float16", "", ""},
  {runtime_error("Index put requires the source and destination dtypes "
                 "match, got Float for the destination and Double for the "
                 "source."),
   "float32", "float64", "", ""},
  {runtime_error("result type Float can't be cast to the desired output type "
                 "Long"),
   "int64", "float32", "", ""},
  {runtime_error("Input type (torch.cuda.DoubleTensor) and weight type "
                 "(torch.cuda.FloatTensor) should be the same"),
   "float32", "float64", "", ""},
  {runtime_error("Input type (double) and bias type (float) should be the "
                 "same"),
   "float32", "float64", "", ""},
  {type_error("Cannot cast ufunc 'add' output from dtype('float64') to "
              "dtype('int64') with casting rule 'same_kind'"),
   "int64", "float64", "add", "array.astype('int64')"},
  {type_error("Cannot cast array data from dtype('complex128') to "
              "dtype('int64') according to the rule 'safe'"),
   "int64", "complex128", "", "array.astype('int64')"},
  {type_error("ufunc 'add' did not contain a loop with signature matching "
              "types (dtype('<U3'), dtype('int64')) -> None"),
   "", "<U3, int64", "add", "add cannot take <U3, int64"},
  {type_error("ufunc 'sin' not supported for the input types, and the inputs "
              "could not be safely coerced"),
   "", "", "sin", "print the dtypes"},
  {raised("tensorflow.python.framework.errors_impl", "InvalidArgumentError",
          "cannot compute AddV2 as input #1(zero-based) was expected to be a "
          "float tensor but is a double tensor [Op:AddV2]"),
   "float32", "float64", "AddV2", "tf.cast(tensor, tf.float32)"},
  {value_error("Tensor conversion requested dtype float32 for Tensor with "
               "dtype int32"),
   "float32", "int32", "", ""},
  {value_error("expected dtype float32, got float64"), "float32", "float64", "",
   ""},
};

} // namespace

TEST(MlDtypes, GivenAWordingOfDtypesThenBothAreRead) {
  for (const auto& row : dtypes_rows) {
    SCOPED_TRACE(row.told.message);
    const auto told = meaning_of<dtype_mismatch>(row.told);
    EXPECT_EQ(told.expected, row.expected);
    EXPECT_EQ(told.got, row.got);
    EXPECT_EQ(told.operation, row.operation);
    EXPECT_THAT(told.suggestion, HasSubstr(row.advice));
  }
}

TEST(MlDtypes, GivenEveryCutOfAMessageThenItIsRead) {
  for (const auto& row : dtypes_rows)
    translate_every_cut(row.told);
}

} // namespace snakebridge::testing
