#pragma once
// Which C++ types stand for Python's: pure functions over the types of
// manifest.json (codegen/stubs.py says how these are written).

#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace snakebridge::codegen {

/// What is known of a class that has a wrapper, by its public path.
struct generated_class {
  std::string module;
  std::string name; ///< in C++
  bool is_enum = false;
  std::set<std::string> bases = {}; ///< all above it that have wrappers
};
using generated_classes = std::map<std::string, generated_class>;

/// A Python type in C++.
struct cpp_type {
  std::string taken; ///< of a parameter: the T of sb::arg<T>
  std::string given; ///< of a result
  /// What a parameter tells from others: "int", "text", "class numpy.dtype".
  /// "any": nothing does.
  std::set<std::string> kinds = {};
  bool is_stream = false; ///< `given` is that of its items
  bool is_awaited = false;
  /// Public paths of the classes that are named in it.
  std::set<std::string> classes = {};

  bool is_known() const { return !kinds.contains("any"); }
};

/// `of` is a type of the manifest; `self` the public path of the class it
/// stands in, or empty.
cpp_type type_of(const nlohmann::json& of, const generated_classes& classes,
                 const std::string& self);

/// The one that is both: of overloads that are told apart by nothing.
nlohmann::json either(const nlohmann::json& one, const nlohmann::json& other);

/// Its objects have a value form, so that it is no class in C++.
bool has_value_form(const std::string& path,
                    const std::vector<std::string>& bases);

/// "sb::py::numpy::linalg"
std::string namespace_of(const std::string& module);

} // namespace snakebridge::codegen
