#pragma once
// Which names Python's have in C++: pure functions. A trailing `_` keeps off
// words and macros.

#include <map>
#include <string>
#include <string_view>

namespace snakebridge::codegen {

/// A function's, a class's, a constant's, a parameter's.
std::string cpp_name(std::string_view python);
/// Of a part of a module's path.
std::string namespace_name(std::string_view part);
/// Of a member; its class may not have the same.
std::string member_name(std::string_view python, std::string_view of_class);

/// `sb::object` uses these itself, so no member of Python's has them.
bool is_taken_by_object(std::string_view name);

/// "C++" with quotes and escapes.
std::string cpp_text(std::string_view text);

/// As a comment has it: control bytes are blanks, and neither these nor a
/// backslash end it, as that would take the next line into the comment.
std::string one_line(std::string text);

/// The names of one namespace or class, each there once.
class scope {
public:
  /// False: something else has that name.
  bool take(const std::string& name, const std::string& python);
  const std::string* owner(const std::string& name) const;
  /// Python's names by those here.
  const std::map<std::string, std::string>& all() const { return taken_; }

private:
  std::map<std::string, std::string> taken_;
};

} // namespace snakebridge::codegen
