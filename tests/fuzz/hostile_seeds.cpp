// Messages that no code of ours writes: each shows one way to ask a reader for
// more than it was given, or for what cannot be.
#include <algorithm>
#include <limits>
#include <vector>

#include "tests/fuzz/builders.hpp"

namespace snakebridge::fuzz {

namespace {

using words = std::vector<word>;

constexpr word segment_table(std::size_t segment) {
  return word{segment} << 32U;
}

constexpr word struct_pointer(int offset, unsigned data, unsigned pointers) {
  return (static_cast<word>(static_cast<std::uint32_t>(offset)) << 2U
          & 0xFFFF'FFFFU)
         | word{data} << 32U | word{pointers} << 48U;
}

enum class item : std::uint8_t { byte = 2, pointer = 6, composite = 7 };

constexpr word list_pointer(int offset, item each, unsigned count) {
  return 1U | struct_pointer(offset, static_cast<unsigned>(each), 0)
         | word{count} << 35U;
}

constexpr word far_pointer(unsigned segment, unsigned offset, bool twice) {
  return 2U | (twice ? 4U : 0U) | word{offset} << 3U | word{segment} << 32U;
}

input message(const words& segment, target what = target::reply) {
  auto made = begun(what);
  const auto table = segment_table(segment.size());
  append(made, &table, sizeof table);
  append(made, segment.data(), segment.size() * sizeof(word));
  return made;
}

constexpr word kind_of_list = 6, kind_of_tuple = 7;

// The words of a value of that kind, but for where its items lie, and of them.
words items(word kind, word pointer) {
  return {kind, 0, struct_pointer(0, 1, 1), 0, pointer};
}

// A reply that is such a value; `rest` follows it.
words reply(word kind, word pointer, const words& rest = {}) {
  words made{struct_pointer(0, 1, 1), 0, struct_pointer(0, 2, 1)};
  for (const auto& part : {items(kind, pointer), rest})
    made.insert(made.end(), part.begin(), part.end());
  return made;
}

// Items without any content: they cost the sender nothing.
void add_items_of_no_size(corpus& to) {
  for (const auto& [name, kind, count] :
       {std::tuple{"list", kind_of_list, 1'000},
        {"tuple", kind_of_tuple, 1'000},
        {"huge_list", kind_of_list, (1 << 29) - 1}})
    to[std::string{"hostile_no_size_"} + name] =
      message(reply(kind, list_pointer(0, item::composite, 0),
                    {struct_pointer(count, 0, 0)}));
  const words request{struct_pointer(0, 3, 4),
                      1,
                      0,
                      0,
                      0,
                      0,
                      0,
                      list_pointer(0, item::composite, 0),
                      struct_pointer(1'000, 0, 0)};
  to["hostile_no_size_names"] = message(request, target::request);
  words raised{struct_pointer(0, 1, 1), 1, struct_pointer(0, 1, 9)};
  raised.resize(raised.size() + 10);
  raised[8] = list_pointer(4, item::composite, 0);
  raised.push_back(struct_pointer(1'000, 0, 0));
  to["hostile_no_size_frames"] = message(raised);
}

// Many lists that are one list, whose items are single bytes.
void add_one_list_many_times(corpus& to) {
  constexpr int lists = 40, bytes = 800;
  words rest{struct_pointer(lists, 2, 1)};
  // The values, three words each, then their items, two words each.
  for (int at = 0; at < lists; ++at)
    rest.insert(
      rest.end(),
      {kind_of_list, 0, struct_pointer(3 * (lists - 1 - at) + 2 * at, 1, 1)});
  for (int at = 0; at < lists; ++at)
    rest.insert(rest.end(),
                {0, list_pointer(2 * (lists - 1 - at), item::byte, bytes)});
  rest.resize(rest.size() + bytes / sizeof(word));
  to["hostile_one_list_many_times"] = message(
    reply(kind_of_list, list_pointer(0, item::composite, 3 * lists), rest));
  to["hostile_list_in_itself"] = message(reply(
    kind_of_list, list_pointer(0, item::composite, 3),
    {struct_pointer(1, 2, 1), kind_of_list, 0, struct_pointer(-6, 1, 1)}));
}

void add_shapes(corpus& to) {
  for (const word kind : {23, 0xFFFF}) {
    to["hostile_value_of_kind_" + std::to_string(kind)] =
      message(reply(kind, 0));
    auto packed = reply(kind_of_list, 0);
    packed[packed.size() - 2] = kind;
    to["hostile_items_of_kind_" + std::to_string(kind)] = message(packed);
  }
  to["hostile_reply_of_no_kind"] = message({struct_pointer(0, 1, 1), 9, 0});
  to["hostile_no_words"] = begun(target::reply);
  to["hostile_null_root"] = message({0});
  to["hostile_list_of_pointers"] =
    message(reply(kind_of_list, list_pointer(0, item::pointer, 2), {0, 0}));
  to["hostile_text_without_end"] =
    message({struct_pointer(0, 1, 1), 0, struct_pointer(0, 2, 1), 4, 0,
             list_pointer(0, item::byte, 8), ~word{0}});
  auto far = begun(target::reply);
  // Two segments, of one word and of four.
  const words segments{1U | word{1} << 32U,     4,
                       far_pointer(1, 0, true), far_pointer(1, 2, false),
                       struct_pointer(0, 1, 1), far_pointer(1, 0, true),
                       far_pointer(1, 2, false)};
  append(far, segments.data(), segments.size() * sizeof(word));
  to["hostile_far_pointers_in_a_circle"] = far;
  to["hostile_deep_lists"] = reply_value([](schema::Value::Builder at) {
    for (int depth = 0; depth < 330; ++depth)
      at = at.initList().initValues(1)[0];
  });
  to["hostile_deep_argument"] = request_value([](schema::Value::Builder at) {
    for (int depth = 0; depth < 330; ++depth)
      at = at.initTuple().initValues(1)[0];
  });
}

void add_keys(corpus& to) {
  to["hostile_same_keys"] = reply_value([](auto value) {
    auto entries = value.initDict();
    auto keys = entries.initKeys().initValues(100);
    entries.initValues().initValues(100);
    for (auto key : keys)
      key.setString("k");
  });
  to["hostile_key_without_value"] =
    reply_value([](auto value) { value.initDict().initKeys().initValues(3); });
  to["hostile_key_that_is_a_list"] = reply_value([](auto value) {
    auto entries = value.initDict();
    entries.initKeys().initValues(1)[0].initList();
    entries.initValues().initValues(1);
  });
  to["hostile_key_that_holds_a_list"] = reply_value([](auto value) {
    value.initSet().initValues(1)[0].initTuple().initValues(1)[0].initDict();
  });
}

template <class Build>
void add_both_ways(corpus& to, const std::string& name, Build build) {
  to["hostile_" + name] = reply_value(build);
  to["hostile_" + name + "_argument"] = request_value(build);
}

void add_texts(schema::Texts::Builder to,
               std::initializer_list<std::uint32_t> lengths,
               std::string_view all) {
  auto told = to.initLengths(static_cast<unsigned>(lengths.size()));
  for (unsigned at = 0; at < told.size(); ++at)
    told.set(at, lengths.begin()[at]);
  auto utf8 = to.initUtf8(static_cast<unsigned>(all.size()));
  std::copy(all.begin(), all.end(), utf8.begin());
}

schema::Records::Builder records_of(schema::Value::Builder value,
                                    std::uint32_t count) {
  auto records = value.initList().initRecords();
  records.setCount(count);
  return records;
}

// Packed items that do not add up.
void add_packed(corpus& to) {
  add_both_ways(to, "texts_beyond_their_end", [](auto value) {
    add_texts(value.initList().initTexts(), {2, 0xFFFF'FFFF, 1}, "abcd");
  });
  add_both_ways(to, "texts_that_leave_some", [](auto value) {
    add_texts(value.initList().initTexts(), {1, 1}, "abcd");
  });
  add_both_ways(to, "texts_cut_in_a_character", [](auto value) {
    add_texts(value.initList().initTexts(), {1, 1}, "\xc3\xa4");
  });
  for (const std::uint32_t length : {0U, 2U, 0xFFFF'FFFFU})
    add_both_ways(to, "lists_of_" + std::to_string(length), [&](auto value) {
      auto lists = value.initList().initLists();
      auto lengths = lists.initLengths(2);
      lengths.set(1, length);
      lists.initItems().initIntegers(1);
    });
  add_both_ways(to, "records_without_columns",
                [](auto value) { records_of(value, 0xFFFF'FFFF); });
  add_both_ways(to, "records_of_one_key", [](auto value) {
    auto records = records_of(value, 2);
    add_texts(records.initKeys(), {1}, "a");
    records.initColumns(1)[0].initIntegers(2);
  });
  add_both_ways(to, "records_with_gaps", [](auto value) {
    auto records = records_of(value, 2);
    add_texts(records.initKeys(), {1, 1}, "ab");
    auto columns = records.initColumns(2);
    columns[0].initIntegers(2);
    columns[1].initIntegers(1);
  });
  add_both_ways(to, "records_of_more_keys", [](auto value) {
    auto records = records_of(value, 1);
    add_texts(records.initKeys(), {1, 1, 1}, "abc");
    for (auto column : records.initColumns(2))
      column.initIntegers(1);
  });
  add_both_ways(to, "records_of_the_same_keys", [](auto value) {
    auto records = records_of(value, 1);
    add_texts(records.initKeys(), {1, 1}, "aa");
    for (auto column : records.initColumns(2))
      column.initIntegers(1);
  });
  add_both_ways(to, "records_in_records", [](auto value) {
    auto records = records_of(value, 3);
    for (int depth = 0; depth < 300; ++depth) {
      add_texts(records.initKeys(), {0, 0}, "");
      auto columns = records.initColumns(2);
      add_texts(columns[0].initTexts(), {0, 0, 0}, "");
      records = columns[1].initRecords();
      records.setCount(3);
    }
  });
}

void add_scalars(corpus& to) {
  add_both_ways(to, "days_beyond_bounds", [](auto value) {
    value.initTimedelta().setDays(std::numeric_limits<std::int32_t>::min());
  });
  add_both_ways(to, "thirtieth_of_february", [](auto value) {
    auto day = value.initDate();
    day.setYear(2023);
    day.setMonth(2);
    day.setDay(30);
  });
  add_both_ways(to, "zone_of_a_day", [](auto value) {
    value.initTime().initZone().initOffset().setDays(1);
  });
  add_both_ways(to, "safety_of_no_kind",
                [](auto value) { value.initUuid().setSafety(3); });
  add_both_ways(to, "decimal_of_words",
                [](auto value) { value.setDecimal("one"); });
  add_both_ways(to, "decimal_without_bounds",
                [](auto value) { value.setDecimal("1E1999999999999999999"); });
  add_both_ways(to, "type_of_a_type", [](auto value) {
    auto inner = value.initTyped().initValue().initTyped();
    inner.setTypeName("bytearray");
  });
  add_both_ways(to, "text_that_is_no_text",
                [](auto value) { value.setString("\xff\xfe"); });
}

void add_arguments(corpus& to) {
  for (const auto* key : {"../../../etc/passwd", "America", "tzdata.zi"}) {
    auto name = std::string{key};
    std::replace(name.begin(), name.end(), '/', '_');
    to["hostile_zone_" + name] = request_value(
      [&](auto value) { value.initTime().initZone().setKey(key); });
  }
  for (const auto* type : {"numpy.bytes_", "numpy.str_", "bytearray"})
    to[std::string{"hostile_large_"} + type] = request_value([&](auto value) {
      auto typed = value.initTyped();
      typed.setTypeName(type);
      typed.initValue().setInteger(std::int64_t{1} << 34U);
    });
  to["hostile_ref_of_nothing"] =
    request_value([](auto value) { value.initRef().setSlot(99); });
}

} // namespace

void add_hostile_seeds(corpus& to) {
  add_items_of_no_size(to);
  add_one_list_many_times(to);
  add_shapes(to);
  add_keys(to);
  add_packed(to);
  add_scalars(to);
  add_arguments(to);
}

} // namespace snakebridge::fuzz
