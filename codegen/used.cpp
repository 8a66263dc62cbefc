#include "used.hpp"

#include <algorithm>
#include <map>

namespace snakebridge::codegen {

namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9') || c == '_'
         || static_cast<unsigned char>(c) >= 0x80; // of a letter in UTF-8
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

/// An identifier, a text with its quotes, or one sign; "::" is one.
struct token {
  std::string_view text;
  std::size_t line;

  bool is_name() const { return is_word(text[0]) && !is_number(); }
  bool is_number() const { return text[0] >= '0' && text[0] <= '9'; }
};

// Where the word at `at` ends: a number's digits may be set apart, 1'000.
std::size_t end_of_word(std::string_view source, std::size_t at) {
  const bool is_number = source[at] >= '0' && source[at] <= '9';
  while (at < source.size()
         && (is_word(source[at])
             || (is_number && source[at] == '\'' && at + 1 < source.size()
                 && is_word(source[at + 1]))))
    ++at;
  return at;
}

std::vector<token> tokens_of(std::string_view source) {
  std::vector<token> made;
  std::size_t at = 0, line = 1;
  const auto go_to = [&](std::size_t end) {
    line += static_cast<std::size_t>(
      std::count(source.begin() + static_cast<std::ptrdiff_t>(at),
                 source.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    at = end;
  };
  const auto add = [&](std::size_t end) {
    made.push_back({source.substr(at, end - at), line});
    go_to(end);
  };
  while (at < source.size()) {
    const char c = source[at];
    const auto next = source.substr(at, 2);
    if (next == "//" || next == "/*") {
      go_to(end_of_comment(source, at));
    } else if (c == '"' || c == '\'') {
      add(end_of_text(source, at));
    } else if (is_word(c)) {
      const auto end = end_of_word(source, at);
      if (end < source.size() && source[end] == '"' && source[end - 1] == 'R')
        add(end_of_raw_text(source, end));
      else
        add(end);
    } else if (std::string_view{" \t\n\r"}.find(c) != std::string_view::npos) {
      go_to(at + 1);
    } else {
      add(at + (next == "::" ? 2 : 1));
    }
  }
  return made;
}

bool is_raw_text(const token& of) {
  return of.text.ends_with('"');
}

/// Reads chains of names, and the aliases of namespaces among them.
class path_reader {
public:
  explicit path_reader(std::string_view source) : all_{tokens_of(source)} {}

  std::vector<used_path> read() {
    while (at_ < all_.size())
      if (all_[at_].text == "namespace")
        read_namespace();
      else if (all_[at_].is_name() && !is_raw_text(all_[at_]))
        add(read_chain());
      else
        ++at_;
    return std::move(found_);
  }

private:
  struct chain {
    std::vector<std::string> names;
    std::size_t line;
  };

  std::string_view text(std::size_t at) const {
    return at < all_.size() ? all_[at].text : std::string_view{};
  }
  chain read_chain() {
    chain made{{std::string{all_[at_].text}}, all_[at_].line};
    ++at_;
    while (text(at_) == "::" && at_ + 1 < all_.size()
           && all_[at_ + 1].is_name()) {
      made.names.emplace_back(all_[at_ + 1].text);
      at_ += 2;
    }
    if (const auto alias = aliases_.find(made.names[0]);
        alias != aliases_.end()) {
      made.names.erase(made.names.begin());
      made.names.insert(made.names.begin(), alias->second.begin(),
                        alias->second.end());
    }
    return made;
  }
  // `namespace np = sb::py::numpy;` names it, `namespace np {` does not.
  void read_namespace() {
    ++at_;
    if (text(at_ + 1) != "=")
      return;
    const std::string alias{text(at_)};
    at_ += 2;
    if (text(at_) == "::")
      ++at_;
    if (at_ >= all_.size())
      return;
    auto of = read_chain();
    aliases_[alias] = of.names;
    add(std::move(of));
  }
  void add(chain of) {
    if (of.names.size() > 2 && of.names[0] == "snakebridge"
        && of.names[1] == "py")
      found_.push_back({{of.names.begin() + 2, of.names.end()}, of.line});
  }

  std::vector<token> all_;
  std::size_t at_ = 0;
  std::map<std::string, std::vector<std::string>> aliases_ = {
    {"sb", {"snakebridge"}}};
  std::vector<used_path> found_;
};

} // namespace

void add_names(std::string_view source, std::set<std::string>& to) {
  for (const auto& each : tokens_of(source))
    if (each.is_name() && !is_raw_text(each))
      to.emplace(each.text);
}

std::vector<used_path> paths_of(std::string_view source) {
  return path_reader{source}.read();
}

std::vector<included> includes_of(std::string_view source) {
  std::vector<included> made;
  const auto all = tokens_of(source);
  const auto* const end = source.data() + source.size();
  for (std::size_t at = 2; at < all.size(); ++at) {
    const auto text = all[at].text;
    if (all[at - 1].text != "include" || all[at - 2].text != "#")
      continue;
    if (text.starts_with('"') && text.size() > 2) {
      made.push_back({std::string{text.substr(1, text.size() - 2)}, true});
    } else if (text == "<") {
      const auto* const begin = text.data() + 1;
      const auto* const close = std::find(begin, end, '>');
      if (close != end && std::find(begin, close, '\n') == close)
        made.push_back({std::string{begin, close}, false});
    }
  }
  return made;
}

} // namespace snakebridge::codegen
