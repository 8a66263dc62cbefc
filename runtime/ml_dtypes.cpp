// Types of numbers that do not go together: one row per wording.
#include <fmt/format.h>

#include "runtime/ml_error.hpp"
#include "runtime/ml_text.hpp"

namespace snakebridge {

namespace {

using ml_text::npos;

struct wording {
  std::string_view phrase;
  /// What stands before the dtypes; the second is looked for behind the first,
  /// then from the beginning.
  std::string_view before_expected = {};
  std::string_view before_got = {};
  bool needs_both = true; ///< without them it may mean anything
};

constexpr wording wordings[] = {
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
  {"expected dtype", "expected dtype", "got", false},
  {"dtype mismatch", {}, {}, false},
};

// NumPy's ufuncs that have no form for what they were given.
constexpr std::string_view without_form[] = {
  "did not contain a loop with signature matching types",
  "not supported for the input types"};

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
  for (const auto* before : {"ufunc '", "cannot compute "})
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

// False: the dtypes are there and are the same, so it is about something else.
bool read_dtypes(const wording& row, std::string_view text,
                 dtype_mismatch& into) {
  if (row.before_expected.empty())
    return true;
  const auto at = ml_text::after(text, row.before_expected);
  if (at == npos)
    return !row.needs_both;
  const auto expected = ml_text::dtype(text, at);
  auto second = ml_text::after(text, row.before_got, expected.end);
  if (second == npos)
    second = ml_text::after(text, row.before_got);
  into.expected = expected.what;
  if (second != npos)
    into.got = ml_text::dtype(text, second).what;
  if (into.expected.empty() || into.got.empty())
    return !row.needs_both;
  return into.expected != into.got;
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

std::optional<dtype_mismatch> told_by_text(std::string_view text) {
  for (const auto& row : wordings) {
    dtype_mismatch told;
    if (ml_text::has(text, row.phrase) && read_dtypes(row, text, told))
      return told;
  }
  for (const auto phrase : without_form)
    if (const auto at = ml_text::after(text, phrase); at != npos)
      return dtype_mismatch{.expected = {},
                            .got = dtypes_in(text.substr(at)),
                            .operation = {},
                            .suggestion = {}};
  return std::nullopt;
}

} // namespace

std::optional<dtype_mismatch> dtype_mismatch_of(const python_error& raised) {
  if (!is_of_arrays(raised) || raised.type == "IndexError")
    return std::nullopt;
  const auto text = message_of(raised);
  auto told = told_by_facts(raised);
  if (!told)
    told = told_by_text(text);
  if (!told)
    return std::nullopt;
  told->operation = operation_in(raised, text);
  told->suggestion = suggestion_for(raised, *told);
  return told;
}

} // namespace snakebridge
