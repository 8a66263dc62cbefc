// Markers of objects that could not cross.
#include <regex>

#include "config/tunables.hpp"
#include "runtime/python/scalars.hpp"

namespace snakebridge {

namespace {

// What looks like a secret. The text is short by then: see `marker_of`.
std::string redacted(const std::string& text) {
  static const std::regex bearer{R"re(([Bb]earer\s+)[A-Za-z0-9._~+/=-]+)re"};
  static const std::regex key{R"re(\bsk-[A-Za-z0-9_-]{8,})re"};
  static const std::regex named{
    R"re(((api[_-]?key|token|secret|password)['"]?\s*[:=]\s*))re"
    R"re((b?"[^"\\]*(\\.[^"\\]*)*"?|b?'[^'\\]*(\\.[^'\\]*)*'?)re"
    R"re(|[^\s,'")\]}]+))re",
    std::regex::icase};
  auto clean = std::regex_replace(text, bearer, "$1[REDACTED]");
  clean = std::regex_replace(clean, key, "[REDACTED]");
  return std::regex_replace(clean, named, "$1[REDACTED]");
}

void cut(std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max)
    return;
  while (bytes_max > 0 && (text[bytes_max] & 0xC0) == 0x80)
    --bytes_max; // never inside a character
  text.resize(bytes_max);
  text += "…";
}

} // namespace

unserializable marker_of(py::handle object, const conversion_config& rules) {
  using detail = unserializable_detail;
  unserializable made;
  if (rules.detail == detail::none)
    return made;
  made.type = type_name_of(object);
  if (rules.detail == detail::type)
    return made;
  const auto text =
    py::reinterpret_steal<py::object>(PyObject_Repr(object.ptr()));
  if (!text) {
    PyErr_Clear(); // it cannot even be shown
    return made;
  }
  made.repr = text_with_surrogates(text);
  // Redacted before it is cut: half a secret is one too.
  if (rules.detail == detail::repr_redacted) {
    cut(*made.repr, limits::marker_looked_at_bytes_max);
    made.repr = redacted(*made.repr);
  }
  cut(*made.repr, rules.repr_bytes_max);
  return made;
}

} // namespace snakebridge
