// Values out of messages. What Python could not have sent is malformed.
#include <iterator>

#include "config/tunables.hpp"
#include "runtime/base/roomy_stack.hpp"
#include "runtime/wire/messages.hpp"

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

template <class Items, class Packed>
Items read_packed(Packed from) {
  Items items;
  items.reserve(from.size());
  for (const auto item : from)
    items.emplace_back(item);
  return items;
}

template <class Items>
Items read_texts(schema::Texts::Reader from) {
  Items items;
  each_text(from, [&](std::string_view text, unsigned, unsigned count) {
    if (items.empty())
      items.reserve(count);
    items.emplace_back(std::string{text});
  });
  return items;
}

template <class Items>
Items read_items(schema::Items::Reader from, const ref_origin& made_by);

template <class Items>
Items read_lists(schema::Lists::Reader from, const ref_origin& made_by) {
  auto all = read_items<list>(from.getItems(), made_by);
  const auto lengths = from.getLengths();
  Items lists;
  lists.reserve(lengths.size());
  auto next = all.begin();
  for (const auto length : lengths) {
    require(length <= all.end() - next, "lists longer than their items");
    lists.emplace_back(
      list(std::move_iterator{next}, std::move_iterator{next + length}));
    next += length;
  }
  require(next == all.end(), "items of no list");
  return lists;
}

template <class Items>
Items read_records(schema::Records::Reader from, const ref_origin& made_by) {
  const auto keys = read_texts<list>(from.getKeys());
  std::vector<list> columns;
  for (auto column : columns_of(from, keys.size()))
    columns.push_back(read_items<list>(column, made_by));
  for (const auto& column : columns)
    require(column.size() == from.getCount(), "a column with gaps");
  Items records;
  records.reserve(from.getCount());
  for (std::size_t at = 0; at < from.getCount(); ++at) {
    dict record;
    record.reserve(keys.size());
    for (std::size_t key = 0; key < keys.size(); ++key)
      record.append(keys[key], std::move(columns[key][at]));
    records.emplace_back(std::move(record));
  }
  return records;
}

template <class Items>
Items read_items_here(schema::Items::Reader from, const ref_origin& made_by) {
  switch (from.which()) {
  case schema::Items::VALUES: {
    Items items;
    const auto values = full_size(from.getValues());
    items.reserve(values.size());
    for (auto item : values)
      items.push_back(read_value(item, made_by));
    return items;
  }
  case schema::Items::FLOATS:
    return read_packed<Items>(from.getFloats());
  case schema::Items::INTEGERS:
    return read_packed<Items>(from.getIntegers());
  case schema::Items::TEXTS:
    return read_texts<Items>(from.getTexts());
  case schema::Items::LISTS:
    return read_lists<Items>(from.getLists(), made_by);
  case schema::Items::RECORDS:
    return read_records<Items>(from.getRecords(), made_by);
  }
  throw KJ_EXCEPTION(FAILED, "items of no known kind");
}

template <class Items>
Items read_items(schema::Items::Reader from, const ref_origin& made_by) {
  return with_stack(limits::stack_of_a_level_bytes,
                    [&] { return read_items_here<Items>(from, made_by); });
}

void require_hashable(const value& key) {
  require(key.kind() != kind::list && key.kind() != kind::dict
            && key.kind() != kind::set,
          "a key that Python could not hash");
}

template <class Set>
Set read_set(schema::Items::Reader from, const ref_origin& made_by) {
  auto items = read_items<list>(from, made_by);
  Set made;
  made.reserve(items.size());
  for (auto& item : items) {
    require_hashable(item);
    made.append(std::move(item));
  }
  return made;
}

dict read_dict(schema::Dict::Reader from, const ref_origin& made_by) {
  auto keys = read_items<list>(from.getKeys(), made_by);
  auto values = read_items<list>(from.getValues(), made_by);
  require(keys.size() == values.size(), "a key without a value");
  dict entries;
  entries.reserve(keys.size());
  for (std::size_t at = 0; at < keys.size(); ++at) {
    require_hashable(keys[at]);
    entries.append(std::move(keys[at]), std::move(values[at]));
  }
  return entries;
}

bool is_plain_scalar(schema::Value::Reader from) {
  switch (from.which()) {
  case schema::Value::BOOLEAN:
  case schema::Value::INTEGER:
  case schema::Value::BIG_INTEGER:
  case schema::Value::FLOATING:
  case schema::Value::COMPLEX:
  case schema::Value::STRING:
  case schema::Value::BYTES:
    return true;
  default:
    return false;
  }
}

std::shared_ptr<const value> read_base(schema::Ref::Reader from) {
  if (!from.hasBase())
    return nullptr;
  if (!is_plain_scalar(from.getBase()))
    throw KJ_EXCEPTION(FAILED, "a base of an object that is no scalar");
  return std::make_shared<const value>(read_value(from.getBase(), {}));
}

ref read_ref(schema::Ref::Reader from, const ref_origin& made_by) {
  return {.node = std::string{made_by.node},
          .session = std::string{made_by.session},
          .interpreter = made_by.interpreter,
          .epoch = made_by.epoch,
          .slot = from.getSlot(),
          .type_name = string(from.getTypeName()),
          .is_stream = from.getIsStream(),
          .base = read_base(from),
          .session_epoch = made_by.session_epoch};
}

value read_typed(schema::Typed::Reader from) {
  const auto plain = from.getValue();
  if (!is_plain_scalar(plain))
    throw KJ_EXCEPTION(FAILED, "a type of its own for what is no scalar");
  return value::of_type(string(from.getTypeName()), read_value(plain, {}));
}

value read_bytes(capnp::Data::Reader from) {
  return value{bytes{from.begin(), from.size()}};
}

value read_slice(schema::Slice::Reader from, const ref_origin& made_by) {
  return value{slice{read_value(from.getStart(), made_by),
                     read_value(from.getStop(), made_by),
                     read_value(from.getStep(), made_by)}};
}

value read_container(reader from, const ref_origin& made_by) {
  switch (from.which()) {
  case schema::Value::LIST:
    return value{read_items<list>(from.getList(), made_by)};
  case schema::Value::TUPLE:
    return value{read_items<tuple>(from.getTuple(), made_by)};
  case schema::Value::DICT:
    return value{read_dict(from.getDict(), made_by)};
  case schema::Value::SET:
    return value{read_set<set>(from.getSet(), made_by)};
  case schema::Value::FROZENSET:
    return value{read_set<frozenset>(from.getFrozenset(), made_by)};
  case schema::Value::SLICE:
    return read_slice(from.getSlice(), made_by);
  case schema::Value::ELLIPSIS:
    return value{ellipsis};
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

std::vector<value> read_items(schema::Items::Reader from,
                              const ref_origin& made_by) {
  return read_items<std::vector<value>>(from, made_by);
}

capnp::List<schema::Items>::Reader columns_of(schema::Records::Reader from,
                                              std::size_t keys) {
  const auto columns = full_size(from.getColumns());
  require(keys >= 2, "records of less than two keys");
  require(columns.size() == keys, "not as many columns as keys");
  return columns;
}

namespace {

value read_callback(std::uint64_t id, const ref_origin& made_by) {
  require(made_by.callbacks != nullptr && made_by.callbacks->contains(id),
          "a callback where none can be");
  return value{made_by.callbacks->at(id)};
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
  case schema::Value::CALLBACK:
    return read_callback(from.getCallback(), made_by);
  default:
    return read_moment_or_name(from, made_by);
  }
}

} // namespace snakebridge::wire
