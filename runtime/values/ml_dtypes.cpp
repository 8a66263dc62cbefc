// Types of numbers that do not go together: one row per wording.
#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "runtime/values/ml_error.hpp"
#include "runtime/values/ml_text.hpp"

namespace snakebridge {

namespace {

using ml_text::npos;

// Which dtypes a message must tell; without them it may mean anything.
enum class needs { nothing, one, both };

struct wording {
  std::string_view phrase;
  /// What stands before the dtypes; the second is looked for behind the first,
  /// then from the beginning.
  std::string_view before_expected = {};
  std::string_view before_got = {};
  needs told = needs::both;
  /// What the wording means, though it does not name it.
  std::string_view expected = {};
  std::string_view got = {};
  std::string_view operation = {};
  std::string_view suggestion = {}; ///< empty: to convert it
};

constexpr std::string_view of_strings =
  "turn the strings into numbers first (pandas.to_numeric, or an encoder for "
  "categories), or leave them out (DataFrame.select_dtypes('number'))";
constexpr std::string_view of_gaps =
  "fill or drop what is missing or infinite first (fillna, dropna), or convert "
  "to 'Int64', which has missing values";
constexpr std::string_view of_columns =
  "assign a value of the column's dtype, or convert the column first to one "
  "that holds both (Series.astype)";
constexpr std::string_view of_objects =
  "the array is of objects that are no plain numbers: make it one of a numeric "
  "dtype first (astype)";

constexpr wording wordings[] = {
  // PyTorch, NumPy, TensorFlow.
  {"expected scalar type", "expected scalar type", "found"},
  {"expected object of scalar type", "of scalar type", "got scalar type"},
  {"to have the same dtype", "but got:", "!= "},
  {"must have the same dtype", "but got", "and"},
  {"source and destination dtypes match", "got", "and"},
  {"can't be cast to the desired output type", "desired output type",
   "result type"},
  {"and weight type", "weight type (", "input type ("},
  {"and bias type", "bias type (", "input type ("},
  {"cannot cast ufunc", "to dtype", "from dtype"},
  {"cannot cast array data", "to dtype", "from dtype"},
  {"was expected to be a", "expected to be a", "but is a"},
  {"conversion requested dtype", "requested dtype", "with dtype"},
  {"expected dtype", "expected dtype", "got", needs::nothing},
  {"dtype mismatch", {}, {}, needs::nothing},
  {.phrase = "loop of ufunc does not support argument",
   .told = needs::nothing,
   .got = "object",
   .suggestion = of_objects},

  // onnxruntime.
  {"unexpected input data type", "expected: (tensor(", "actual: (tensor("},
  {"bound to different types", "types (tensor(", "and tensor("},
  {"does not match expected type", "expected type (tensor(", "type (tensor("},
  {"of input parameter", {}, "type 'tensor(", needs::one},
  {"can't be converted to mldatatype", {}, {}, needs::nothing},

  // scikit-learn and pandas.
  {.phrase = "dtype='numeric' is not compatible with arrays of bytes/strings",
   .told = needs::nothing,
   .got = "str",
   .suggestion = of_strings},
  {.phrase = "could not convert string to float: np.str_(",
   .told = needs::nothing,
   .expected = "float64",
   .got = "str",
   .suggestion = of_strings},
  {.phrase = "cannot convert non-finite values",
   .told = needs::nothing,
   .suggestion = of_gaps},
  {.phrase = "you are trying to merge on",
   .before_expected = "merge on ",
   .before_got = "and ",
   .operation = "merge"},
  {.phrase = "incompatible merge keys",
   .before_expected = "] ",
   .before_got = "and ",
   .operation = "merge"},
  {"cannot safely cast non-equivalent", "to ", "non-equivalent "},
  {"cannot safely convert passed user dtype", "user dtype of ", "for "},

  // SciPy.
  {"scipy.sparse does not support dtype", {}, "support dtype ", needs::one},
};

// Believed only of the code of a library, for others say so of anything.
constexpr wording library_wordings[] = {
  {.phrase = "could not convert string",
   .told = needs::nothing,
   .expected = "float64",
   .got = "str",
   .suggestion = of_strings},
  {.phrase = "invalid literal for int() with base 10",
   .told = needs::nothing,
   .expected = "int64",
   .got = "str",
   .suggestion = of_strings},
  {.phrase = "unable to parse string",
   .told = needs::nothing,
   .got = "str",
   .suggestion = of_strings},
  {.phrase = "float() argument must be a string or a",
   .before_got = "not ",
   .told = needs::one,
   .expected = "float64",
   .suggestion = of_objects},
  {.phrase = "object arrays are not supported",
   .told = needs::nothing,
   .got = "object",
   .suggestion = of_objects},
  {.phrase = "complex data not supported",
   .told = needs::nothing,
   .got = "complex"},
  {.phrase = "invalid value",
   .before_expected = "for dtype ",
   .told = needs::one,
   .operation = "assign",
   .suggestion = of_columns},
  {.phrase = "cannot convert na to integer",
   .told = needs::nothing,
   .suggestion = of_gaps},
  {.phrase = "cannot convert float nan to integer",
   .told = needs::nothing,
   .suggestion = of_gaps},
  {.phrase = "integer column has na values",
   .told = needs::nothing,
   .suggestion = of_gaps},
  {.phrase = "-dtype numpy array with missing values",
   .before_expected = "cannot convert to ",
   .told = needs::one,
   .suggestion = of_gaps},
  {.phrase = "trying to coerce float values to integers",
   .told = needs::nothing,
   .expected = "int64",
   .got = "float64"},
  {.phrase = "cannot cast datetimearray",
   .before_expected = "to dtype ",
   .told = needs::one,
   .got = "datetime64"},
  {"cannot cast", "dtype to ", "cannot cast "},
  {"converting from datetime64", "to ", "converting from "},
  {.phrase = "with string dtype", .told = needs::nothing, .got = "str"},
  {.phrase = "does not support operation",
   .before_got = "dtype ",
   .told = needs::one},
  {.phrase = "type does not support operation '",
   .told = needs::nothing,
   .got = "datetime64"},
  {"not supported for dtype", {}, "for dtype ", needs::one},
  {"agg function failed", {}, "dtype->", needs::one},
  {.phrase = "invalid comparison between dtype",
   .before_got = "dtype=",
   .told = needs::one,
   .operation = "compare"},
  {"unsupported dtype", {}, "unsupported dtype ", needs::one},
  {"is not supported by", {}, "dtype=", needs::one},
  {"dtypes produced result type", {}, "result type ", needs::one},
};

// Python's own words about two objects, here elements of arrays.
struct element_wording {
  std::string_view phrase;
  std::string_view operation = {}; ///< empty: told behind it, or at the start
  std::string_view got = {};       ///< the one it does not quote
};

constexpr element_wording element_wordings[] = {
  {"unsupported operand type(s) for "},
  {"bad operand type for unary "},
  {"not supported between instances of "},
  {"can only concatenate str (not ", "+", "str"},
  {"can't multiply sequence by non-int of type ", "*", "str"},
};

// None, lists and modules are a mistake, but none of dtypes.
constexpr std::string_view element_types[] = {
  "str",     "bytes",   "int",       "float",     "bool",       "int64",
  "float64", "complex", "Timestamp", "Timedelta", "Categorical"};

// NumPy's ufuncs and SciPy's that have no form for what they were given.
constexpr std::string_view without_form[] = {
  "did not contain a loop with signature matching types",
  "not supported for the input types", "no supported conversion for types"};

// "(dtype('<U3'), dtype('int64'), None)" or "(<class 'numpy.dtypes.…'>, …)"
std::string dtypes_in(std::string_view text) {
  constexpr int dtypes_max = 8;
  std::string joined;
  std::size_t at = 0;
  for (int i = 0; i < dtypes_max; ++i) {
    at = ml_text::after(text, "dtype('", at);
    if (at == npos)
      break;
    const auto next = ml_text::dtype(text, at);
    joined += (joined.empty() ? "" : ", ") + next.what;
    at = next.end;
  }
  return joined;
}

std::string operation_in(const python_error& raised, std::string_view text) {
  if (const auto known = fact(raised, "operation"); !known.empty())
    return std::string{known};
  if (const auto known = operation_of(text); !known.empty())
    return std::string{known};
  for (const auto* before :
       {"ufunc '", "cannot compute ", "support operation '", "reduction '",
        "how->", "no callable ", "operation '"})
    if (const auto at = ml_text::after(text, before); at != npos)
      return std::string{ml_text::identifier(text, at)};
  return {};
}

// How the library that raised it converts. PyTorch raises RuntimeError.
std::string conversion(const python_error& raised, const std::string& dtype) {
  const auto library = array_library(raised);
  if (library == "torch" || raised.type == "RuntimeError")
    return fmt::format("tensor.to(torch.{})", dtype);
  if (library == "tensorflow" || library == "keras")
    return fmt::format("tf.cast(tensor, tf.{})", dtype);
  return fmt::format("array.astype('{}')", dtype);
}

std::string suggestion_for(const python_error& raised,
                           const dtype_mismatch& told) {
  if (!told.expected.empty()) {
    auto text =
      fmt::format("convert {} to {} before the call: {}",
                  told.got.empty() ? "the array" : "what is " + told.got,
                  told.expected, conversion(raised, told.expected));
    if (!fact(raised, "casting").empty())
      text += fmt::format("; or let the result be {}", told.got);
    return text;
  }
  if (!told.got.empty())
    return fmt::format(
      "{} cannot take {}; convert the arguments to numbers of "
      "one dtype before the call",
      told.operation.empty() ? "the operation" : told.operation, told.got);
  return "print the dtypes of the arrays before the call, and convert them to "
         "one";
}

// False: it does not tell what it must, or the two are the same: then it is
// about something else.
bool read_dtypes(const wording& row, std::string_view text,
                 dtype_mismatch& into) {
  std::size_t end = 0;
  into.expected = row.expected;
  into.got = row.got;
  if (!row.before_expected.empty())
    if (const auto at = ml_text::after(text, row.before_expected); at != npos) {
      const auto read = ml_text::dtype(text, at);
      into.expected = read.what;
      end = read.end;
    }
  if (!row.before_got.empty()) {
    auto at = ml_text::after(text, row.before_got, end);
    if (at == npos)
      at = ml_text::after(text, row.before_got);
    if (at != npos)
      into.got = ml_text::dtype(text, at).what;
  }
  if (row.told == needs::nothing)
    return true;
  if (row.told == needs::one)
    return !(row.before_got.empty() ? into.expected : into.got).empty();
  return !into.expected.empty() && !into.got.empty()
         && into.expected != into.got;
}

// "+" of "for +: 'int' and 'str'", ">" of "'>' not supported …"
std::string_view symbol(std::string_view text, std::size_t at) {
  const auto end = text.find_first_not_of("+-*/%@&|^<>=!~", at);
  return at >= text.size() ? std::string_view{} : text.substr(at, end - at);
}

std::optional<dtype_mismatch> told_of_elements(std::string_view text) {
  constexpr auto quotes = "'\"";
  for (const auto& row : element_wordings) {
    const auto end = ml_text::after(text, row.phrase);
    if (end == npos)
      continue;
    dtype_mismatch told;
    told.got = row.got;
    auto at = text.find_first_of(quotes, end);
    for (int i = 0; i < 2 && at < text.size(); ++i) {
      const auto name = ml_text::identifier(text, at + 1);
      if (std::find(std::begin(element_types), std::end(element_types), name)
            == std::end(element_types)
          && !name.ends_with("Array"))
        return std::nullopt;
      if (told.got != name)
        told.got += fmt::format("{}{}", told.got.empty() ? "" : ", ", name);
      at = text.find_first_of(quotes, at + name.size() + 2);
    }
    told.operation = !row.operation.empty()       ? row.operation
                     : !symbol(text, end).empty() ? symbol(text, end)
                                                  : symbol(text, 1);
    if (ml_text::has(told.got, "str") && !ml_text::has(told.got, "timestamp"))
      told.suggestion = of_strings;
    if (!told.got.empty())
      return told;
  }
  return std::nullopt;
}

std::optional<dtype_mismatch> told_by_facts(const python_error& raised) {
  const auto from = fact(raised, "from"), to = fact(raised, "to");
  if (!from.empty() && !to.empty())
    return dtype_mismatch{.expected = ml_text::dtype(to, 0).what,
                          .got = ml_text::dtype(from, 0).what,
                          .operation = {},
                          .suggestion = {}};
  if (auto given = dtypes_in(fact(raised, "dtypes")); !given.empty())
    return dtype_mismatch{.expected = {},
                          .got = std::move(given),
                          .operation = {},
                          .suggestion = {}};
  return std::nullopt;
}

std::optional<dtype_mismatch> told_by(std::span<const wording> rows,
                                      std::string_view text) {
  for (const auto& row : rows) {
    dtype_mismatch told;
    if (!ml_text::has(text, row.phrase) || !read_dtypes(row, text, told))
      continue;
    told.operation = row.operation;
    told.suggestion = row.suggestion;
    return told;
  }
  return std::nullopt;
}

std::optional<dtype_mismatch> told_by_text(const python_error& raised,
                                           std::string_view text) {
  if (auto told = told_by(wordings, text))
    return told;
  for (const auto phrase : without_form)
    if (const auto at = ml_text::after(text, phrase); at != npos)
      return dtype_mismatch{.expected = {},
                            .got = dtypes_in(text.substr(at)),
                            .operation = {},
                            .suggestion = {}};
  if (!is_of_library_code(raised))
    return std::nullopt;
  auto told = told_by(library_wordings, text);
  return told ? told : told_of_elements(text);
}

} // namespace

std::optional<dtype_mismatch> dtype_mismatch_of(const python_error& raised) {
  if (!is_of_arrays(raised) || raised.type == "IndexError")
    return std::nullopt;
  const auto text = message_of(raised);
  auto told = told_by_facts(raised);
  if (!told)
    told = told_by_text(raised, text);
  if (!told)
    return std::nullopt;
  if (told->operation.empty())
    told->operation = operation_in(raised, text);
  if (told->suggestion.empty())
    told->suggestion = suggestion_for(raised, *told);
  return told;
}

} // namespace snakebridge
