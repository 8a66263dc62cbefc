// Dtypes that do not go together, as onnxruntime 1.32, scikit-learn 1.9, pandas
// 3.1 and SciPy 1.17 tell them.
#include "tests/runtime/values/ml_fixture.hpp"

namespace snakebridge::testing {

namespace {

using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct dtypes_row {
  python_error told;
  std::string operation, expected, got;
};

const std::vector<dtypes_row> dtypes_rows{
  {value_error(
     "dtype='numeric' is not compatible with arrays of bytes/strings.Convert "
     "your data to numeric values explicitly instead."),
   "", "", "str"},
  {value_error("could not convert string to float: np.str_('a')"), "",
   "float64", "str"},
  {value_error("scipy.sparse does not support dtype <U1. The only supported "
               "types are: bool, int8, uint8, int16, uint16, int32, uint32, "
               "int64, uint64, longlong, ulonglong, float32, float64, "
               "longdouble, complex64, complex128, clongdouble."),
   "", "", "<U1"},
  {value_error("scipy.sparse does not support dtype object. The only supported "
               "types are: bool, int8, uint8, int16, uint16, int32, uint32, "
               "int64, uint64, longlong, ulonglong, float32, float64, "
               "longdouble, complex64, complex128, clongdouble."),
   "", "", "object"},
  {type_error(
     "no supported conversion for types: (dtype('float64'), dtype('<U'))"),
   "", "", "float64, <U"},
  {value_error("You are trying to merge on int64 and str columns for key 'a'. "
               "If you wish to proceed you should use pd.concat"),
   "merge", "int64", "str"},
  {value_error("You are trying to merge on int64 and datetime64[us] columns "
               "for key 'a'. If you wish to proceed you should use pd.concat"),
   "merge", "int64", "datetime64"},
  {raised("pandas.errors", "MergeError",
          "incompatible merge keys [0] dtype('int64') and dtype('float64'), "
          "must be the same type"),
   "merge", "int64", "float64"},
  {value_error("cannot safely convert passed user dtype of int64 for float64 "
               "dtyped data in column 0"),
   "", "int64", "float64"},
  {raised("pandas.errors", "IntCastingNaNError",
          "Cannot convert non-finite values (NA or inf) to integer. Replace or "
          "remove non-finite values or cast to an integer type that supports "
          "these values (e.g. 'Int64')"),
   "", "", ""},
  {raised(
     "pandas.errors", "IntCastingNaNError",
     "Cannot convert non-finite values (NA or inf) to integer. Replace or "
     "remove non-finite values or cast to an integer type that supports these "
     "values (e.g. 'Int64'): Error while type casting for column 'a'"),
   "", "", ""},
  {type_error("cannot safely cast non-equivalent float64 to int64"), "",
   "int64", "float64"},
  {type_error("cannot safely cast non-equivalent object to int64"), "", "int64",
   "object"},
  {type_error("cannot safely cast non-equivalent int64 to int8"), "", "int8",
   "int64"},
  {type_error("loop of ufunc does not support argument 0 of type str which has "
              "no callable sqrt method"),
   "sqrt", "", "object"},
  {onnx("InvalidArgument",
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Unexpected input data "
        "type. Actual: (tensor(double)) , expected: (tensor(float))"),
   "", "float32", "float64"},
  {onnx("InvalidArgument",
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Unexpected input data "
        "type. Actual: (tensor(string)) , expected: (tensor(float))"),
   "", "float32", "string"},
  {runtime_error("Numpy_type 14 can't be converted to MLDataType."), "", "",
   ""},
  {onnx("Fail", "[ONNXRuntimeError] : 1 : FAIL : Type Error: Type parameter "
                "(T) of Optype (Add) bound to different types (tensor(float) "
                "and tensor(double) in node (aa)."),
   "Add", "float32", "float64"},
  {onnx("InvalidGraph",
        "[ONNXRuntimeError] : 10 : INVALID_GRAPH : This is an invalid model. "
        "Type Error: Type 'tensor(string)' of input parameter (x) of operator "
        "(Add) in node (aa) is invalid."),
   "Add", "", "string"},
  {onnx("Fail", "[ONNXRuntimeError] : 1 : FAIL : Type Error: Type "
                "(tensor(double)) of output arg (y) of node (aa) does not "
                "match expected type (tensor(float))."),
   "", "float32", "float64"},
  {raised_in("pandas/core/generic.py",
             value_error("could not convert string to float: 'red'")),
   "", "float64", "str"},
  {raised_in(
     "sklearn/utils/_array_api.py",
     type_error(
       "float() argument must be a string or a real number, not 'dict'")),
   "", "float64", "dict"},
  {raised_in("sklearn/utils/validation.py",
             value_error("Complex data not supported\n[[0. +0.j 0. +1.j]\n [0. "
                         "+2.j 0. +3.j]\n [0. +4.j 0. +5.j]\n [0. +6.j 0. "
                         "+7.j]\n [0. +8.j 0. +9.j]\n [0.+10.j 0.+11.j]]\n")),
   "", "", "complex"},
  {raised_in("sklearn/impute/_base.py",
             value_error("Cannot use mean strategy with non-numeric "
                         "data:\ncould not convert string to float: 'a'")),
   "", "float64", "str"},
  {raised_in("scipy/_lib/_util.py",
             value_error("object arrays are not supported")),
   "", "", "object"},
  {raised_in("scipy/signal/_signaltools.py",
             value_error("dtype=<U1 is not supported by medfilt")),
   "", "", "<U1"},
  {raised_in("scipy/signal/_signaltools.py",
             raised("builtins", "NotImplementedError",
                    "Parameter's dtypes produced result type '<U32', which is "
                    "not supported!")),
   "", "", "<U32"},
  {raised_in("scipy/spatial/distance.py", value_error("Unsupported dtype <U1")),
   "", "", "<U1"},
  {raised_in("pandas/_libs/parsers.pyx",
             value_error("invalid literal for int() with base 10: 'x'")),
   "", "int64", "str"},
  {raised_in("pandas/_libs/parsers.pyx",
             value_error("Integer column has NA values in column 0")),
   "", "", ""},
  {raised_in("pandas/_libs/lib.pyx",
             value_error("Unable to parse string 'x' at position 0")),
   "", "", "str"},
  {raised_in("pandas/core/arrays/datetimelike.py",
             type_error("Cannot cast DatetimeArray to dtype float64")),
   "", "float64", "datetime64"},
  {raised_in(
     "pandas/core/arrays/datetimelike.py",
     type_error("Converting from datetime64[us] to int32 is not supported. Do "
                "obj.astype('int64').astype(dtype) instead")),
   "", "int32", "datetime64"},
  {raised_in("pandas/core/arrays/masked.py",
             value_error("cannot convert NA to integer")),
   "", "", ""},
  {raised_in(
     "pandas/core/arrays/masked.py",
     value_error("cannot convert to 'int64'-dtype NumPy array with missing "
                 "values. Specify an appropriate 'na_value' for this dtype.")),
   "", "int64", ""},
  {raised_in("pandas/core/arrays/categorical.py",
             value_error("Cannot cast str dtype to int64")),
   "", "int64", "str"},
  {raised_in(
     "pandas/core/ops/array_ops.py",
     type_error("unsupported operand type(s) for +: 'Categorical' and 'int'")),
   "+", "", "Categorical, int"},
  {raised_in(
     "pandas/core/arrays/base.py",
     type_error(
       "'Categorical' with dtype category does not support operation 'sum'")),
   "sum", "", "category"},
  {raised_in("pandas/core/internals/blocks.py",
             type_error("Invalid value 'x' for dtype 'int64'")),
   "assign", "int64", ""},
  {raised_in("pandas/core/arrays/masked.py",
             type_error("Invalid value 'x' for dtype 'Int64'")),
   "assign", "int64", ""},
  {raised_in("pandas/core/arrays/masked.py",
             type_error("Invalid value '1.5' for dtype 'Int64'")),
   "assign", "int64", ""},
  {raised_in("pandas/core/arrays/string_.py",
             type_error("Invalid value '1' for dtype 'str'. Value should be a "
                        "string or missing value, got 'int' instead.")),
   "assign", "str", ""},
  {raised_in("pandas/core/internals/blocks.py",
             type_error("Invalid value 'x' for dtype 'datetime64[us]'")),
   "assign", "datetime64", ""},
  {raised_in("pandas/core/internals/blocks.py",
             type_error("Invalid value 'x' for dtype 'bool'")),
   "assign", "bool", ""},
  {raised_in("pandas/core/arrays/string_.py",
             type_error("can only concatenate str (not \"int\") to str")),
   "+", "", "str, int"},
  {raised_in("pandas/core/roperator.py",
             type_error("unsupported operand type(s) for +: 'int' and 'str'")),
   "+", "", "int, str"},
  {raised_in("pandas/core/arrays/string_.py",
             type_error("can't multiply sequence by non-int of type 'float'")),
   "*", "", "str, float"},
  {raised_in("pandas/core/arrays/string_.py",
             type_error("unsupported operand type(s) for -: 'str' and 'str'")),
   "-", "", "str"},
  {raised_in("pandas/core/arrays/base.py",
             type_error("'DatetimeArray' with dtype datetime64[us] does not "
                        "support operation 'sum'")),
   "sum", "", "datetime64"},
  {raised_in(
     "pandas/core/arrays/datetimelike.py",
     type_error("unsupported operand type(s) for -: 'Timestamp' and 'str'")),
   "-", "", "Timestamp, str"},
  {raised_in(
     "pandas/core/ops/invalid.py",
     type_error("Invalid comparison between dtype=datetime64[us] and int")),
   "compare", "", "datetime64"},
  {raised_in(
     "pandas/core/ops/invalid.py",
     type_error(
       "Invalid comparison between dtype=datetime64[us] and StringArray")),
   "compare", "", "datetime64"},
  {raised_in(
     "pandas/core/arrays/string_.py",
     type_error("'>' not supported between instances of 'str' and 'int'")),
   ">", "", "str, int"},
  {raised_in("pandas/core/arrays/string_.py",
             type_error("Cannot perform reduction 'mean' with string dtype")),
   "mean", "", "str"},
  {raised_in(
     "numpy/_core/_methods.py",
     type_error("unsupported operand type(s) for +: 'float' and 'str'")),
   "+", "", "float, str"},
  {raised_in("pandas/core/groupby/groupby.py",
             type_error("agg function failed [how->mean,dtype->object]")),
   "mean", "", "object"},
  {raised_in("pandas/core/arrays/datetimelike.py",
             type_error("datetime64 type does not support operation 'sum'")),
   "sum", "", "datetime64"},
  {raised_in("pandas/core/arrays/string_.py",
             type_error("operation 'cumprod' not supported for dtype 'str'")),
   "cumprod", "", "str"},
  {raised_in("pandas/core/arrays/numpy_.py",
             type_error("bad operand type for unary -: 'str'")),
   "-", "", "str"},
  {raised_in(
     "pandas/core/ops/array_ops.py",
     type_error(
       "unsupported operand type(s) for &: 'StringArray' and 'StringArray'")),
   "&", "", "StringArray"},
  {raised_in(
     "pandas/_libs/ops.pyx",
     type_error("unsupported operand type(s) for &: 'int' and 'float'")),
   "&", "", "int, float"},
  {raised_in("pandas/core/dtypes/cast.py",
             value_error("Trying to coerce float values to integers")),
   "", "int64", "float64"},
  {raised_in(
     "pandas/core/construction.py",
     type_error(
       "float() argument must be a string or a real number, not 'complex'")),
   "", "float64", "complex"},
  {raised_in("pandas/core/dtypes/cast.py",
             value_error("cannot convert float NaN to integer")),
   "", "", ""},
  {raised_in("pandas/core/ops/invalid.py",
             type_error("Invalid comparison between dtype=int64 and str")),
   "compare", "", "int64"},
  {raised_in(
     "pandas/core/computation/expr.py",
     type_error("unsupported operand type(s) for +: 'int64' and 'str'")),
   "+", "", "int64, str"},
  {raised_in(
     "numpy/_core/_methods.py",
     type_error("'>=' not supported between instances of 'int' and 'str'")),
   ">=", "", "int, str"},

  // Older wordings.
  {raised_in("pandas/core/internals/blocks.py",
             type_error("Invalid value 'x' for dtype int64")),
   "assign", "int64", ""},
  {value_error("You are trying to merge on int64 and object columns. If you "
               "wish to proceed you should use pd.concat"),
   "merge", "int64", "object"},
  {value_error("Cannot convert non-finite values (NA or inf) to integer"), "",
   "", ""},
  {raised_in("pandas/core/nanops.py",
             type_error("Could not convert string 'xy' to numeric")),
   "", "float64", "str"},
  {raised_in("pandas/core/arrays/categorical.py",
             value_error("Cannot cast object dtype to int64")),
   "", "int64", "object"},
  {raised_in(
     "sklearn/utils/validation.py",
     type_error("float() argument must be a string or a number, not 'dict'")),
   "", "float64", "dict"},
};

} // namespace

TEST(MlLibraryDtypes, GivenAWordingThenItsDtypesAreRead) {
  for (const auto& row : dtypes_rows) {
    SCOPED_TRACE(row.told.message);
    const auto told = meaning_of<dtype_mismatch>(row.told);
    EXPECT_EQ(told.operation, row.operation);
    EXPECT_EQ(told.expected, row.expected);
    EXPECT_EQ(told.got, row.got);
    EXPECT_THAT(told.suggestion, SizeIs(Gt(20U)));
  }
}

// float('red') of a caller's own is no matter of dtypes.
TEST(MlLibraryDtypes, GivenAGeneralWordingThenOnlyALibrarysCodeIsBelieved) {
  for (const auto& row : dtypes_rows) {
    SCOPED_TRACE(row.told.message);
    auto told = row.told;
    if (told.frames.empty())
      continue;
    told.frames.push_back({"/home/me/pandas/clean.py", 7, "parse"});
    EXPECT_FALSE(translate(told));
  }
}

TEST(MlLibraryDtypes, GivenObjectsThatAreNoElementsThenItIsAnotherMistake) {
  for (const auto* message :
       {"unsupported operand type(s) for +: 'NoneType' and 'int'",
        "unsupported operand type(s) for -: 'method' and 'float'",
        "'<' not supported between instances of 'list' and 'int'",
        "can only concatenate str (not \"list\") to str",
        "bad operand type for unary -: 'dict'"})
    EXPECT_FALSE(
      translate(raised_in("pandas/core/roperator.py", type_error(message))))
      << message;
}

TEST(MlLibraryDtypes, GivenStringsOrGapsThenTheSuggestionSaysWhatToDo) {
  const auto suggested = [](const std::string& file, const std::string& text) {
    return meaning_of<dtype_mismatch>(raised_in(file, value_error(text)))
      .suggestion;
  };
  EXPECT_THAT(suggested("pandas/core/generic.py",
                        "could not convert string to float: 'red'"),
              HasSubstr("pandas.to_numeric"));
  EXPECT_THAT(
    suggested("pandas/core/arrays/masked.py", "cannot convert NA to integer"),
    HasSubstr("fillna"));
}

TEST(MlLibraryDtypes, GivenEveryCutOfAMessageThenItIsRead) {
  for (const auto& row : dtypes_rows)
    translate_every_cut(row.told);
}

} // namespace snakebridge::testing
