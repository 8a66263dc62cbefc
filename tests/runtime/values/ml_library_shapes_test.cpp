// Shapes that do not fit, as onnxruntime 1.32, scikit-learn 1.9, pandas 3.1 and
// SciPy 1.17 tell them.
#include "tests/runtime/values/ml_fixture.hpp"

namespace snakebridge::testing {

namespace {

using ::testing::Gt;
using ::testing::SizeIs;

struct shapes_row {
  python_error told;
  std::string operation;
  std::optional<array_shape> a, b;
};

const std::vector<shapes_row> shapes_rows{
  {value_error("X has 3 features, but LinearRegression is expecting 2 features "
               "as input."),
   "LinearRegression",
   {{3}},
   {{2}}},
  {value_error(
     "Found input variables with inconsistent numbers of samples: [6, 4]"),
   "",
   {{6}},
   {{4}}},
  {value_error("Expected 2D array, got 1D array instead:\narray=[ 0.  2.  4.  "
               "6.  8. 10.].\nReshape your data either using array.reshape(-1, "
               "1) if your data has a single feature or array.reshape(1, -1) "
               "if it contains a single sample."),
   "",
   {},
   {}},
  {value_error(
     "Found array with dim 3, while dim <= 2 is required by LinearRegression."),
   "",
   {},
   {}},
  {value_error("y should be a 1d array, got an array of shape (6, 2) instead."),
   "",
   {{6, 2}},
   {}},
  {value_error("sample_weight.shape == (2,), expected (6,)!"),
   "",
   {{2}},
   {{6}}},
  {value_error("y_true and y_pred have different number of output (2!=3)"),
   "",
   {{2}},
   {{3}}},
  {value_error("Incompatible dimension for X and Y matrices: X.shape[1] == 2 "
               "while Y.shape[1] == 3"),
   "",
   {{2}},
   {{3}}},
  {value_error("Precomputed metric requires shape (n_queries, n_indexed). Got "
               "(6, 2) for 4 indexed."),
   "",
   {{6, 2}},
   {{4}}},
  {value_error("Shape mismatch: if categories is an array, it has to be of "
               "shape (n_features,)."),
   "",
   {},
   {}},
  {value_error(
     "Found input variables with inconsistent numbers of samples: [1, 2, 3]"),
   "",
   {{1}},
   {{2}}},
  {value_error("The shape of the initial centers (3, 2) does not match the "
               "number of clusters 2."),
   "",
   {{3, 2}},
   {{2}}},
  {value_error("The shape of the initial centers (2, 3) does not match the "
               "number of features of the data 2."),
   "",
   {{2, 3}},
   {{2}}},
  {value_error(
     "The parameter 'weights' should have the shape of (2,), but got (1,)"),
   "",
   {{2}},
   {{1}}},
  {value_error("incompatible shapes: a1.shape=(3, 3) and b1.shape=(4, 1)"),
   "solve",
   {{3, 3}},
   {{4, 1}}},
  {value_error(
     "Shape mismatch: a and b should have the same number of rows (2 != 3)."),
   "",
   {{2}},
   {{3}}},
  {value_error("Shapes of lu (3, 3) and b (4,) are incompatible"),
   "",
   {{3, 3}},
   {{4}}},
  {value_error("Shapes of c (3,) and b (4,) are incompatible"),
   "",
   {{3}},
   {{4}}},
  {value_error("wrong b dimensions (4, 4), should be (3, 3)"),
   "",
   {{4, 4}},
   {{3, 3}}},
  {raised("numpy.linalg", "LinAlgError",
          "Last 2 dimensions of the array must be square"),
   "",
   {},
   {}},
  {value_error(
     "Array shapes are not compatible for c @ Q operation: (4, 4) vs (3, 3)"),
   "",
   {{4, 4}},
   {{3, 3}}},
  {value_error("the shapes of A and B differ ((2, 3) vs (4, 5))"),
   "",
   {{2, 3}},
   {{4, 5}}},
  {raised("numpy.linalg", "LinAlgError", "Incompatible dimensions"),
   "",
   {},
   {}},
  {raised("numpy.linalg", "LinAlgError",
          "1-dimensional array given. Array must be at least two-dimensional"),
   "",
   {},
   {}},
  {value_error(
     "matmul: dimension mismatch with signature (n,k=3),(k=4,m)->(n,m)"),
   "matmul",
   {{3}},
   {{4}}},
  {value_error(
     "matmul: dimension mismatch with signature (n,k=3),(k=4,1?)->(n,1?)"),
   "matmul",
   {{3}},
   {{4}}},
  {value_error("index pointer size 2 should be 3"), "", {{2}}, {{3}}},
  {value_error("Mismatching dimensions along axis 0: {2, 4}"),
   "concatenate",
   {{2}},
   {{4}}},
  {value_error("Diagonal length (index 0: 3 at offset 0) does not agree with "
               "array size (5, 5)."),
   "",
   {{3}},
   {{5, 5}}},
  {raised("builtins", "IndexError",
          "bool index 0 has shape (2,) instead of (4,)"),
   "index",
   {{2}},
   {{4}}},
  {value_error("matrix - rhs dimension mismatch ((3, 3) - 4)"),
   "solve",
   {{3, 3}},
   {{4}}},
  {value_error("dimension mismatch: (2, 3), (4, 2)"), "", {{2, 3}}, {{4, 2}}},
  {value_error("cannot add <2x3 MatrixLinearOperator with dtype=float64> and "
               "<4x5 MatrixLinearOperator with dtype=float64>: shape mismatch"),
   "add",
   {{2, 3}},
   {{4, 5}}},
  {value_error(
     "cannot multiply <2x3 MatrixLinearOperator with dtype=float64> and <4x5 "
     "MatrixLinearOperator with dtype=float64>: shape mismatch"),
   "matmul",
   {{2, 3}},
   {{4, 5}}},
  {value_error(
     "The size of the dimensions of A must be equal to the size of the first "
     "dimension of b but the shape of A is (3, 3) and the shape of b is (4,)."),
   "",
   {{3, 3}},
   {{4}}},
  {value_error("setting an array element with a sequence. The requested array "
               "has an inhomogeneous shape after 1 dimensions. The detected "
               "shape was (2,) + inhomogeneous part."),
   "array",
   {},
   {}},
  {value_error("There are 3 points and 2 values in dimension 1"),
   "",
   {{3}},
   {{2}}},
  {value_error("The requested sample points xi have dimension 3 but this "
               "RegularGridInterpolator has dimension 2"),
   "",
   {{3}},
   {{2}}},
  {type_error("Improper input: func input vector length N=2 must not exceed "
              "func output vector length M=1"),
   "",
   {{2}},
   {{1}}},
  {value_error("The return value of `jac` has wrong shape: expected (2, 2), "
               "actual (3, 3)."),
   "",
   {{2, 2}},
   {{3, 3}}},
  {type_error(
     "fsolve: there is a mismatch between the input and output shape of the "
     "'func' argument '_wrapped_func'.Shape should be (2,) but it is (3,)."),
   "fsolve",
   {{2}},
   {{3}}},
  {value_error("Incompatible dimensions. The first dimension of A is 2, while "
               "the shape of b is (3,)"),
   "",
   {{2}},
   {{3}}},
  {value_error("expected a matrix (2-D array), got a 1 array"), "", {}, {}},
  {value_error("Unexpected shape for parameter zi: expected (0,), found (3,)."),
   "",
   {{0}},
   {{3}}},
  {value_error(
     "Invalid zi shape. With axis=-1, an input with shape (5,), and an sos "
     "array with 1 sections, zi must have shape (1, 2), got (2, 3)."),
   "",
   {{1, 2}},
   {{2, 3}}},
  {value_error("window.shape=(3,) != (10,), i.e., window length is not equal "
               "to number of frequency bins!"),
   "",
   {{3}},
   {{10}}},
  {value_error("Parameter B has shape (2, 3) but should be (3, 3)!"),
   "",
   {{2, 3}},
   {{3, 3}}},
  {runtime_error("footprint.ndim (1) must match len(axes) (2)"), "", {}, {}},
  {runtime_error("The size of the array returned by func (3) does not match "
                 "the size of y0 (2)."),
   "",
   {{3}},
   {{2}}},
  {value_error("`y` is expected to have 2 columns, but actually has 3."),
   "",
   {{2}},
   {{3}}},
  {value_error(
     "`fun` return is expected to have shape (2, 2), but actually has (1, 2)."),
   "",
   {{2, 2}},
   {{1, 2}}},
  {value_error("Array shapes are incompatible for broadcasting."),
   "broadcast",
   {},
   {}},
  {value_error("Dimension mismatch: array 'cov' is of shape (3, 3), but 'mean' "
               "is a vector of length 2."),
   "",
   {{3, 3}},
   {{2}}},
  {value_error("points have dimension 3, dataset has dimension 2"),
   "",
   {{3}},
   {{2}}},
  {value_error("size does not match the broadcast shape of the parameters. "
               "(2,), (np.int64(2),), (3,)"),
   "",
   {{2}},
   {{3}}},
  {value_error("Vector 'x' must have either the same number of entries as, or "
               "one entry fewer than, parameter vector 'a', but alpha.shape = "
               "(2,) and x.shape = (4,)."),
   "",
   {{2}},
   {{4}}},
  {value_error("A 2-dimensional array must be passed. (Shape was (3,))."),
   "",
   {{3}},
   {}},
  {value_error("x must consist of vectors of length 3 but has shape (4,)"),
   "",
   {{3}},
   {{4}}},
  {value_error("Cannot broadcast (3,) rotations in first to (4,) rotations in "
               "second object."),
   "broadcast",
   {{3}},
   {{4}}},
  {value_error("Cannot broadcast 3 rotations to 4 vectors."),
   "broadcast",
   {{3}},
   {{4}}},
  {value_error("Length of values (3) does not match length of index (2)"),
   "assign",
   {{3}},
   {{2}}},
  {value_error("Expected a 1D array, got an array with shape (2, 2)"),
   "",
   {{2, 2}},
   {}},
  {value_error("Length mismatch: Expected axis has 2 elements, new values have "
               "3 elements"),
   "",
   {{2}},
   {{3}}},
  {value_error("Shape of passed values is (2, 2), indices imply (2, 3)"),
   "",
   {{2, 2}},
   {{2, 3}}},
  {value_error("3 columns passed, passed data had 2 columns"),
   "",
   {{3}},
   {{2}}},
  {value_error("All arrays must be of the same length"), "", {}, {}},
  {value_error("Dot product shape mismatch, (2, 2) vs (3, 2)"),
   "dot",
   {{2, 2}},
   {{3, 2}}},
  {value_error("matrices are not aligned"), "dot", {}, {}},
  {value_error(
     "Unable to coerce to DataFrame, shape must be (2, 2): given (3, 3)"),
   "",
   {{2, 2}},
   {{3, 3}}},
  {value_error("Unable to coerce to Series, length must be 2: given 3"),
   "",
   {{2}},
   {{3}}},
  {value_error("('Lengths must match to compare', (3,), (2,))"),
   "compare",
   {{3}},
   {{2}}},
  {value_error("Item wrong length 3 instead of 2."), "index", {{3}}, {{2}}},
  {raised("builtins", "IndexError",
          "Boolean index has wrong length: 3 instead of 2"),
   "index",
   {{3}},
   {{2}}},
  {value_error(
     "Must have equal len keys and value when setting with an iterable"),
   "assign",
   {},
   {}},
  {value_error("cannot set a row with mismatched columns"), "assign", {}, {}},
  {value_error("Columns must be same length as key"), "assign", {}, {}},
  {value_error("Length mismatch: Expected 2 rows, received array of length 3"),
   "",
   {{2}},
   {{3}}},
  {value_error("all arrays must be same length"), "", {}, {}},
  {value_error("Replacement lists must match in length. Expecting 2 got 1 "),
   "replace",
   {{2}},
   {{1}}},
  {value_error("Lengths must match to compare"), "compare", {}, {}},
  {onnx("InvalidArgument",
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions "
        "for input: x for the following indices\n index: 1 Got: 3 Expected: "
        "2\n Please fix either the inputs/outputs or the model."),
   "run",
   {{3}},
   {{2}}},
  {onnx("InvalidArgument",
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions "
        "for input: x for the following indices\n index: 0 Got: 3 Expected: "
        "1\n index: 1 Got: 3 Expected: 2\n Please fix either the "
        "inputs/outputs or the model."),
   "run",
   {{3}},
   {{1}}},
  {onnx(
     "InvalidArgument",
     "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Invalid rank for input: x "
     "Got: 1 Expected: 2 Please fix either the inputs/outputs or the model."),
   "",
   {},
   {}},
  {onnx("Fail", "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned "
                "while running MatMul node. Name:'mm' Status Message: "
                "matmul_helper.h:59 Compute MatMul dimension mismatch"),
   "MatMul",
   {},
   {}},
  {onnx("Fail", "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned "
                "while running Add node. Name:'add1' Status Message: "
                "/onnxruntime_src/onnxruntime/core/providers/cpu/math/"
                "element_wise_ops.h:563 void "
                "onnxruntime::BroadcastIterator::Init(ptrdiff_t, ptrdiff_t) "
                "axis == 1 || axis == largest was false. Attempting to "
                "broadcast an axis by a dimension other than 1. 3 by 5\n"),
   "Add",
   {{3}},
   {{5}}},
  {onnx("InvalidArgument",
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code "
        "returned while running Gemm node. Name:'g1' Status Message: GEMM: "
        "Dimension mismatch, W: {4,5} K: 3 N:5"),
   "Gemm",
   {{4, 5}},
   {{3}}},
  {onnx("Fail",
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while "
        "running Concat node. Name:'c1' Status Message: concatbase.h:135 "
        "PrepareForComputeImpl Non concat axis dimensions must match: Axis 1 "
        "has mismatched dimensions of 5 and 3"),
   "Concat",
   {{5}},
   {{3}}},
  {onnx("Fail",
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while "
        "running Concat node. Name:'c1' Status Message: "
        "/onnxruntime_src/onnxruntime/core/providers/cpu/tensor/"
        "concatbase.h:120 onnxruntime::common::Status "
        "onnxruntime::ConcatBase::PrepareForComputeImpl(KernelContextType*, "
        "const InlinedTensorsVector&, onnxruntime::Prepare&) const [with "
        "KernelContextType = onnxruntime::OpKernelContext; "
        "InlinedTensorsVector = absl::lts_20250814::InlinedVector<const "
        "onnxruntime::Tensor*, 5, std::allocator<const onnxruntime::Tensor*> "
        ">] input_rank == reference_rank was false. Ranks of input data are "
        "different, cannot concatenate them. expected rank: 2 got: 1\n"),
   "Concat",
   {},
   {}},
  {onnx("Fail",
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while "
        "running Reshape node. Name:'r1' Status Message: "
        "/onnxruntime_src/onnxruntime/core/providers/cpu/tensor/"
        "reshape_helper.h:91 onnxruntime::ReshapeHelper::ReshapeHelper(const "
        "onnxruntime::TensorShape&, onnxruntime::TensorShapeVector&, bool) "
        "input_shape_size == requested_shape_size was false. The input tensor "
        "cannot be reshaped to the requested shape. Input shape:{2,3}, "
        "requested shape:{4,2}\n"),
   "Reshape",
   {{2, 3}},
   {{4, 2}}},
  {onnx(
     "Fail",
     "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while "
     "running Conv node. Name:'y_nchwc' Status Message: Input channels C is "
     "not equal to kernel channels * group. C: 1 kernel channels: 3 group: 1"),
   "Conv",
   {{1}},
   {{3}}},
  {onnx("InvalidArgument",
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code "
        "returned while running Transpose node. Name:'t' Status Message: perm "
        "size: 3 does not match input rank: 2"),
   "Transpose",
   {},
   {}},
  {onnx("InvalidArgument",
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code "
        "returned while running Expand node. Name:'ex' Status Message: invalid "
        "expand shape"),
   "Expand",
   {},
   {}},
  {onnx("Fail",
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while "
        "running Split node. Name:'sp' Status Message: Input cannot be split "
        "evenly on selected axis. Input shape={3,3} Axis=0 NumOutputs=2"),
   "Split",
   {},
   {}},
  {onnx("InvalidArgument",
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code "
        "returned while running LayerNormalization node. Name:'ln' Status "
        "Message: Scale and (optional) bias must match X.shape[axis:] or be "
        "NumPy-broadcastable to it. X.shape={2,3} scale.shape={5} "
        "bias.shape={} and axis=1"),
   "LayerNormalization",
   {{2, 3}},
   {{5}}},
  {onnx("InvalidArgument",
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code "
        "returned while running BatchNormalization node. Name:'bn' Status "
        "Message: Invalid input scale: 0th dimension != 3"),
   "BatchNormalization",
   {},
   {}},
  {onnx("Fail",
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while "
        "running Softmax node. Name:'sm' Status Message: "
        "/onnxruntime_src/onnxruntime/core/providers/common.h:31 int64_t "
        "onnxruntime::HandleNegativeAxis(int64_t, int64_t) IsAxisInRange(axis, "
        "tensor_rank) was false. axis 5 is not in valid range [-2,1]\n"),
   "Softmax",
   {},
   {}},
  {onnx("InvalidArgument",
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code "
        "returned while running LSTM node. Name:'l' Status Message: Input W "
        "must have shape {1,16,5}. Actual:{1,16,3}"),
   "LSTM",
   {{1, 16, 5}},
   {{1, 16, 3}}},
  {onnx(
     "Fail",
     "[ONNXRuntimeError] : 1 : FAIL : Node (mm) Op (MatMul) "
     "[ShapeInferenceError] Incompatible dimensions for matrix multiplication"),
   "MatMul",
   {},
   {}},
  {onnx("Fail", "[ONNXRuntimeError] : 1 : FAIL : Node (aa) Op (Add) "
                "[ShapeInferenceError] Incompatible dimensions"),
   "Add",
   {},
   {}},
  {raised_in(
     "sklearn/neighbors/_base.py",
     value_error("Precomputed matrix must be square. Input is a 6x2 matrix.")),
   "",
   {{6, 2}},
   {}},
  {raised_in(
     "sklearn/svm/_base.py",
     value_error(
       "Precomputed matrix must be a square matrix. Input is a 6x2 matrix.")),
   "",
   {{6, 2}},
   {}},
  {raised_in("sklearn/cluster/_agglomerative.py",
             value_error(
               "Distance matrix should be square, got matrix of shape (6, 2)")),
   "",
   {{6, 2}},
   {}},
  {raised_in("sklearn/cluster/_affinity_propagation.py",
             value_error("The matrix of similarities must be a square array. "
                         "Got (6, 2) instead.")),
   "",
   {{6, 2}},
   {}},
  {raised_in(
     "sklearn/utils/validation.py",
     value_error("array must be 2-dimensional and square. shape = (6, 2)")),
   "",
   {{6, 2}},
   {}},
  {raised_in("scipy/linalg/_basic.py",
             value_error("Expected square matrix, got a1.shape=(2, 3)")),
   "",
   {{2, 3}},
   {}},
  {raised_in("scipy/linalg/_basic.py",
             value_error("Last 2 dimensions of the array must be square but "
                         "received shape (2, 3).")),
   "",
   {{2, 3}},
   {}},
  {raised_in(
     "scipy/linalg/_decomp_cholesky.py",
     value_error(
       "Input array is expected to be square but has the shape: (2, 3).")),
   "",
   {{2, 3}},
   {}},
  {raised_in("scipy/linalg/_decomp_cholesky.py",
             value_error("incompatible dimensions ((3, 3) and (4,))")),
   "",
   {{3, 3}},
   {{4}}},
  {raised_in("scipy/sparse/_compressed.py",
             value_error("inconsistent shapes (2, 3) and (4, 5)")),
   "",
   {{2, 3}},
   {{4, 5}}},
  {raised_in(
     "scipy/sparse/_base.py",
     value_error("inconsistent shapes self.shape=(2, 3) other.shape=(4, 5)")),
   "",
   {{2, 3}},
   {{4, 5}}},
  {raised_in("scipy/sparse/_coo.py",
             value_error("inconsistent shapes: (3, 3) != (2, 3)")),
   "",
   {{3, 3}},
   {{2, 3}}},
  {raised_in("scipy/sparse/linalg/_dsolve/linsolve.py",
             value_error("matrix must be square (has shape (2, 3))")),
   "",
   {{2, 3}},
   {}},
  {raised_in("scipy/sparse/linalg/_isolve/utils.py",
             value_error("expected square matrix, but got shape=((2, 3),)")),
   "",
   {{2, 3}},
   {}},
  {raised_in("scipy/sparse/linalg/_eigen/arpack/arpack.py",
             value_error("expected square matrix (shape=(2, 3))")),
   "",
   {{2, 3}},
   {}},
  {raised_in("scipy/sparse/linalg/_dsolve/linsolve.py",
             value_error("A must be a square matrix but its shape is (3, 2).")),
   "",
   {{3, 2}},
   {}},
  {raised_in("scipy/signal/_signaltools.py",
             value_error("Parameter divisor must be non-empty 1d array, but "
                         "its shape is (1, 2)!")),
   "",
   {{1, 2}},
   {}},
  {raised_in(
     "scipy/spatial/transform/_rotation_cy.pyx",
     value_error(
       "Expected `matrix` to have shape (3, 3) or (N, 3, 3), got (2, 3)")),
   "",
   {{3, 3}},
   {{2, 3}}},
  {raised_in("pandas/core/internals/construction.py",
             value_error("Must pass 2-d input. shape=(2, 2, 2)")),
   "",
   {{2, 2, 2}},
   {}},
  {raised_in(
     "pandas/core/construction.py",
     value_error(
       "Data must be 1-dimensional, got ndarray of shape (2, 2) instead")),
   "",
   {{2, 2}},
   {}},
  {raised_in("pandas/core/series.py",
             raised("builtins", "Exception",
                    "Dot product shape mismatch, (3,) vs (4,)")),
   "dot",
   {{3}},
   {{4}}},

  {onnx("Fail",
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while "
        "running Conv node. Name:'y_nchwc' Status Message: nchwc_ops.cc:167 "
        "Compute NCHWc Conv input and filter must be rank 4."),
   "Conv",
   {},
   {}},
  {onnx("Fail", "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned "
                "while running MatMul node. Name:'mm' Status Message: MatMul "
                "dimension mismatch. Left vector K (3) != right vector K (4)"),
   "MatMul",
   {{3}},
   {{4}}},
  // Equal shapes do not fit a product either.
  {value_error("Dot product shape mismatch, (2, 3) vs (2, 3)"),
   "dot",
   {{2, 3}},
   {{2, 3}}},
  {runtime_error("mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"),
   "matmul",
   {{2, 3}},
   {{2, 3}}},
  // Of three, one is at fault.
  {value_error(
     "operands could not be broadcast together with shapes (3,) (3,) (4,) "),
   "broadcast",
   {{3}},
   {{4}}},
  // Older wordings.
  {value_error("X has 3 features per sample; expecting 2"), "", {{3}}, {{2}}},
  {value_error("Number of features of the model must match the input. Model "
               "n_features is 2 and input n_features is 3 "),
   "",
   {{2}},
   {{3}}},
  {value_error("X.shape[1] = 3 should be equal to 2, the number of features at "
               "training time"),
   "",
   {{3}},
   {{2}}},
  {value_error("X and Y should be of same shape. They were respectively (6, 2) "
               "and (4, 3) long."),
   "",
   {{6, 2}},
   {{4, 3}}},
  {value_error("Found array with dim 3. Estimator expected <= 2."), "", {}, {}},
  {value_error("bad input shape (6, 2)"), "", {{6, 2}}, {}},
  {value_error("Length of values does not match length of index"),
   "assign",
   {},
   {}},
  {value_error("arrays must all be same length"), "", {}, {}},
  {value_error("Item wrong length 1 instead of 3."), "index", {{1}}, {{3}}},
  {value_error("matrix - rhs size mismatch ((3, 3) - 4)"),
   "solve",
   {{3, 3}},
   {{4}}},
  {value_error("blocks[0,:] has incompatible row dimensions. Got "
               "blocks[0,1].shape[0] == 4, expected 2."),
   "concatenate",
   {{4}},
   {{2}}},
  {value_error("blocks[:,0] has incompatible column dimensions. Got "
               "blocks[1,0].shape[1] == 5, expected 3."),
   "concatenate",
   {{5}},
   {{3}}},
  {value_error("Diagonal length (index 0: 3 at offset 0) does not agree with "
               "matrix size (5, 5)."),
   "",
   {{3}},
   {{5, 5}}},
  {value_error("Incompatible dimensions. The first dimension of A is 2, while "
               "the shape of b is 3"),
   "",
   {{2}},
   {{3}}},
};

struct library_row {
  std::string file; ///< which raises it
  std::string message;
};

const std::vector<library_row> library_rows{
  {"sklearn/utils/validation.py",
   "Sample weights must be 1D array or scalar, got 2D array. Expected either a "
   "scalar value or a 1D array of length 6."},
  {"sklearn/neighbors/_binary_tree.pxi",
   "query data dimension must match training data dimension"},
  {"sklearn/utils/validation.py",
   "Expected a 2-dimensional container but got <class 'pandas.Series'> "
   "instead. Pass a DataFrame containing a single row (i.e. single sample) or "
   "a single column (i.e. single feature) instead."},
  {"sklearn/isotonic.py", "Isotonic regression input X should be a 1d array or "
                          "2d array with 1 feature"},
  {"scipy/linalg/_basic.py", "expected square matrix"},
  {"scipy/linalg/_basic.py", "shapes of ab and b are not compatible."},
  {"scipy/linalg/_basic.py", "Incompatible dimensions."},
  {"scipy/linalg/_decomp.py", "expected square \"a\" matrix"},
  {"scipy/linalg/_decomp.py", "a and b must have the same shape"},
  {"scipy/linalg/_matfuncs_inv_ssq.py", "expected a square matrix"},
  {"scipy/linalg/_decomp_svd.py", "expected matrix"},
  {"scipy/linalg/_decomp_polar.py", "`a` must be a 2-D array."},
  {"scipy/linalg/_decomp_qr.py", "expected a 2-D array"},
  {"scipy/linalg/_solvers.py", "Matrix a and q should have the same shape."},
  {"scipy/linalg/_decomp_lu.py",
   "The input array must be at least two-dimensional."},
  {"scipy/linalg/_matfuncs.py",
   "The number of columns for both arrays should be equal."},
  {"scipy/sparse/_base.py", "inconsistent shapes"},
  {"scipy/sparse/_base.py", "inconsistent shape"},
  {"scipy/sparse/_compressed.py", "indices and data should have the same size"},
  {"scipy/sparse/_construct.py", "incompatible dimensions for axis 1"},
  {"scipy/sparse/_sputils.py", "axis out of range for ndim"},
  {"scipy/sparse/linalg/_dsolve/linsolve.py",
   "can only factor square matrices"},
  {"scipy/interpolate/_polyint.py",
   "x and y arrays must be equal in length along interpolation axis."},
  {"scipy/interpolate/_cubic.py",
   "The length of `y` along `axis`=0 doesn't match the length of `x`"},
  {"scipy/interpolate/_fitpack2.py", "x and y should have a same length"},
  {"scipy/interpolate/_fitpack_impl.py",
   "Lengths of the first three arguments (x,y,w) must be equal"},
  {"scipy/interpolate/_rgi.py",
   "There are 3 point arrays, but values has 2 dimensions"},
  {"scipy/interpolate/_fitpack2.py",
   "x dimension of z must have same number of elements as x"},
  {"scipy/interpolate/_interpnd.pyx", "different number of values and points"},
  {"scipy/interpolate/_interpnd.pyx",
   "number of dimensions in xi does not match x"},
  {"scipy/interpolate/_rbfinterp.py",
   "Expected the first axis of `d` to have length 5."},
  {"scipy/optimize/_minpack_py.py", "`sigma` has incorrect shape."},
  {"scipy/optimize/_lsq/least_squares.py",
   "Inconsistent shapes between bounds and `x0`."},
  {"scipy/optimize/_minimize.py", "'x0' must only have one dimension."},
  {"scipy/optimize/_linprog_util.py",
   "Invalid input for linprog: A_ub must have exactly two dimensions, and the "
   "number of columns in A_ub must be equal to the size of c"},
  {"scipy/optimize/_linprog_util.py",
   "Invalid input for linprog: b_ub must be a 1-D array; b_ub must not have "
   "more than one non-singleton dimension and the number of rows in A_ub must "
   "equal the number of values in b_ub"},
  {"scipy/optimize/_linprog_util.py",
   "Invalid input for linprog: unable to interpret bounds with this dimension "
   "tuple: (3, 2)."},
  {"scipy/optimize/_lsq/lsq_linear.py",
   "Inconsistent shapes between `A` and `b`."},
  {"scipy/optimize/_milp.py", "The shape of `A` must be (len(b_l), len(c))."},
  {"scipy/signal/_signaltools.py",
   "volume and kernel should have the same dimensionality"},
  {"scipy/signal/_signaltools.py", "convolve2d inputs must both be 2-D arrays"},
  {"scipy/signal/_signaltools.py", "For 'valid' mode, one must be at least as "
                                   "large as the other in every dimension"},
  {"scipy/signal/_spectral_py.py", "x and y cannot be broadcast together."},
  {"scipy/signal/_spectral_py.py",
   "Parameters x, y, weights must be 1-D arrays of equal non-zero length!"},
  {"scipy/signal/_ltisys.py",
   "U must have the same number of rows as elements in T."},
  {"scipy/signal/_peak_finding.py", "`x` must be a 1-D array"},
  {"scipy/integrate/_quadrature.py",
   "If given, length of x along axis must be the same as y."},
  {"scipy/integrate/_ivp/base.py", "`y0` must be 1-dimensional."},
  {"scipy/stats/_stats_py.py", "`x` and `y` must be broadcastable."},
  {"scipy/stats/_kde.py", "`weights` input should be of length n"},
  {"scipy/stats/_stats_py.py",
   "Value and weight array-likes for the same empirical distribution must be "
   "of the same size."},
  {"scipy/spatial/distance.py",
   "XA and XB must have the same number of columns (i.e. feature dimension.)"},
  {"scipy/spatial/distance.py", "XA must be a 2-dimensional array."},
  {"scipy/spatial/distance.py", "The 1d arrays must have equal lengths."},
  {"scipy/spatial/distance.py", "Input vector should be 1-D."},
  {"scipy/spatial/distance.py",
   "Incompatible vector size. It must be a binomial coefficient n choose 2 for "
   "some integer n >= 2."},
  {"scipy/spatial/distance.py", "The matrix argument must be square."},
  {"scipy/spatial/distance.py",
   "Variance vector V must be of the same dimension as the vectors on which "
   "the distances are computed."},
  {"scipy/spatial/distance.py",
   "u and v need to have the same number of columns"},
  {"scipy/spatial/_ckdtree.pyx",
   "Trees passed to sparse_distance_matrix have different dimensionality"},
  {"scipy/spatial/_qhull.pyx", "Input points array must have 2 dimensions."},
  {"scipy/spatial/_qhull.pyx", "wrong dimensionality in xi"},
  {"scipy/spatial/_procrustes.py", "Input matrices must be of same shape"},
  {"scipy/spatial/transform/_rotation.py",
   "Expected `quat` to have shape (..., 4), got (3,)."},
  {"scipy/ndimage/_ni_support.py",
   "sequence argument must have length equal to input rank"},
  {"scipy/ndimage/_interpolation.py", "affine matrix has wrong number of rows"},
  {"scipy/ndimage/_interpolation.py", "invalid shape for coordinate array"},
  {"scipy/ndimage/_measurements.py",
   "structure and input must have equal rank"},
  {"scipy/ndimage/_morphology.py",
   "structure and input must have same dimensionality"},
  {"scipy/ndimage/_morphology.py", "mask and input must have equal sizes"},
  {"scipy/ndimage/_interpolation.py", "input array should be at least 2D"},
  {"scipy/ndimage/_ni_support.py", "output shape not correct"},
  {"pandas/core/internals/construction.py",
   "Per-column arrays must each be 1-dimensional"},
  {"pandas/core/indexers/utils.py",
   "cannot set using a slice indexer with a different length than the value"},
  {"pandas/core/generic.py", "Array conditional must be same shape as self"},
  {"pandas/core/indexes/base.py", "Index data must be 1-dimensional"},
  {"pandas/core/frame.py", "columns must have matching element counts"},
  {"pandas/core/generic.py", "No axis named 5 for object type DataFrame"},
  {"pandas/core/sample.py",
   "Weights and axis to be sampled must be of same length"},
  {"pandas/core/array_algos/putmask.py",
   "putmask: mask and data must be the same size"},

  // Older wordings.
  {"scipy/stats/_stats_py.py", "x and y must have the same length."},
  {"scipy/stats/stats.py", "unequal length arrays"},
  {"scipy/ndimage/_filters.py", "filter weights array has incorrect shape."},
};

} // namespace

TEST(MlLibraryShapes, GivenAWordingThenItsShapesAreRead) {
  for (const auto& row : shapes_rows) {
    SCOPED_TRACE(row.told.message);
    const auto told = meaning_of<shape_mismatch>(row.told);
    EXPECT_EQ(told.operation, row.operation);
    EXPECT_EQ(told.shape_a, row.a);
    EXPECT_EQ(told.shape_b, row.b);
    EXPECT_THAT(told.suggestion, SizeIs(Gt(20U)));
  }
}

// "must have the same length" may be about anything.
TEST(MlLibraryShapes, GivenAGeneralWordingThenOnlyALibrarysCodeIsBelieved) {
  for (const auto& row : library_rows) {
    SCOPED_TRACE(row.message);
    auto told = raised_in(row.file, value_error(row.message));
    const auto meaning = meaning_of<shape_mismatch>(told);
    EXPECT_FALSE(meaning.shape_a || meaning.shape_b);
    EXPECT_THAT(meaning.suggestion, SizeIs(Gt(20U)));
    told.frames.push_back({"/home/me/sklearn/train.py", 7, "objective"});
    EXPECT_FALSE(translate(told));
    told.frames.clear();
    EXPECT_FALSE(translate(told));
  }
}

TEST(MlLibraryShapes, GivenEveryCutOfAMessageThenItIsRead) {
  for (const auto& row : shapes_rows)
    translate_every_cut(row.told);
}

TEST(MlLibraryShapes, GivenWhatAModelTakesThenItIsToldFirst) {
  const auto told = meaning_of<shape_mismatch>(
    onnx("InvalidArgument",
         "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions "
         "for input: x for the following indices\n index: 1 Got: 3 Expected: "
         "2\n Please fix either the inputs/outputs or the model."));
  EXPECT_THAT(told.suggestion,
              ::testing::HasSubstr("the model takes 2 there, not 3"));
}

} // namespace snakebridge::testing
