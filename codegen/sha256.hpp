#pragma once
// SHA-256 (FIPS 180-4), by which a lock tells that a file is another. A pure
// function.

#include <string>
#include <string_view>

namespace snakebridge::codegen {

/// In lower-case hexadecimal.
std::string sha256(std::string_view of);

} // namespace snakebridge::codegen
