// Numbers, moments and names as Python's repr.
#include <cmath>

#include <snakebridge/callback.hpp>

#include <fmt/format.h>

#include "runtime/values/repr.hpp"

namespace snakebridge {

namespace {

// The shortest digits that come back as just this number; "1e+16", "5".
std::string number(double item) {
  if (std::isnan(item))
    return "nan";
  if (std::isinf(item))
    return item < 0 ? "-inf" : "inf";
  return fmt::format("{}", item);
}

std::string repr_of(double item) {
  auto text = number(item);
  // "nan" and "inf" have an n.
  if (text.find_first_of(".en") == std::string::npos)
    text += ".0";
  return text;
}

std::string repr_of(const std::complex<double>& item) {
  const auto sign =
    std::signbit(item.imag()) && !std::isnan(item.imag()) ? "" : "+";
  if (item.real() == 0 && !std::signbit(item.real()))
    return number(item.imag()) + "j";
  return fmt::format("({}{}{}j)", number(item.real()), sign,
                     number(item.imag()));
}

std::string repr_of(const timedelta& item) {
  std::string fields;
  const auto add = [&](const char* name, std::int32_t amount) {
    if (amount != 0)
      fields +=
        fmt::format("{}{}={}", fields.empty() ? "" : ", ", name, amount);
  };
  add("days", item.days);
  add("seconds", item.seconds);
  add("microseconds", item.microseconds);
  return fmt::format("datetime.timedelta({})", fields.empty() ? "0" : fields);
}

std::string repr_of(const timezone& item) {
  if (!item.key.empty())
    return fmt::format("zoneinfo.ZoneInfo(key={})", text_repr(item.key));
  const auto offset = item.offset.value_or(timedelta{});
  if (offset == timedelta{} && !item.name)
    return "datetime.timezone.utc";
  return fmt::format("datetime.timezone({}{})", repr_of(offset),
                     item.name ? ", " + text_repr(*item.name) : "");
}

// To write digits takes more than linear time.
std::string repr_of(const integer& item, std::size_t most) {
  return item.bytes().size() > most
           ? fmt::format("<int of {} bits>", 8 * item.bytes().size())
           : item.to_string();
}

// Seconds and microseconds as far as they are not 0, as Python leaves them
// out.
std::string clock(const time& item) {
  auto text = fmt::format("{}, {}", item.hour, item.minute);
  if (item.second != 0 || item.microsecond != 0)
    text += fmt::format(", {}", item.second);
  if (item.microsecond != 0)
    text += fmt::format(", {}", item.microsecond);
  return text;
}

std::string fold_of(const time& item) {
  return item.fold != 0 ? ", fold=1" : "";
}

std::string zone_of(const time& item) {
  return item.zone ? ", tzinfo=" + repr_of(*item.zone) : "";
}

std::string fields(const date& item) {
  return fmt::format("{}, {}, {}", item.year, item.month, item.day);
}

std::string repr_of(const unserializable& item) {
  return fmt::format("<unserializable {}{}>",
                     item.type.empty() ? "object" : item.type,
                     item.repr ? ": " + *item.repr : "");
}

} // namespace

std::string scalar_repr(const value& item, std::size_t most) {
  switch (item.kind()) {
  case kind::boolean:
    return *item.get_if<bool>() ? "True" : "False";
  case kind::integer:
    return repr_of(item.as<integer>(), most);
  case kind::floating:
    return repr_of(*item.get_if<double>());
  case kind::complex:
    return repr_of(*item.get_if<std::complex<double>>());
  case kind::date:
    return "datetime.date(" + fields(*item.get_if<date>()) + ")";
  case kind::time: {
    // Python tells the fold last here, and the zone last of a datetime.
    const auto& at = *item.get_if<time>();
    return fmt::format("datetime.time({}{}{})", clock(at), zone_of(at),
                       fold_of(at));
  }
  case kind::datetime: {
    const auto& [day, at] = *item.get_if<datetime>();
    return fmt::format("datetime.datetime({}, {}{}{})", fields(day), clock(at),
                       fold_of(at), zone_of(at));
  }
  case kind::timedelta:
    return repr_of(*item.get_if<timedelta>());
  case kind::decimal:
    return "Decimal('" + item.get_if<decimal>()->text() + "')";
  case kind::uuid:
    return "UUID('" + item.get_if<uuid>()->to_string() + "')";
  case kind::ref: {
    const auto& name = *item.get_if<ref>();
    return fmt::format("<ref {} {} of session '{}'>", name.type_name, name.slot,
                       name.session);
  }
  case kind::unserializable:
    return repr_of(*item.get_if<unserializable>());
  case kind::callback:
    return fmt::format("<callback {}>", item.get_if<callback>()->id());
  case kind::ellipsis:
    return "Ellipsis";
  default:
    return "None";
  }
}

} // namespace snakebridge
