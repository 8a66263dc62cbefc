// Values into messages.
#include <algorithm>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/python_bounds.hpp"
#include "runtime/wire.hpp"

namespace snakebridge::wire {

namespace {

using builder = schema::Value::Builder;

[[noreturn]] void refuse(const value& item, std::string_view why) {
  throw exception{
    error{errc::not_convertible, fmt::format("{} {}", repr_short(item), why)}};
}

capnp::Data::Reader raw(std::string_view from) {
  return {reinterpret_cast<const kj::byte*>(from.data()), from.size()};
}

// The one kind of all items, where a packed list can hold them.
std::optional<kind> common_kind(const list& items) {
  if (items.empty())
    return {};
  const auto first = items[0].kind();
  if (first != kind::floating && first != kind::integer)
    return {};
  const bool packed =
    std::all_of(items.begin(), items.end(), [first](const value& item) {
      return item.kind() == first && !item.is_typed()
             && (first == kind::floating || item.get_if<std::int64_t>());
    });
  return packed ? std::optional{first} : std::nullopt;
}

template <class Items>
void write_items(capnp::List<schema::Value>::Builder to, const Items& from,
                 std::size_t depth) {
  unsigned at = 0;
  for (const auto& item : from)
    write_value(to[at++], item, depth);
}

void write_list(builder to, const list& from, std::size_t depth) {
  const auto count = count_of(from.size());
  const auto packed = common_kind(from);
  if (packed == kind::floating) {
    auto items = to.initFloats(count);
    for (unsigned at = 0; at < count; ++at)
      items.set(at, *from[at].get_if<double>());
  } else if (packed == kind::integer) {
    auto items = to.initIntegers(count);
    for (unsigned at = 0; at < count; ++at)
      items.set(at, *from[at].get_if<std::int64_t>());
  } else {
    write_items(to.initList(count), from, depth);
  }
}

void write_dict(builder to, const dict& from, std::size_t depth) {
  auto items = to.initDict(count_of(2 * from.size()));
  unsigned at = 0;
  for (const auto& [key, item] : from) {
    write_value(items[at++], key, depth);
    write_value(items[at++], item, depth);
  }
}

void write(schema::Timedelta::Builder to, const timedelta& from) {
  to.setDays(from.days);
  to.setSeconds(from.seconds);
  to.setMicroseconds(from.microseconds);
}

void write(schema::Zone::Builder to, const timezone& from) {
  to.setKey(text(from.key));
  if (from.offset)
    write(to.initOffset(), *from.offset);
  if (from.name)
    to.setName(text(*from.name));
  if (from.offset_of_other_fold)
    write(to.initOtherOffset(), *from.offset_of_other_fold);
}

void write(schema::Date::Builder to, const date& from) {
  to.setYear(from.year);
  to.setMonth(from.month);
  to.setDay(from.day);
}

void write(schema::Time::Builder to, const time& from) {
  to.setHour(from.hour);
  to.setMinute(from.minute);
  to.setSecond(from.second);
  to.setFold(from.fold);
  to.setMicrosecond(from.microsecond);
  if (from.zone)
    write(to.initZone(), *from.zone);
}

void write(schema::DateTime::Builder to, const datetime& from) {
  write(to.initDate(), from.date);
  write(to.initTime(), from.time);
}

void write(schema::Uuid::Builder to, const uuid& from) {
  const auto half = [&](std::size_t begin) {
    std::uint64_t bits = 0;
    for (auto at = begin; at < begin + 8; ++at)
      bits = bits << 8U | from.bytes[at];
    return bits;
  };
  to.setHigh(half(0));
  to.setLow(half(8));
  to.setSafety(static_cast<std::uint8_t>(from.is_safe));
}

void write_integer(builder to, const value& from) {
  if (const auto* small = from.get_if<std::int64_t>())
    to.setInteger(*small);
  else
    to.setBigInteger(raw(from.get_if<integer>()->bytes()));
}

void write_complex(builder to, const std::complex<double>& from) {
  auto into = to.initComplex();
  into.setReal(from.real());
  into.setImaginary(from.imag());
}

void write_typed(builder to, const value& from) {
  auto into = to.initTyped();
  into.setTypeName(text(from.type_name()));
  write_value(into.initValue(), from.plain());
}

void check_depth(std::size_t depth) {
  if (depth >= limits::value_depth_max)
    throw exception{
      error{errc::payload_too_large,
            fmt::format("the value is more than {} containers deep",
                        limits::value_depth_max)}};
}

void write_container(builder to, const value& from, std::size_t depth) {
  check_depth(depth);
  switch (from.kind()) {
  case kind::list:
    return write_list(to, *from.get_if<list>(), depth + 1);
  case kind::tuple:
    return write_items(to.initTuple(count_of(from.size())),
                       *from.get_if<tuple>(), depth + 1);
  case kind::set:
    return write_items(to.initSet(count_of(from.size())), *from.get_if<set>(),
                       depth + 1);
  case kind::frozenset:
    return write_items(to.initFrozenset(count_of(from.size())),
                       *from.get_if<frozenset>(), depth + 1);
  default:
    return write_dict(to, *from.get_if<dict>(), depth + 1);
  }
}

} // namespace

void write_marker(builder to, const unserializable& from) {
  auto into = to.initUnserializable();
  into.setTypeName(text(from.type));
  if (from.repr)
    into.setRepr(text(*from.repr));
}

unsigned count_of(std::size_t items) {
  constexpr std::size_t most = (std::size_t{1} << 29U) - 1;
  if (items > most)
    throw exception{too_large(0)};
  return static_cast<unsigned>(items);
}

std::size_t words_of(const value& from, std::size_t depth) {
  constexpr std::size_t words_of_value = 3, words_of_name = 16;
  const auto bytes = [](std::size_t count) { return count / sizeof(word) + 2; };
  auto words = words_of_value;
  if (const auto* content = from.get_if<std::string>()) {
    words += bytes(content->size());
  } else if (const auto* raw = from.get_if<snakebridge::bytes>()) {
    words += bytes(raw->size());
  } else if (const auto* large = from.get_if<integer>()) {
    words += bytes(large->bytes().size());
  } else if (const auto* row = from.get_if<list>(); row && common_kind(*row)) {
    words += row->size() + 1;
  } else if (depth > limits::value_depth_max) {
    return words; // refused where it is written
  } else if (const auto* items = detail::items_of(from)) {
    ++words;
    for (const auto& item : *items)
      words += words_of(item, depth + 1);
  } else if (const auto* entries = from.get_if<dict>()) {
    ++words;
    for (const auto& [key, item] : *entries)
      words += words_of(key, depth + 1) + words_of(item, depth + 1);
  } else if (from.kind() > kind::floating) {
    words += words_of_name;
  }
  return words;
}

void write_value(builder to, const value& from, std::size_t depth) {
  if (from.is_typed())
    return write_typed(to, from);
  switch (from.kind()) {
  case kind::none:
    return to.setNone();
  case kind::boolean:
    return to.setBoolean(*from.get_if<bool>());
  case kind::integer:
    return write_integer(to, from);
  case kind::floating:
    return to.setFloating(*from.get_if<double>());
  case kind::string:
    return to.setString(text(*from.get_if<std::string>()));
  case kind::bytes:
    return to.setBytes(raw(from.get_if<bytes>()->view()));
  case kind::ref:
    return to.initRef().setSlot(from.get_if<ref>()->slot);
  case kind::complex:
    return write_complex(to, *from.get_if<std::complex<double>>());
  case kind::date:
    return write(to.initDate(), within_bounds<date>(from));
  case kind::time:
    return write(to.initTime(), within_bounds<time>(from));
  case kind::datetime:
    return write(to.initDatetime(), within_bounds<datetime>(from));
  case kind::timedelta:
    return write(to.initTimedelta(), within_bounds<timedelta>(from));
  case kind::decimal:
    return to.setDecimal(text(from.get_if<decimal>()->text()));
  case kind::uuid:
    return write(to.initUuid(), *from.get_if<uuid>());
  case kind::atom:
    return to.setAtom(text(from.get_if<atom>()->name));
  case kind::unserializable:
    refuse(from, "stands for an object that could not cross: it cannot be sent "
                 "back");
  case kind::list:
  case kind::tuple:
  case kind::dict:
  case kind::set:
  case kind::frozenset:
    return write_container(to, from, depth);
  }
}

} // namespace snakebridge::wire
