// Values into messages.
#include <fmt/format.h>

#include <snakebridge/callback.hpp>

#include "config/tunables.hpp"
#include "runtime/values/python_bounds.hpp"
#include "runtime/wire/items.hpp"

namespace snakebridge::wire {

namespace {

using builder = schema::Value::Builder;

// As its worker told it: the origin is what the other side has to add.
void write_ref(schema::Ref::Builder to, const ref& from, bool is_told) {
  to.setSlot(from.slot);
  if (!is_told)
    return;
  to.setTypeName(text(from.type_name));
  to.setIsStream(from.is_stream);
  if (from.base)
    write_value(to.initBase(), *from.base);
}

[[noreturn]] void refuse(const value& item, std::string_view why) {
  throw exception{
    error{errc::not_convertible, fmt::format("{} {}", repr_short(item), why)}};
}

capnp::Data::Reader raw(std::string_view from) {
  return {reinterpret_cast<const kj::byte*>(from.data()),
          count_of(from.size())};
}

void put(schema::Timedelta::Builder to, const timedelta& from) {
  to.setDays(from.days);
  to.setSeconds(from.seconds);
  to.setMicroseconds(from.microseconds);
}

void put(schema::Zone::Builder to, const timezone& from) {
  to.setKey(text(from.key));
  if (from.offset)
    put(to.initOffset(), *from.offset);
  if (from.name)
    to.setName(text(*from.name));
  if (from.offset_of_other_fold)
    put(to.initOtherOffset(), *from.offset_of_other_fold);
}

void put(schema::Date::Builder to, const date& from) {
  to.setYear(from.year);
  to.setMonth(from.month);
  to.setDay(from.day);
}

void put(schema::Time::Builder to, const time& from) {
  to.setHour(from.hour);
  to.setMinute(from.minute);
  to.setSecond(from.second);
  to.setFold(from.fold);
  to.setMicrosecond(from.microsecond);
  if (from.zone)
    put(to.initZone(), *from.zone);
}

void put(schema::DateTime::Builder to, const datetime& from) {
  put(to.initDate(), from.date);
  put(to.initTime(), from.time);
}

void put(schema::Uuid::Builder to, const uuid& from) {
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

} // namespace

void write_marker(builder to, const unserializable& from) {
  auto into = to.initUnserializable();
  into.setTypeName(text(from.type));
  if (from.repr)
    into.setRepr(text(*from.repr));
}

void check_depth(std::size_t depth) {
  if (depth >= limits::value_depth_max)
    throw exception{
      error{errc::payload_too_large,
            fmt::format("the value is more than {} containers deep",
                        limits::value_depth_max)}};
}

unsigned count_of(std::size_t items) {
  if (items > data_bytes_max)
    throw exception{too_large(0)};
  return static_cast<unsigned>(items);
}

void value_writer::write_typed(builder to, const value& from) {
  auto into = to.initTyped();
  into.setTypeName(text(from.type_name()));
  write(into.initValue(), from.plain());
}

void value_writer::write_container(builder to, const value& from,
                                   std::size_t depth) {
  check_depth(depth);
  take(from.size());
  switch (from.kind()) {
  case kind::list:
    return write_items(to.initList(), item_row{*from.get_if<list>()},
                       depth + 1);
  case kind::tuple:
    return write_items(to.initTuple(), item_row{*from.get_if<tuple>()},
                       depth + 1);
  case kind::set:
    return write_items(to.initSet(), item_row{from.get_if<set>()->items()},
                       depth + 1);
  case kind::frozenset:
    return write_items(to.initFrozenset(),
                       item_row{from.get_if<frozenset>()->items()}, depth + 1);
  default: {
    const auto& entries = *from.get_if<dict>();
    auto into = to.initDict();
    take(from.size()); // as many again
    write_items(into.initKeys(), item_row::keys_of(entries), depth + 1);
    write_items(into.initValues(), item_row::values_of(entries), depth + 1);
  }
  }
}

void value_writer::write_slice(schema::Slice::Builder to, const slice& from,
                               std::size_t depth) {
  check_depth(depth);
  write(to.initStart(), from[0], depth + 1);
  write(to.initStop(), from[1], depth + 1);
  write(to.initStep(), from[2], depth + 1);
}

void value_writer::write(builder to, const value& from, std::size_t depth) {
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
    return write_ref(to.initRef(), *from.get_if<ref>(), is_reply_);
  case kind::complex:
    return write_complex(to, *from.get_if<std::complex<double>>());
  case kind::date:
    return put(to.initDate(), within_bounds<date>(from));
  case kind::time:
    return put(to.initTime(), within_bounds<time>(from));
  case kind::datetime:
    return put(to.initDatetime(), within_bounds<datetime>(from));
  case kind::timedelta:
    return put(to.initTimedelta(), within_bounds<timedelta>(from));
  case kind::decimal:
    return to.setDecimal(text(from.get_if<decimal>()->text()));
  case kind::uuid:
    return put(to.initUuid(), *from.get_if<uuid>());
  case kind::atom:
    return to.setAtom(text(from.get_if<atom>()->name));
  case kind::callback:
    return to.setCallback(from.get_if<callback>()->id());
  case kind::slice:
    return write_slice(to.initSlice(), *from.get_if<slice>(), depth);
  case kind::ellipsis:
    return to.setEllipsis();
  case kind::unserializable:
    if (is_reply_)
      return write_marker(to, *from.get_if<unserializable>());
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
