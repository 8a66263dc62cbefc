#include "used.hpp"

#include <algorithm>

namespace snakebridge::codegen {

namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9') || c == '_';
}

// Where what begins at `at`, with its own quote, ends.
std::size_t end_of_text(std::string_view source, std::size_t at) {
  const char quote = source[at];
  for (++at; at < source.size() && source[at] != '\n'; ++at) {
    if (source[at] == '\\')
      ++at;
    else if (source[at] == quote)
      return at + 1;
  }
  return std::min(at, source.size());
}

// R"mark(…)mark": `at` is its quote.
std::size_t end_of_raw_text(std::string_view source, std::size_t at) {
  const auto open = source.find('(', at);
  if (open == std::string_view::npos)
    return source.size();
  const auto close =
    ")" + std::string{source.substr(at + 1, open - at - 1)} + "\"";
  const auto found = source.find(close, open);
  return found == std::string_view::npos ? source.size() : found + close.size();
}

std::size_t end_of_comment(std::string_view source, std::size_t at) {
  const bool is_line = source[at + 1] == '/';
  const auto found = source.find(is_line ? "\n" : "*/", at + 2);
  if (found == std::string_view::npos)
    return source.size();
  return found + (is_line ? 1 : 2);
}

} // namespace

void add_names(std::string_view source, std::set<std::string>& to) {
  std::size_t at = 0;
  while (at < source.size()) {
    const char c = source[at];
    if (c == '/' && at + 1 < source.size()
        && (source[at + 1] == '/' || source[at + 1] == '*')) {
      at = end_of_comment(source, at);
    } else if (c == '"' || c == '\'') {
      at = end_of_text(source, at);
    } else if (is_word(c)) {
      auto end = at;
      const bool is_number = c >= '0' && c <= '9';
      // A number's digits may be set apart: 1'000.
      while (end < source.size()
             && (is_word(source[end])
                 || (is_number && source[end] == '\'' && end + 1 < source.size()
                     && is_word(source[end + 1]))))
        ++end;
      const auto word = source.substr(at, end - at);
      at = end;
      if (end < source.size() && source[end] == '"' && word.ends_with('R'))
        at = end_of_raw_text(source, end);
      else if (!is_number)
        to.emplace(word);
    } else {
      ++at;
    }
  }
}

} // namespace snakebridge::codegen
