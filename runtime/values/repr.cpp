// Values as Python's repr.
#include "runtime/values/repr.hpp"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "runtime/base/utf8.hpp"

namespace snakebridge {

namespace {

// Writes until `most` characters; then nothing more.
class repr_writer {
public:
  explicit repr_writer(std::size_t most) : most_{most} {}

  void write(const value& item);
  std::string take() {
    if (out_.size() > most_) {
      auto end = most_;
      while (end > 0 && (out_[end] & 0xC0) == 0x80)
        --end; // never inside a character
      out_.resize(end);
      out_ += "…";
    }
    return std::move(out_);
  }

private:
  bool full() const { return out_.size() > most_; }
  void write_text(std::string_view text);
  void write_bytes(std::string_view data, bool of_array);
  void write_items(const std::vector<value>& items, std::string_view open,
                   std::string_view close);
  void write_set(const set& items, bool frozen);
  void write_dict(const dict& entries);
  void write_escaped(char unit, char quote);
  void write_code_point(char32_t code);

  std::size_t most_;
  std::string out_;
};

// Python's choice: single quotes, unless only they occur inside.
char quote_for(std::string_view text) {
  return text.find('\'') != std::string_view::npos
             && text.find('"') == std::string_view::npos
           ? '"'
           : '\'';
}

// What Unicode calls controls, formats, separators, surrogates and private use
// does not print in Python, nor what it never assigns. Code points that may be
// assigned one day do here: which they are changes from one Python to the next.
bool prints(char32_t code) {
  static constexpr std::pair<char32_t, char32_t> silent[] = {
    {0x00, 0x1F},       {0x7F, 0xA0},        {0xAD, 0xAD},
    {0x600, 0x605},     {0x61C, 0x61C},      {0x6DD, 0x6DD},
    {0x70F, 0x70F},     {0x890, 0x891},      {0x8E2, 0x8E2},
    {0x1680, 0x1680},   {0x180E, 0x180E},    {0x2000, 0x200F},
    {0x2028, 0x202F},   {0x205F, 0x206F},    {0x3000, 0x3000},
    {0xD800, 0xF8FF},   {0xFDD0, 0xFDEF},    {0xFEFF, 0xFEFF},
    {0xFFF9, 0xFFFB},   {0x110BD, 0x110BD},  {0x110CD, 0x110CD},
    {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3},  {0x1D173, 0x1D17A},
    {0x40000, 0xE00FF}, {0xE01F0, 0x10FFFF},
  };
  if ((code & 0xFFFEU) == 0xFFFEU) // the last two of each plane
    return false;
  return std::none_of(std::begin(silent), std::end(silent),
                      [code](const auto& range) {
                        return code >= range.first && code <= range.second;
                      });
}

void repr_writer::write_escaped(char unit, char quote) {
  const auto code = static_cast<unsigned char>(unit);
  switch (unit) {
  case '\n':
    out_ += "\\n";
    return;
  case '\r':
    out_ += "\\r";
    return;
  case '\t':
    out_ += "\\t";
    return;
  case '\\':
    out_ += "\\\\";
    return;
  default:
    if (unit == quote)
      out_ += '\\';
    if (code < 0x20 || code == 0x7F)
      out_ += fmt::format("\\x{:02x}", code);
    else
      out_ += unit;
  }
}

void repr_writer::write_text(std::string_view text) {
  const char quote = quote_for(text);
  out_ += quote;
  while (!text.empty() && !full()) {
    const auto [code, bytes] = utf8::first_character(text);
    if (bytes == 0) {
      // No UTF-8, and so no text Python would have: shown byte by byte.
      out_ += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    if (code < 0x80)
      write_escaped(text[0], quote);
    else if (prints(code))
      out_ += text.substr(0, bytes);
    else
      write_code_point(code);
    text.remove_prefix(bytes);
  }
  out_ += quote;
}

void repr_writer::write_code_point(char32_t code) {
  const auto number = static_cast<std::uint32_t>(code);
  if (number < 0x100)
    out_ += fmt::format("\\x{:02x}", number);
  else if (number < 0x1'0000)
    out_ += fmt::format("\\u{:04x}", number);
  else
    out_ += fmt::format("\\U{:08x}", number);
}

void repr_writer::write_bytes(std::string_view data, bool of_array) {
  const char quote = quote_for(data);
  // Python's bytearray escapes single quotes between double ones, too.
  const char escaped = of_array ? '\'' : quote;
  out_ += 'b';
  out_ += quote;
  for (std::size_t i = 0; i < data.size() && !full(); ++i) {
    const auto code = static_cast<unsigned char>(data[i]);
    if (code >= 0x80)
      out_ += fmt::format("\\x{:02x}", code);
    else
      write_escaped(data[i], escaped);
  }
  out_ += quote;
}

void repr_writer::write_items(const std::vector<value>& items,
                              std::string_view open, std::string_view close) {
  out_ += open;
  for (std::size_t i = 0; i < items.size() && !full(); ++i) {
    if (i > 0)
      out_ += ", ";
    write(items[i]);
  }
  if (open == "(" && items.size() == 1)
    out_ += ',';
  out_ += close;
}

void repr_writer::write_set(const set& items, bool frozen) {
  if (items.empty())
    out_ += frozen ? "frozenset()" : "set()";
  else if (frozen)
    write_items(items.items(), "frozenset({", "})");
  else
    write_items(items.items(), "{", "}");
}

void repr_writer::write_dict(const dict& entries) {
  out_ += '{';
  bool first = true;
  for (const auto& [key, item] : entries) {
    if (full())
      break;
    if (!std::exchange(first, false))
      out_ += ", ";
    write(key);
    out_ += ": ";
    write(item);
  }
  out_ += '}';
}

void repr_writer::write(const value& item) {
  switch (item.kind()) {
  case kind::string:
    return write_text(*item.get_if<std::string>());
  case kind::bytes:
    if (item.type_name() != "bytearray")
      return write_bytes(item.get_if<bytes>()->view(), false);
    out_ += "bytearray(";
    write_bytes(item.get_if<bytes>()->view(), true);
    out_ += ')';
    return;
  case kind::list:
    return write_items(*item.get_if<list>(), "[", "]");
  case kind::tuple:
    return write_items(*item.get_if<tuple>(), "(", ")");
  case kind::dict:
    return write_dict(*item.get_if<dict>());
  case kind::set:
    return write_set(*item.get_if<set>(), false);
  case kind::frozenset:
    return write_set(*item.get_if<frozenset>(), true);
  case kind::slice:
    return write_items(*item.get_if<slice>(), "slice(", ")");
  case kind::atom:
    out_ += "Atom(";
    write_text(item.get_if<atom>()->name);
    out_ += ')';
    return;
  default:
    out_ += scalar_repr(item, most_);
  }
}

} // namespace

std::string text_repr(std::string_view text) {
  return repr(value{std::string{text}});
}

std::string repr(const value& item) {
  repr_writer writer{std::string::npos - 8};
  writer.write(item);
  return writer.take();
}

std::string repr_short(const value& item, std::size_t characters_max) {
  repr_writer writer{characters_max};
  writer.write(item);
  return writer.take();
}

std::ostream& operator<<(std::ostream& out, const value& item) {
  return out << repr(item);
}

} // namespace snakebridge
