#pragma once
// Generalised UTF-8, as text crosses: UTF-8, where a lone surrogate of Python
// is the three bytes it would have if it were a character ("surrogatepass").

#include <cstddef>
#include <string>
#include <string_view>

namespace snakebridge::utf8 {

struct character {
  char32_t code = 0;
  std::size_t bytes = 0; ///< 0: this is no generalised UTF-8
};

/// Of a text that is not empty. Refuses what is longer than it need be.
character first_character(std::string_view text);
inline bool is_surrogate(char32_t code) {
  return code >= 0xD800 && code <= 0xDFFF;
}
void append(std::string& to, char32_t code);
/// What has room of a text, to the end of a character.
std::string cut(std::string text, std::size_t bytes_max);

} // namespace snakebridge::utf8
