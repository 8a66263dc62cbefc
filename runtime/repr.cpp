// Values as Python's repr.
#include <cmath>
#include <ostream>

#include <fmt/format.h>

#include <snakebridge/value.hpp>

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
  void write_floating(double item);
  void write_text(std::string_view text);
  void write_bytes(std::string_view data);
  void write_items(const std::vector<value>& items, char open, char close);
  void write_dict(const dict& entries);
  void write_escaped(char unit, char quote);

  std::size_t most_;
  std::string out_;
};

void repr_writer::write_floating(double item) {
  if (std::isnan(item)) {
    out_ += "nan";
  } else if (std::isinf(item)) {
    out_ += item < 0 ? "-inf" : "inf";
  } else {
    auto text = fmt::format("{}", item);
    if (text.find_first_of(".e") == std::string::npos)
      text += ".0";
    out_ += text;
  }
}

// Python's choice: single quotes, unless only they occur inside.
char quote_for(std::string_view text) {
  return text.find('\'') != std::string_view::npos
             && text.find('"') == std::string_view::npos
           ? '"'
           : '\'';
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
  for (std::size_t i = 0; i < text.size() && !full(); ++i) {
    // U+0080 to U+00A0 and U+00AD do not print either.
    const auto code = static_cast<unsigned char>(text[i]);
    const auto next
      = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (code == 0xC2 && (next <= 0xA0 || next == 0xAD) && next >= 0x80) {
      out_ += fmt::format("\\x{:02x}", next);
      ++i;
    } else {
      write_escaped(text[i], quote);
    }
  }
  out_ += quote;
}

void repr_writer::write_bytes(std::string_view data) {
  const char quote = quote_for(data);
  out_ += 'b';
  out_ += quote;
  for (std::size_t i = 0; i < data.size() && !full(); ++i) {
    const auto code = static_cast<unsigned char>(data[i]);
    if (code >= 0x80)
      out_ += fmt::format("\\x{:02x}", code);
    else
      write_escaped(data[i], quote);
  }
  out_ += quote;
}

void repr_writer::write_items(const std::vector<value>& items, char open,
                              char close) {
  out_ += open;
  for (std::size_t i = 0; i < items.size() && !full(); ++i) {
    if (i > 0)
      out_ += ", ";
    write(items[i]);
  }
  if (open == '(' && items.size() == 1)
    out_ += ',';
  out_ += close;
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
  case kind::none:
    out_ += "None";
    return;
  case kind::boolean:
    out_ += *item.get_if<bool>() ? "True" : "False";
    return;
  case kind::integer:
    out_ += std::to_string(*item.get_if<std::int64_t>());
    return;
  case kind::floating:
    return write_floating(*item.get_if<double>());
  case kind::string:
    return write_text(*item.get_if<std::string>());
  case kind::bytes:
    return write_bytes(item.get_if<bytes>()->view());
  case kind::list:
    return write_items(*item.get_if<list>(), '[', ']');
  case kind::tuple:
    return write_items(*item.get_if<tuple>(), '(', ')');
  case kind::dict:
    return write_dict(*item.get_if<dict>());
  case kind::ref: {
    const auto& name = *item.get_if<ref>();
    out_ += fmt::format("<ref {} {} of session '{}'>", name.type_name,
                        name.slot, name.session);
    return;
  }
  }
}

} // namespace

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
