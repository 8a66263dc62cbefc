#pragma once
// What wrappers of a manifest cost, before anything is written or compiled. A
// pure function.

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace snakebridge::codegen {

struct plan_row {
  std::string module;
  std::size_t symbols = 0;
  std::size_t declarations = 0; ///< in its header
  std::size_t bytes = 0;        ///< of its header
  /// Estimated: what each source takes longer that includes it, without a
  /// precompiled header.
  double seconds = 0;
};

/// A source that includes all of them may take so much longer; beyond it a
/// program should include fewer, or precompile.
inline constexpr double plan_seconds_max = 1.0;

/// By module; the last one is all.
std::vector<plan_row> plan_of(const nlohmann::json& manifest);

std::string plan_table(const std::vector<plan_row>& rows);
nlohmann::json plan_json(const std::vector<plan_row>& rows);
/// Empty: it is within its budget.
std::string plan_warning(const std::vector<plan_row>& rows);

} // namespace snakebridge::codegen
