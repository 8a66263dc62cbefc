#pragma once
// The hash that locks, stamps and names of private environments are made of. A
// plain function, on any thread.

#include <string>
#include <string_view>

namespace snakebridge::codegen {

/// In lower-case hexadecimal digits, 64 of them.
std::string sha256(std::string_view bytes);

} // namespace snakebridge::codegen
