#pragma once
// The parts of `repr`: <snakebridge/value.hpp>.

#include <string>
#include <string_view>

#include <snakebridge/value.hpp>

namespace snakebridge {

/// Of a value that is short whatever it is: no text, bytes or container. An int
/// of more than `most` bytes is not written out.
std::string scalar_repr(const value& item, std::size_t most);
/// As of a str.
std::string text_repr(std::string_view text);

} // namespace snakebridge
