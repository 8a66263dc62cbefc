#pragma once
// A callable of Python's as the functions of C++ that stand for it: those that
// wait for an answer, those that do not, those that make an actor's message.
// Pure functions over text.

#include <string>
#include <string_view>
#include <vector>

#include "signatures.hpp"

namespace snakebridge::codegen {

/// Where a callable stands, and what its question begins with.
enum class place { free, fixed, member };

struct callable {
  std::string name;   ///< in C++
  std::string module; ///< of Python's
  std::string python; ///< "Store.open", or of a member "find"
  place where = place::free;
  std::string of_class = {}; ///< "Store::", in definitions
  bool is_async = false;
};

/// For whom a function is.
enum class audience { caller, async_caller, actor };

struct cpp_function {
  std::string type = {};
  std::string name = {};
  std::string parameters = {};
  bool has_default = false; ///< of the last of them, where it is declared
  bool is_const = false;
  std::string body = {};
  audience of = audience::caller;
  bool is_first = false; ///< of its overload: it has the docs
};

/// All of them, in the order in which they are written.
std::vector<cpp_function> functions_of(const callable& of,
                                       const std::vector<signature>& all);

/// Of an attribute, whose name `of.python` is.
std::vector<cpp_function> functions_of_property(const callable& of,
                                                const cpp_type& type,
                                                bool is_settable);

/// `told` is the comment before the first of each overload.
std::string declarations(const callable& of,
                         const std::vector<cpp_function>& all,
                         const std::string& told, std::string_view indent);
std::string definition(const callable& of, const cpp_function& one);

/// "sb::arg<std::int64_t> key, const find_options& options"
std::string parameters(const form& way, const signature& of,
                       const std::string& first);
/// What is asked with them: ".add(key).add(\"strict\", options.strict)"
std::string arguments(const form& way, const signature& of);
/// "sb::arg<double> x". `is_first`: of the overload that takes a value too.
std::string declared(const parameter& each, bool is_first);

/// The struct of what may be left out, or nothing; `scope` is "Store::".
std::string options_struct(const signature& of, std::string_view scope);

/// The first paragraph of a docstring, in lines of a comment, and Python's
/// signature below it.
std::string comment(const std::string& doc, const std::string& python,
                    std::string_view indent);

} // namespace snakebridge::codegen
