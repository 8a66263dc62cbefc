#pragma once
// Which build of SnakeBridge this is: a bridge and its workers are of the same.

#include <string_view>

namespace snakebridge {

/// "0.1.0-3fa1…": the version, and a hash of the sources that workers are built
/// of and of how they were compiled.
std::string_view build_mark();

} // namespace snakebridge
