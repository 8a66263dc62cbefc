#pragma once
// What the exceptions of NumPy, SciPy, pandas, scikit-learn, PyTorch,
// TensorFlow, JAX and onnxruntime mean most often, as data: two shapes that do
// not fit, memory that ran out, two types of numbers that do not go together.
// Plain values, made from a Python exception where `config.error_mode` is
// `translated`.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace snakebridge {

/// The lengths of an array's dimensions, outermost first; a scalar has none.
/// -1: any length.
using array_shape = std::vector<std::int64_t>;

/// Arrays whose shapes do not fit the operation.
struct shape_mismatch {
  std::string operation; ///< "matmul", "add"; empty: unknown
  /// The two shapes in the order the exception tells them; where it tells only
  /// the two lengths that differ, each of those alone. `shape_a` comes alone
  /// where one array is of no use by itself: it is not square, or of another
  /// rank.
  std::optional<array_shape> shape_a;
  std::optional<array_shape> shape_b;
  std::string suggestion;

  friend bool operator==(const shape_mismatch&,
                         const shape_mismatch&) = default;
};

/// Memory that could not be had. Amounts are in MiB.
struct out_of_memory {
  /// "cpu", "mps", "cuda:0"; "cuda": nobody says which; empty: unknown.
  std::string device;
  std::optional<double> requested_mb;
  std::optional<double> available_mb;
  std::optional<double> total_mb;
  std::vector<std::string> suggestions; ///< the likeliest first

  friend bool operator==(const out_of_memory&, const out_of_memory&) = default;
};

/// Types of numbers that do not go together.
struct dtype_mismatch {
  std::string expected;  ///< "float32", as NumPy calls it; empty: unknown
  std::string got;       ///< several are joined by ", "
  std::string operation; ///< empty: unknown
  std::string suggestion;

  friend bool operator==(const dtype_mismatch&,
                         const dtype_mismatch&) = default;
};

using ml_error = std::variant<shape_mismatch, out_of_memory, dtype_mismatch>;

/// "(2, 3)", "(4,)", "()": as Python prints it.
std::string to_string(const array_shape& shape);

} // namespace snakebridge
