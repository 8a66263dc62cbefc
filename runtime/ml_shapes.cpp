// Shapes that do not fit: one row per wording.
#include <fmt/format.h>

#include "runtime/ml_error.hpp"
#include "runtime/ml_text.hpp"

namespace snakebridge {

namespace {

using ml_text::npos;

/// What to say about the two shapes.
enum class advice { compare, multiply, broadcast, join, reshape, axis };

/// The message's own first word: "matmul: Input operand 1 has …".
constexpr std::string_view first_word = "<first word>";

/// The message tells none.
constexpr std::string_view no_shapes = "<none>";

struct wording {
  std::string_view phrase;
  std::string_view operation; ///< empty: unknown
  advice say;
  /// What stands before the shapes, else they follow the phrase. The second is
  /// looked for behind the first shape, then from the beginning.
  std::string_view before_a = {};
  std::string_view before_b = {};
  bool needs_shapes = false; ///< without them it may mean anything
};

constexpr wording wordings[] = {
  {"shapes cannot be multiplied", "matmul", advice::multiply},
  {"mismatch in its core dimension", first_word, advice::compare, "(size ",
   "different from "},
  {"not aligned", "dot", advice::multiply, "shapes ", {}, true},
  {"matrix size-incompatible", "matmul", advice::multiply,
   "in[0]: ", "in[1]: "},
  {"could not be broadcast together", "broadcast", advice::broadcast},
  {"could not broadcast input array", "assign", advice::compare, "from shape ",
   "into shape "},
  {"size of tensor a", "broadcast", advice::compare},
  {"got incompatible shapes for broadcasting", first_word, advice::broadcast},
  {"requires contracting dimensions to have the same shape", first_word,
   advice::compare},
  {"incompatible shapes", "broadcast", advice::broadcast},
  {"all the input array dimensions", "concatenate", advice::join, "has size ",
   "has size "},
  {"all the input arrays must have same number of dimensions", "concatenate",
   advice::join, no_shapes},
  {"all input arrays must have the same shape", "stack", advice::join,
   no_shapes},
  {"sizes of tensors must match", "concatenate", advice::join, "expected size ",
   "got size "},
  {"stack expects each tensor to be equal size", "stack", advice::join},
  {"cannot reshape array of size", "reshape", advice::reshape, "array of size ",
   "into shape "},
  {"is invalid for input of size", "reshape", advice::reshape, "input of size ",
   "shape '"},
  {"copying a param with shape", "load_state_dict", advice::compare,
   "a param with shape ", "current model is "},
  {"size mismatch, m1:", "matmul", advice::multiply, "m1: ", "m2: "},
  {"given groups=", "convolution", advice::compare, "expected input",
   "weight of size ", true},
  {"is incompatible with the layer", "layer", advice::compare,
   "expected shape=", "found shape="},
  {"boolean index did not match indexed array", "index", advice::compare,
   "dimension is ", "boolean dimension is "},
  {"dimension out of range", "", advice::axis, no_shapes},
  {"out of bounds for array of dimension", "", advice::axis, no_shapes},
  {"shape mismatch", "", advice::broadcast},
  {"dimension mismatch", "", advice::compare},
};

std::string broadcast_advice(const array_shape& a, const array_shape& b) {
  for (std::size_t i = 1; i <= std::min(a.size(), b.size()); ++i) {
    const auto one = a[a.size() - i], other = b[b.size() - i];
    if (one != other && one != 1 && other != 1 && one != -1 && other != -1)
      return fmt::format("{} and {} do not broadcast: counted from the last "
                         "dimension, lengths must be equal or 1, and dimension "
                         "-{} has {} and {}; reshape or transpose one of them",
                         to_string(a), to_string(b), i, one, other);
  }
  return fmt::format("{} and {} do not fit this operation; reshape one of them",
                     to_string(a), to_string(b));
}

// The length of `a` that meets one of `b`, in a product.
std::int64_t inner(const array_shape& b) {
  return b.size() >= 2 ? b[b.size() - 2] : b.back();
}

std::string multiply_advice(const array_shape& a, const array_shape& b) {
  if (a.empty() || b.empty())
    return fmt::format("{} and {} cannot be multiplied as matrices; use * for "
                       "a scalar",
                       to_string(a), to_string(b));
  auto text = fmt::format("the last dimension of the first ({} of {}) must be "
                          "the one before the last of the second ({} of {})",
                          a.back(), to_string(a), inner(b), to_string(b));
  if (b.size() >= 2 && b.back() == a.back())
    text += "; transpose the second";
  else if (a.size() >= 2 && inner(a) == inner(b))
    text += "; transpose the first";
  else
    text += "; check which array was meant";
  return text;
}

std::string pair_advice(advice say, const array_shape& a,
                        const array_shape& b) {
  switch (say) {
  case advice::broadcast:
    return broadcast_advice(a, b);
  case advice::multiply:
    return multiply_advice(a, b);
  case advice::join:
    return fmt::format("{} and {} must agree but for the dimension they are "
                       "joined along; pad or cut one of them, or join along "
                       "another",
                       to_string(a), to_string(b));
  case advice::reshape:
    return fmt::format("{} elements do not make an array of shape {}; leave "
                       "one dimension to be computed (-1), or check the data",
                       a.empty() ? 1 : a.front(), to_string(b));
  case advice::compare:
  case advice::axis:
    break;
  }
  return fmt::format("{} does not fit {}; reshape or transpose one of them, or "
                     "check which array was meant",
                     to_string(a), to_string(b));
}

std::string lone_advice(advice say) {
  if (say == advice::join)
    return "print the shape of each array to be joined: all must have the same "
           "number of dimensions and agree but for the one they are joined "
           "along";
  if (say == advice::axis)
    return "choose an axis the array has: print its shape before the call";
  return "print the shapes of the arrays before the call: they do not fit";
}

std::string axis_advice(const python_error& raised, std::string_view text) {
  const auto axis = fact(raised, "axis"), dimensions = fact(raised, "ndim");
  if (const auto count = ml_text::small_number(dimensions, 0);
      count && *count > 0 && !axis.empty())
    return fmt::format("the array has {} dimension{}: use an axis from {} to "
                       "{}, not {}",
                       *count, *count == 1 ? "" : "s", -*count, *count - 1,
                       axis);
  const auto range = ml_text::after(text, "in range of [");
  const auto least = ml_text::small_number(text, range);
  const auto most =
    range == npos
      ? std::nullopt
      : ml_text::small_number(text, ml_text::after(text, ", ", range));
  const auto got = ml_text::small_number(text, ml_text::after(text, "got "));
  if (least && most && got)
    return fmt::format("use a dimension from {} to {}, not {}", *least, *most,
                       *got);
  return lone_advice(advice::axis);
}

void read_shapes(const wording& row, std::string_view text, std::size_t phrase,
                 shape_mismatch& into) {
  if (row.before_a == no_shapes)
    return;
  const auto from = row.before_a.empty() ? phrase + row.phrase.size()
                                         : ml_text::after(text, row.before_a);
  const auto a = ml_text::operand(text, from);
  if (!a)
    return;
  auto second = a->end;
  if (!row.before_b.empty()) {
    second = ml_text::after(text, row.before_b, a->end);
    if (second == npos)
      second = ml_text::after(text, row.before_b);
  }
  const auto b = ml_text::operand(text, second);
  if (!b)
    return;
  into.shape_a = a->what;
  into.shape_b = b->what;
}

} // namespace

std::optional<shape_mismatch> shape_mismatch_of(const python_error& raised) {
  if (!is_of_arrays(raised))
    return std::nullopt;
  const auto text = message_of(raised);
  for (const auto& row : wordings) {
    const auto phrase = ml_text::find(text, row.phrase);
    if (phrase == npos)
      continue;
    shape_mismatch told;
    read_shapes(row, text, phrase, told);
    if (row.needs_shapes && !told.shape_a)
      continue;
    auto operation = operation_of(text);
    if (operation.empty())
      operation = row.operation == first_word ? ml_text::identifier(text, 0)
                                              : row.operation;
    told.operation = operation;
    if (told.shape_a)
      told.suggestion = pair_advice(row.say, *told.shape_a, *told.shape_b);
    else if (row.say == advice::axis)
      told.suggestion = axis_advice(raised, text);
    else
      told.suggestion = lone_advice(row.say);
    return told;
  }
  return std::nullopt;
}

} // namespace snakebridge
