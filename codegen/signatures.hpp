#pragma once
// How a Python callable is called in C++: its overloads that C++ cannot tell
// apart are one, what must be given stands in the argument list, what has a
// default in a struct of options. Pure functions over the manifest.

#include <string>
#include <vector>

#include "types.hpp"

namespace snakebridge::codegen {

struct parameter {
  std::string python;
  std::string name; ///< in C++
  std::string kind; ///< positional_only, positional, rest, keyword, more
  nlohmann::json type;
  cpp_type cpp = {};
  std::string by_default = {}; ///< as Python writes it
  bool is_exact = false;       ///< other numbers are for another overload
};

/// One way to give the arguments.
struct form {
  std::vector<parameter> given;
  bool has_options = false;
  /// What is given by position could be an option.
  bool is_shorthand = false;
};

struct signature {
  std::vector<form> forms;
  std::vector<parameter> options; ///< in Python's order; `more` among them
  std::string options_name;       ///< empty: it has none
  cpp_type returns;
  bool is_first = true; ///< of several: it also takes what only Python knows
};

/// Of a CALLABLE of the manifest. `name` is its name in C++, which the structs
/// of options begin with; empty: of a constructor.
std::vector<signature> signatures_of(const nlohmann::json& callable,
                                     const generated_classes& classes,
                                     const std::string& self,
                                     const std::string& name);

/// Of an operator: all its overloads as one.
signature single_signature_of(const nlohmann::json& callable,
                              const generated_classes& classes,
                              const std::string& self);

} // namespace snakebridge::codegen
