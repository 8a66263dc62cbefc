#pragma once
// Docs of what a manifest has: of one name, and by words. Pure functions.

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <snakebridge/result.hpp>

namespace snakebridge::codegen {

/// A docstring in Markdown: of reST, Google's and NumPy's sections, `:math:`
/// as $…$.
std::string markdown_of(std::string_view doc);

/// "The root of x."
std::string first_sentence(const std::string& doc);

/// "find(key, *, strict=False)", of a CALLABLE of the manifest.
std::string python_signature(const std::string& name,
                             const nlohmann::json& callable);

/// Of "numpy", "numpy.linalg.norm" or a member, "inventory.Store.find", in
/// Markdown. Errors: library_unknown, symbol_unknown.
result<std::string> page_of(const nlohmann::json& manifest,
                            const std::string& name);

struct found_page {
  std::string name;    ///< "math.sqrt"
  std::string summary; ///< the first sentence of its docstring
};

/// All with `words` in their names, then those with them in their docs; no case
/// tells them apart. By name.
std::vector<found_page> search(const nlohmann::json& manifest,
                               const std::string& words);

} // namespace snakebridge::codegen
