#pragma once
// Helpers, as `caller::helpers` lists them: Python functions that
// `caller::call_helper` calls by name. Plain values.

#include <string>

#include <snakebridge/row.hpp>

namespace snakebridge {

struct helper {
  std::string name;      ///< "my_helpers.process"
  std::string signature; ///< "(x: int, *, scale=1) -> int"; cut where long
  std::string doc;       ///< its first line; empty: it has none
  std::string file;      ///< "<built in>", or "<helpers NAME>" of the program's
};

/// A helper file that does not load, or a folder that cannot be read.
struct helper_failure {
  std::string file;
  std::string message; ///< "SyntaxError: invalid syntax (shop.py, line 3)"
};

struct helper_index {
  row<helper> found; ///< by name
  row<helper_failure> failed;
};

} // namespace snakebridge
