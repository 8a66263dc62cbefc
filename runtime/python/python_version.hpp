#pragma once
// Which Python everything here was built for, and which it has.

#include <string>
#include <string_view>

namespace snakebridge {

/// "3.11".
inline constexpr std::string_view built_for_python = SNAKEBRIDGE_PYTHON_VERSION;
/// `sys.version` of the library of Python in this process. Needs no GIL.
std::string_view library_version();
/// What extension modules of the Python we were built for have in their names:
/// "cpython-313", "cpython-313t" of a free-threaded build.
std::string built_for_abi();

} // namespace snakebridge
