// Shapes that do not fit, by the wordings of the libraries.
#include <algorithm>

#include <fmt/format.h>

#include "runtime/values/ml_error.hpp"
#include "runtime/values/ml_shape_wordings.hpp"
#include "runtime/values/ml_text.hpp"

namespace snakebridge {

namespace {

using ml_shapes::advice;
using ml_shapes::proof;
using ml_shapes::wording;
using ml_text::npos;

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

// "3" for (3,), for messages tell lengths alone.
std::string length(const array_shape& shape) {
  return shape.size() == 1 ? fmt::to_string(shape.front()) : to_string(shape);
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
    return fmt::format("{} do not make an array of shape {}; leave one "
                       "dimension to be computed (-1), or check the data",
                       a.size() > 1
                         ? "the elements of " + to_string(a)
                         : (a.empty() ? "1" : length(a)) + " elements",
                       to_string(b));
  case advice::features:
    return fmt::format("{} and {} features do not fit; give the columns the "
                       "other side has, in the same order",
                       length(a), length(b));
  case advice::samples:
    return fmt::format("{} and {} samples do not fit; give one entry for each "
                       "sample, and check where rows were dropped or added",
                       length(a), length(b));
  case advice::lengths:
    return fmt::format("lengths {} and {} do not fit; give one value for each "
                       "row or column, or a pandas.Series, which is aligned "
                       "by its index",
                       length(a), length(b));
  case advice::model:
    return fmt::format("the model takes {} there, not {}; reshape the input to "
                       "what session.get_inputs() tells, or export the model "
                       "with this dimension free",
                       length(b), length(a));
  case advice::compare:
  case advice::axis:
  case advice::square:
  case advice::rank:
    break;
  }
  return fmt::format("{} does not fit {}; reshape or transpose one of them, or "
                     "check which array was meant",
                     to_string(a), to_string(b));
}

std::string lone_advice(advice say) {
  switch (say) {
  case advice::join:
    return "print the shape of each array to be joined: all must have the same "
           "number of dimensions and agree but for the one they are joined "
           "along";
  case advice::axis:
    return "choose an axis the array has: print its shape before the call";
  case advice::lengths:
    return "print the length of each argument before the call: give one value "
           "for each row or column";
  case advice::model:
    return "reshape the input to what session.get_inputs() tells; array[None] "
           "adds a dimension, array.squeeze() removes those of length 1";
  case advice::square:
    return "give a matrix with as many rows as columns, or use what takes any "
           "shape (lstsq, pinv, svd)";
  case advice::rank:
    return "give an array of the number of dimensions the message asks for: "
           "array.reshape(-1, 1) makes one column, array.reshape(1, -1) one "
           "row, array.ravel() one dimension";
  default:
    return "print the shapes of the arrays before the call: they do not fit";
  }
}

std::string axis_advice(const python_error& raised, std::string_view text) {
  const auto axis = fact(raised, "axis"), dimensions = fact(raised, "ndim");
  if (const auto count = ml_text::small_number(dimensions, 0);
      count && *count > 0 && !axis.empty())
    return fmt::format("the array has {} dimension{}: use an axis from {} to "
                       "{}, not {}",
                       *count, *count == 1 ? "" : "s", -*count, *count - 1,
                       axis);
  for (const auto& [before_range, before_got] :
       {std::pair{"in range of [", "got "}, {"in valid range [", "axis "}}) {
    const auto range = ml_text::after(text, before_range);
    auto comma = range == npos ? npos : text.find(',', range);
    if (comma != npos)
      comma = text.find_first_not_of(' ', comma + 1);
    const auto least = ml_text::small_number(text, range);
    const auto most = ml_text::small_number(text, comma);
    const auto got =
      ml_text::small_number(text, ml_text::after(text, before_got));
    if (least && most && got)
      return fmt::format("use a dimension from {} to {}, not {}", *least, *most,
                         *got);
  }
  return lone_advice(advice::axis);
}

std::optional<ml_text::found<array_shape>>
second_shape(const wording& row, std::string_view text,
             const ml_text::found<array_shape>& a) {
  const auto next = [&](std::size_t from) {
    return row.before_b.empty() ? from
                                : ml_text::after(text, row.before_b, from);
  };
  auto at = next(a.end);
  if (at == npos)
    at = next(0);
  auto b = ml_text::operand(text, at);
  if (b && b->end == a.end) // the first again
    return std::nullopt;
  // Of [6, 6, 4] and of (3,) (3,) (4,), all that was given, one is at fault.
  if (row.say == advice::samples || row.say == advice::broadcast)
    for (auto other = b; other;
         other = ml_text::operand(text, next(other->end)))
      if (other->what != a.what)
        return other;
  return b;
}

void read_shapes(const wording& row, std::string_view text, std::size_t phrase,
                 shape_mismatch& into) {
  if (row.before_a == ml_shapes::no_shapes)
    return;
  auto from = phrase + row.phrase.size();
  if (row.before_a == ml_shapes::at_start)
    from = 0;
  else if (!row.before_a.empty())
    from = ml_text::after(text, row.before_a);
  const auto a = ml_text::operand(text, from);
  if (!a)
    return;
  if (row.say == advice::square || row.say == advice::rank) {
    into.shape_a = a->what;
    return;
  }
  const auto b = second_shape(row, text, *a);
  if (!b)
    return;
  into.shape_a = a->what;
  into.shape_b = b->what;
}

std::string_view operation_in(const wording& row, std::string_view text,
                              std::size_t phrase) {
  if (const auto told = operation_of(text); !told.empty())
    return told;
  if (row.operation == ml_shapes::first_word)
    return ml_text::identifier(text, 0);
  if (row.operation == ml_shapes::next_word)
    return ml_text::identifier(text, phrase + row.phrase.size());
  return row.operation;
}

std::string suggestion_for(const python_error& raised, std::string_view text,
                           advice say, const shape_mismatch& told) {
  if (told.shape_b)
    return pair_advice(say, *told.shape_a, *told.shape_b);
  if (told.shape_a)
    return fmt::format("the array has shape {}: {}", to_string(*told.shape_a),
                       lone_advice(say));
  return say == advice::axis ? axis_advice(raised, text) : lone_advice(say);
}

// What the message means if it has the row's phrase.
std::optional<shape_mismatch>
told_by(const wording& row, const python_error& raised, std::string_view text) {
  const auto phrase = ml_text::find(text, row.phrase);
  if (phrase == npos)
    return std::nullopt;
  shape_mismatch told;
  read_shapes(row, text, phrase, told);
  if (row.needs == proof::shapes && !told.shape_a)
    return std::nullopt;
  told.operation = operation_in(row, text, phrase);
  told.suggestion = suggestion_for(raised, text, row.say, told);
  return told;
}

} // namespace

std::optional<shape_mismatch> shape_mismatch_of(const python_error& raised) {
  if (!is_of_arrays(raised))
    return std::nullopt;
  const auto text = message_of(raised);
  for (const auto& row : ml_shapes::wordings)
    if (auto told = told_by(row, raised, text))
      return told;
  if (is_of_library_code(raised))
    for (const auto& [phrase, say] : ml_shapes::library_wordings)
      if (auto told = told_by({phrase, {}, say}, raised, text))
        return told;
  return std::nullopt;
}

} // namespace snakebridge
