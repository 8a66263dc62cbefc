#pragma once
// Small readers of the messages of numeric libraries: phrases, shapes, amounts
// of memory, names of dtypes. Pure functions over hostile text: each looks at a
// byte a bounded number of times and never recurses. Positions are offsets into
// the text; `npos` is "not there".

#include <optional>
#include <string>
#include <string_view>

#include <snakebridge/ml_error.hpp>

namespace snakebridge::ml_text {

inline constexpr auto npos = std::string_view::npos;

/// Where `phrase` (in lower case) stands from `from` on, in any case, as words
/// of its own: "oom" is not in "room".
std::size_t find(std::string_view text, std::string_view phrase,
                 std::size_t from = 0);
bool has(std::string_view text, std::string_view phrase);
/// Where the text after the phrase begins.
std::size_t after(std::string_view text, std::string_view phrase,
                  std::size_t from = 0);

/// What was read, and where the text goes on.
template <class T>
struct found {
  T what;
  std::size_t end = 0;
};

/// The next "(2, 3)", "[2,3]", "{2,3}", "(4,)" or "2x3"; None is -1. Brackets
/// right after a letter are no shape, but for those at `from` itself.
std::optional<found<array_shape>> next_shape(std::string_view text,
                                             std::size_t from);
/// A number that stands at `from` as a shape of its own, else the next shape.
std::optional<found<array_shape>> operand(std::string_view text,
                                          std::size_t from);

/// The "2.00 GiB" or "8,000 bytes" at `from`, in MiB. GB is GiB, as numeric
/// libraries have it.
std::optional<double> mebibytes(std::string_view text, std::size_t from);
/// The same right before `to`, as in "1.25 GiB free".
std::optional<double> mebibytes_before(std::string_view text, std::size_t to);
/// The number of at most six digits at `from`.
std::optional<int> small_number(std::string_view text, std::size_t from);

/// The dtype named at `from`, as NumPy calls it: Float, torch.float32 and
/// dtype('float32') are "float32".
found<std::string> dtype(std::string_view text, std::size_t from);
/// An identifier at `from`; empty: there is none.
std::string_view identifier(std::string_view text, std::size_t from);

} // namespace snakebridge::ml_text
