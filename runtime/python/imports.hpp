#pragma once
// Which modules callers may import: the setting `importable` of a pool. It
// covers the modules that calls name, and the import statements of code that
// `eval` and `exec` run; what modules import themselves is not looked at. Who
// wants round it finds a way: it is no sandbox. Used with the GIL held.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/python/python.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

class import_rules {
public:
  import_rules() = default;
  /// The top-level modules that may be imported; none: all.
  explicit import_rules(const std::vector<std::string>& importable)
      : importable_{importable.begin(), importable.end()} {}

  /// Throws not_authorized for a module that may not be imported.
  void check(std::string_view module) const {
    if (!allow(module))
      throw exception{refusal(module)};
  }

  /// What `__builtins__` of callers' code is.
  py::object builtins() const;

private:
  bool allow(std::string_view module) const;
  error refusal(std::string_view module) const;

  std::set<std::string, std::less<>> importable_;
};

/// Puts the folders before all others that modules are imported from; those
/// that are there already stay where they are. Errors: environment_invalid.
result<void> import_from(const std::vector<std::string>& folders);

/// Imports them all. Errors: environment_invalid, naming the one that fails.
result<void> import_all(const std::vector<std::string>& modules);

/// Calls "module.function" without arguments. Errors: startup_failed, with what
/// it raised and where.
result<void> call_on_start(const std::string& function);

/// The refusal behind what an import statement raised; nothing: it is none.
std::optional<error> refused_import(py::error_already_set& raised);

} // namespace gnu::visibility("hidden")]]snakebridge
