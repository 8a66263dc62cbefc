#pragma once
// The symbols of a manifest, by their public paths, and which of them are
// classes in C++. Pure.

#include <map>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "types.hpp"

namespace snakebridge::codegen {

/// "sqrt" of a symbol's or a member's JSON; empty: it has none.
std::string text_in(const nlohmann::json& of, const char* key);

class symbol_table {
public:
  struct symbol {
    const nlohmann::json* told = nullptr; ///< in the manifest
    std::string module = {};
    std::string cpp = {}; ///< its name
  };

  /// `manifest` stays the caller's, and must outlive it.
  explicit symbol_table(const nlohmann::json& manifest);

  const generated_classes& classes() const { return classes_; }
  /// Null: nothing is defined there.
  const symbol* find(const std::string& path) const;
  bool has_module(const std::string& name) const;
  /// Classes that a program with these names may have objects of.
  std::set<std::string> classes_seen(const std::set<std::string>& used) const;

private:
  const nlohmann::json& manifest_;
  generated_classes classes_;
  std::map<std::string, symbol> symbols_;
};

} // namespace snakebridge::codegen
