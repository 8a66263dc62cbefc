#pragma once
// What libraries have, as manifest.json says it (the top of model.py): each
// module is imported in a supervised worker of their environment, and what that
// tells is put together with what stubs do, in an environment of our own. A
// module that kills, hangs or fails is told with its reason, and what its stub
// says of it.

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <snakebridge/snakebridge.hpp>

namespace snakebridge::codegen {

struct description_request {
  /// "numpy", "numpy.linalg"; "numpy.*" is numpy and the modules in it.
  std::vector<std::string> modules;
  /// Of "numpy.*", how many dots below "numpy" a module may have; if it is
  /// here.
  std::map<std::string, std::size_t> depths = {};
  /// Where they are installed: a venv, or an interpreter; empty: Python's own.
  std::filesystem::path python = {};
  /// Folders whose modules can be imported, before all others.
  std::vector<std::filesystem::path> path = {};
  /// Folders with stubs that win over all others.
  std::vector<std::filesystem::path> stubs = {};
  /// The environment with what tools.txt names; empty: that is made, once, in
  /// the user's cache.
  std::filesystem::path tools = {};
  /// Each module may take so long.
  std::chrono::milliseconds timeout{30'000};
};

struct description {
  std::string manifest; ///< JSON; the same libraries give the same bytes
  std::string lacking;  ///< why there are no tools; empty: there are
};

/// Errors: library_unknown where none of the modules can be imported and has a
/// stub; those of `caller` where a worker of our own fails.
result<description> describe(const description_request& asked);

/// The docs manifest (objects.py) of a library's `objects.inv`. Errors: those
/// of `caller`; python_raised where it is no such file.
result<std::string> read_inventory(const caller& python,
                                   const std::string& library,
                                   const std::filesystem::path& inventory);

} // namespace snakebridge::codegen
