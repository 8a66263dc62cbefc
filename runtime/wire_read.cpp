// Values out of messages. What Python could not have sent is malformed.
#include <array>

#include "runtime/wire.hpp"

namespace snakebridge::wire {

namespace {

using reader = schema::Value::Reader;

void require(bool holds, const char* what) {
  if (!holds)
    throw KJ_EXCEPTION(FAILED, what);
}

template <class T>
T checked(T item) {
  require(item.valid(), "a moment out of Python's bounds");
  return item;
}

timedelta read(schema::Timedelta::Reader from) {
  return checked(
    timedelta{from.getDays(), from.getSeconds(), from.getMicroseconds()});
}

timezone read(schema::Zone::Reader from) {
  timezone zone{.key = string(from.getKey()), .offset = {}, .name = {}};
  if (from.hasOffset())
    zone.offset = read(from.getOffset());
  if (from.hasName())
    zone.name = string(from.getName());
  if (from.hasOtherOffset())
    zone.offset_of_other_fold = read(from.getOtherOffset());
  return checked(std::move(zone));
}

date read(schema::Date::Reader from) {
  return checked(date{from.getYear(), from.getMonth(), from.getDay()});
}

time read(schema::Time::Reader from) {
  time made{from.getHour(),        from.getMinute(), from.getSecond(),
            from.getMicrosecond(), from.getFold(),   {}};
  if (from.hasZone())
    made.zone = read(from.getZone());
  return checked(std::move(made));
}

uuid read(schema::Uuid::Reader from) {
  uuid made;
  for (unsigned at = 0; at < 8; ++at) {
    const auto shift = 56U - 8U * at;
    made.bytes[at] = static_cast<std::uint8_t>(from.getHigh() >> shift);
    made.bytes[8 + at] = static_cast<std::uint8_t>(from.getLow() >> shift);
  }
  require(from.getSafety() <= static_cast<unsigned>(uuid::safety::unsafe),
          "a UUID of no known safety");
  made.is_safe = static_cast<uuid::safety>(from.getSafety());
  return made;
}

decimal read_decimal(capnp::Text::Reader from) {
  require(decimal::valid({from.begin(), from.size()}),
          "a Decimal that is none");
  return decimal{{from.begin(), from.size()}};
}

template <class Items>
Items read_items(capnp::List<schema::Value>::Reader from,
                 const ref_origin& made_by) {
  Items items;
  items.reserve(from.size());
  for (auto item : from)
    items.push_back(read_value(item, made_by));
  return items;
}

template <class Packed>
list read_packed(Packed from) {
  list items;
  items.reserve(from.size());
  for (const auto item : from)
    items.emplace_back(item);
  return items;
}

void require_hashable(reader key) {
  require(!key.isList() && !key.isDict() && !key.isSet() && !key.isFloats()
            && !key.isIntegers(),
          "a key that Python could not hash");
}

template <class Set>
Set read_set(capnp::List<schema::Value>::Reader from,
             const ref_origin& made_by) {
  Set items;
  items.reserve(from.size());
  for (auto item : from) {
    require_hashable(item);
    items.append(read_value(item, made_by));
  }
  return items;
}

// The names in small dicts come again and again: each is made once while it
// stays here. Those of a large dict all differ.
constexpr unsigned small_dict_max = 64;

const value& known_key(capnp::Text::Reader from) {
  constexpr std::size_t places = 256;
  thread_local std::array<value, places> known;
  const std::string_view text{from.begin(), from.size()};
  auto& place = known[std::hash<std::string_view>{}(text) % places];
  const auto* here = place.get_if<std::string>();
  if (here == nullptr || *here != text)
    place = value{std::string{text}};
  return place;
}

value read_key(reader from, const ref_origin& made_by, bool may_be_known) {
  constexpr std::size_t bytes_of_a_name = 32;
  require_hashable(from);
  if (!may_be_known || !from.isString())
    return read_value(from, made_by);
  const auto text = from.getString();
  return text.size() <= bytes_of_a_name ? known_key(text) : value{string(text)};
}

dict read_dict(capnp::List<schema::Value>::Reader from,
               const ref_origin& made_by) {
  require(from.size() % 2 == 0, "a key without a value");
  dict entries;
  entries.reserve(from.size() / 2);
  const bool small = from.size() <= 2 * small_dict_max;
  for (unsigned at = 0; at < from.size(); at += 2) {
    entries.append(read_key(from[at], made_by, small),
                   read_value(from[at + 1], made_by));
  }
  return entries;
}

ref read_ref(schema::Ref::Reader from, const ref_origin& made_by) {
  return {.node = {},
          .session = made_by.session,
          .interpreter = made_by.interpreter,
          .epoch = made_by.epoch,
          .slot = from.getSlot(),
          .type_name = string(from.getTypeName()),
          .is_stream = from.getIsStream()};
}

value read_typed(schema::Typed::Reader from) {
  const auto plain = from.getValue();
  switch (plain.which()) {
  case schema::Value::BOOLEAN:
  case schema::Value::INTEGER:
  case schema::Value::BIG_INTEGER:
  case schema::Value::FLOATING:
  case schema::Value::COMPLEX:
  case schema::Value::STRING:
  case schema::Value::BYTES:
    return value::of_type(string(from.getTypeName()), read_value(plain, {}));
  default:
    throw KJ_EXCEPTION(FAILED, "a type of its own for what is no scalar");
  }
}

value read_bytes(capnp::Data::Reader from) {
  return value{bytes{from.begin(), from.size()}};
}

value read_container(reader from, const ref_origin& made_by) {
  switch (from.which()) {
  case schema::Value::LIST:
    return value{read_items<list>(full_size(from.getList()), made_by)};
  case schema::Value::FLOATS:
    return value{read_packed(from.getFloats())};
  case schema::Value::INTEGERS:
    return value{read_packed(from.getIntegers())};
  case schema::Value::TUPLE:
    return value{read_items<tuple>(full_size(from.getTuple()), made_by)};
  case schema::Value::DICT:
    return value{read_dict(full_size(from.getDict()), made_by)};
  case schema::Value::SET:
    return value{read_set<set>(full_size(from.getSet()), made_by)};
  case schema::Value::FROZENSET:
    return value{read_set<frozenset>(full_size(from.getFrozenset()), made_by)};
  default:
    throw KJ_EXCEPTION(FAILED, "a value of no known kind");
  }
}

value read_moment_or_name(reader from, const ref_origin& made_by) {
  switch (from.which()) {
  case schema::Value::BIG_INTEGER:
    return value::of_integer(
      integer::from_bytes(read_bytes(from.getBigInteger()).as<bytes>().view()));
  case schema::Value::COMPLEX:
    return value{std::complex<double>{from.getComplex().getReal(),
                                      from.getComplex().getImaginary()}};
  case schema::Value::DATE:
    return value{read(from.getDate())};
  case schema::Value::TIME:
    return value{read(from.getTime())};
  case schema::Value::DATETIME:
    return value{datetime{read(from.getDatetime().getDate()),
                          read(from.getDatetime().getTime())}};
  case schema::Value::TIMEDELTA:
    return value{read(from.getTimedelta())};
  case schema::Value::DECIMAL:
    return value{read_decimal(from.getDecimal())};
  case schema::Value::UUID:
    return value{read(from.getUuid())};
  case schema::Value::ATOM:
    return value{atom{string(from.getAtom())}};
  case schema::Value::TYPED:
    return read_typed(from.getTyped());
  case schema::Value::UNSERIALIZABLE: {
    const auto marker = from.getUnserializable();
    unserializable made{.type = string(marker.getTypeName()), .repr = {}};
    if (marker.hasRepr())
      made.repr = string(marker.getRepr());
    return value{std::move(made)};
  }
  default:
    return read_container(from, made_by);
  }
}

} // namespace

value read_value(reader from, const ref_origin& made_by) {
  switch (from.which()) {
  case schema::Value::NONE:
    return {};
  case schema::Value::BOOLEAN:
    return value::of_boolean(from.getBoolean());
  case schema::Value::INTEGER:
    return value::of_integer(from.getInteger());
  case schema::Value::FLOATING:
    return value::of_floating(from.getFloating());
  case schema::Value::STRING:
    return value{string(from.getString())};
  case schema::Value::BYTES:
    return read_bytes(from.getBytes());
  case schema::Value::REF:
    return value{read_ref(from.getRef(), made_by)};
  default:
    return read_moment_or_name(from, made_by);
  }
}

} // namespace snakebridge::wire
