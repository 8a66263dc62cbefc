#pragma once
// The hash that locks are made of. A plain function, on any thread.

#include <string>
#include <string_view>

namespace snakebridge {

/// In hexadecimal digits, 64 of them.
std::string sha256_of(std::string_view bytes);

} // namespace snakebridge
