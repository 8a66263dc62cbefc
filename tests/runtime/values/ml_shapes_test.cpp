// Shapes that do not fit, in the words of each library: a row for each.
#include "config/tunables.hpp"
#include "tests/runtime/values/ml_fixture.hpp"

namespace snakebridge::testing {

namespace {

using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct shapes_row {
  python_error told;
  std::string operation;
  std::optional<array_shape> a, b;
  std::string advice; ///< a part of the suggestion
};

const std::vector<shapes_row> shapes_rows{
  {runtime_error("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)"),
   "matmul",
   {{3, 4}},
   {{5, 6}},
   "4 of (3, 4)"},
  {runtime_error("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x4)"),
   "matmul",
   {{3, 4}},
   {{5, 4}},
   "transpose the second"},
  {runtime_error("The size of tensor a (3) must match the size of tensor b "
                 "(4) at non-singleton dimension 1"),
   "broadcast",
   {{3}},
   {{4}},
   "(3,) does not fit (4,)"},
  {value_error("operands could not be broadcast together with shapes (2,3) "
               "(4,) "),
   "broadcast",
   {{2, 3}},
   {{4}},
   "dimension -1 has 3 and 4"},
  {value_error("could not broadcast input array from shape (4,) into shape "
               "(3,)"),
   "assign",
   {{4}},
   {{3}},
   "(4,) does not fit (3,)"},
  {value_error("matmul: Input operand 1 has a mismatch in its core dimension "
               "0, with gufunc signature (n?,k),(k,m?)->(n?,m?) (size 4 is "
               "different from 3)"),
   "matmul",
   {{4}},
   {{3}},
   "does not fit"},
  {value_error("shapes (2,3) and (4,5) not aligned: 3 (dim 1) != 4 (dim 0)"),
   "dot",
   {{2, 3}},
   {{4, 5}},
   "3 of (2, 3)"},
  {raised("tensorflow.python.framework.errors_impl", "InvalidArgumentError",
          "{{function_node __wrapped__AddV2}} Incompatible shapes: [2,3] vs. "
          "[4,5] [Op:AddV2]"),
   "AddV2",
   {{2, 3}},
   {{4, 5}},
   "do not broadcast"},
  {raised("tensorflow.python.framework.errors_impl", "InvalidArgumentError",
          "Matrix size-incompatible: In[0]: [2,3], In[1]: [4,5] "
          "[Op:MatMul]"),
   "MatMul",
   {{2, 3}},
   {{4, 5}},
   "3 of (2, 3)"},
  {raised("builtins", "IndexError",
          "Dimension out of range (expected to be in range of [-2, 1], but "
          "got 2)"),
   "",
   {},
   {},
   "from -2 to 1, not 2"},
  {value_error("shape mismatch: objects cannot be broadcast to a single "
               "shape.  Mismatch is between arg 0 with shape (3,) and arg 1 "
               "with shape (4,)."),
   "",
   {{3}},
   {{4}},
   "do not broadcast"},
  {value_error("shape mismatch"), "", {}, {}, "print the shapes"},
  {value_error("all the input array dimensions except for the concatenation "
               "axis must match exactly, but along dimension 1, the array at "
               "index 0 has size 3 and the array at index 1 has size 4"),
   "concatenate",
   {{3}},
   {{4}},
   "joined along"},
  {value_error("all the input arrays must have same number of dimensions, "
               "but the array at index 0 has 2 dimension(s) and the array at "
               "index 1 has 1 dimension(s)"),
   "concatenate",
   {},
   {},
   "same number of dimensions"},
  {runtime_error("Sizes of tensors must match except in dimension 0. "
                 "Expected size 3 but got size 4 for tensor number 1 in the "
                 "list."),
   "concatenate",
   {{3}},
   {{4}},
   "joined along"},
  {runtime_error("stack expects each tensor to be equal size, but got [3] at "
                 "entry 0 and [4] at entry 1"),
   "stack",
   {{3}},
   {{4}},
   "joined along"},
  {value_error("cannot reshape array of size 6 into shape (4,2)"),
   "reshape",
   {{6}},
   {{4, 2}},
   "6 elements do not make an array of shape (4, 2)"},
  {runtime_error("shape '[-1, 4]' is invalid for input of size 6"),
   "reshape",
   {{6}},
   {{-1, 4}},
   "6 elements"},
  {runtime_error("Error(s) in loading state_dict for net:\n\tsize mismatch "
                 "for fc.weight: copying a param with shape torch.Size([10, "
                 "5]) from checkpoint, the shape in current model is "
                 "torch.Size([10, 6])."),
   "load_state_dict",
   {{10, 5}},
   {{10, 6}},
   "does not fit"},
  {runtime_error("size mismatch, m1: [2 x 3], m2: [4 x 5] at TH.cpp:136"),
   "matmul",
   {{2, 3}},
   {{4, 5}},
   "last dimension"},
  {runtime_error("Given groups=1, weight of size [64, 3, 7, 7], expected "
                 "input[1, 1, 28, 28] to have 3 channels, but got 1 channels "
                 "instead"),
   "convolution",
   {{1, 1, 28, 28}},
   {{64, 3, 7, 7}},
   "does not fit"},
  {value_error("Input 0 of layer \"dense\" is incompatible with the layer: "
               "expected shape=(None, 784), found shape=(None, 100)"),
   "layer",
   {{-1, 784}},
   {{-1, 100}},
   "does not fit"},
  {type_error("add got incompatible shapes for broadcasting: (3,), (4,)."),
   "add",
   {{3}},
   {{4}},
   "do not broadcast"},
  {type_error("dot_general requires contracting dimensions to have the same "
              "shape, got (3,) and (4,)."),
   "dot_general",
   {{3}},
   {{4}},
   "does not fit"},
};

} // namespace

TEST(MlShapes, GivenAWordingOfShapesThenBothAreRead) {
  for (const auto& row : shapes_rows) {
    SCOPED_TRACE(row.told.message);
    const auto told = meaning_of<shape_mismatch>(row.told);
    EXPECT_EQ(told.operation, row.operation);
    EXPECT_EQ(told.shape_a, row.a);
    EXPECT_EQ(told.shape_b, row.b);
    EXPECT_THAT(told.suggestion, HasSubstr(row.advice));
    EXPECT_THAT(told.suggestion, SizeIs(Gt(20U)));
  }
}

TEST(MlShapes, GivenEveryCutOfAMessageThenItIsRead) {
  for (const auto& row : shapes_rows)
    translate_every_cut(row.told);
}

TEST(MlShapes, GivenShapesNoArrayCanHaveThenThereAreNone) {
  const auto shapes = [](const std::string& text) {
    return meaning_of<shape_mismatch>(value_error("shape mismatch: " + text));
  };
  EXPECT_FALSE(shapes("(99999999999999999999,) (1,)").shape_a);
  EXPECT_FALSE(shapes("(-7,) (1,)").shape_a);
  EXPECT_FALSE(shapes("(2,3) and nothing").shape_a);
  EXPECT_FALSE(shapes("f() and g()").shape_a);
  EXPECT_EQ(shapes("() [2]").shape_a, array_shape{});
  std::string deep = "(";
  for (std::size_t i = 0; i <= limits::translated_dimensions_max; ++i)
    deep += "1,";
  EXPECT_FALSE(shapes(deep + ") (1,)").shape_a);
}

TEST(ArrayShape, PrintsAsPythonDoes) {
  EXPECT_EQ(to_string(array_shape{}), "()");
  EXPECT_EQ(to_string(array_shape{4}), "(4,)");
  EXPECT_EQ(to_string(array_shape{2, 3}), "(2, 3)");
}

} // namespace snakebridge::testing
