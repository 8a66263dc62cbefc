#pragma once
// Private environments of ours (tools.py), in the user's cache.

#include <filesystem>
#include <string>

#include <snakebridge/result.hpp>

namespace snakebridge::codegen {

struct tools {
  std::filesystem::path venv; ///< empty: there is none
  std::string lacking;        ///< and why
};

/// The one with what `requirements` pins, wheel by wheel; made once, by the
/// Python of the bridge, unless `offline`. Errors: those of `bridge::start` and
/// `caller`.
result<tools> make_tools(const std::string& requirements, bool offline = false);

} // namespace snakebridge::codegen
