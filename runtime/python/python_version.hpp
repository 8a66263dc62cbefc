#pragma once
// Which Python everything here was built for, and which it has.

#include <string_view>

namespace snakebridge {

/// "3.11".
inline constexpr std::string_view built_for_python = SNAKEBRIDGE_PYTHON_VERSION;
/// `sys.version` of the library of Python in this process. Needs no GIL.
std::string_view library_version();

} // namespace snakebridge
