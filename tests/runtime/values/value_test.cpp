// <snakebridge/value.hpp>: one Python value in 16 bytes.
#include <snakebridge/value.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <thread>

#include <gmock/gmock.h>

#include <snakebridge/format.hpp>

namespace snakebridge::testing {

using namespace std::string_view_literals;
using ::testing::ElementsAre;

static_assert(sizeof(value) == 16);
static_assert(std::is_nothrow_copy_constructible_v<value>);
static_assert(std::is_nothrow_move_constructible_v<value>);
static_assert(std::is_nothrow_swappable_v<value>);
static_assert(std::forward_iterator<value::iterator>);
static_assert(!std::is_constructible_v<value, void*>);

namespace {

constexpr auto least = std::numeric_limits<std::int64_t>::min();
constexpr auto most = std::numeric_limits<std::int64_t>::max();

ref some_ref(std::uint64_t slot = 1) {
  return {.node = {},
          .session = "a",
          .interpreter = 1,
          .epoch = 1,
          .slot = slot,
          .type_name = "object"};
}

} // namespace

TEST(Value, GivenLiteralsThenEachHasItsPythonType) {
  EXPECT_EQ(value{}.kind(), kind::none);
  EXPECT_EQ(value{nullptr}.kind(), kind::none);
  EXPECT_EQ(value{none}.kind(), kind::none);
  EXPECT_EQ(value{true}.kind(), kind::boolean);
  EXPECT_EQ(value{16}.kind(), kind::integer);
  EXPECT_EQ(value{16U}.kind(), kind::integer);
  EXPECT_EQ(value{16LL}.kind(), kind::integer);
  EXPECT_EQ(value{1.0}.kind(), kind::floating);
  EXPECT_EQ(value{1.0F}.kind(), kind::floating);
  EXPECT_EQ(value{"text"}.kind(), kind::string);
  EXPECT_EQ(value{"text"sv}.kind(), kind::string);
  EXPECT_EQ(value{'c'}.kind(), kind::string);
  EXPECT_EQ(value{bytes{"\x00\x01"sv}}.kind(), kind::bytes);
  EXPECT_EQ((value{list{1, "two", 3.0, nullptr}}.kind()), kind::list);
  EXPECT_EQ((value{tuple{0, 1}}.kind()), kind::tuple);
  EXPECT_EQ((value{dict{{"key", 1}}}.kind()), kind::dict);
  EXPECT_EQ(value{some_ref()}.kind(), kind::ref);
}

TEST(Value, GivenAKindThenItsNameIsPythons) {
  EXPECT_EQ(to_string(kind::none), "None");
  EXPECT_EQ(to_string(kind::boolean), "bool");
  EXPECT_EQ(to_string(kind::integer), "int");
  EXPECT_EQ(to_string(kind::floating), "float");
  EXPECT_EQ(to_string(kind::string), "str");
  EXPECT_EQ(to_string(kind::bytes), "bytes");
  EXPECT_EQ(to_string(kind::list), "list");
  EXPECT_EQ(to_string(kind::tuple), "tuple");
  EXPECT_EQ(to_string(kind::dict), "dict");
}

TEST(Value, WhenItIsCopiedThenTheCopySharesItsContent) {
  const value first{std::string(1'000, 'x')};
  const value second = first; // NOLINT: the copy is what is tested
  EXPECT_EQ(first.get_if<std::string>(), second.get_if<std::string>());
  value third = list{first};
  EXPECT_EQ(third[0].get_if<std::string>(), first.get_if<std::string>());
  third = first;
  EXPECT_EQ(third, first);
}

TEST(Value, WhenItIsMovedThenWhatIsLeftIsNone) {
  value from{"text"};
  const auto* content = from.get_if<std::string>();
  value to = std::move(from);
  EXPECT_EQ(to.get_if<std::string>(), content);
  EXPECT_TRUE(from.is_none()); // NOLINT: what it promises
  from = std::move(to);
  EXPECT_EQ(from, value{"text"});
}

TEST(Value, WhenItIsAssignedToItselfThenItStays) {
  value item{list{1, 2}};
  auto& same = item;
  item = same;
  EXPECT_EQ(item, (value{list{1, 2}}));
  item = item[1];
  EXPECT_EQ(item, value{2}) << "and to a part of itself";
}

TEST(Value, WhenManyThreadsShareItThenEachReadsTheSame) {
  const value shared{dict{{"numbers", list{1, 2, 3}}, {"text", "x"}}};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([shared] {
      for (int n = 0; n < 10'000; ++n) {
        const value copy = shared; // NOLINT: counts holders
        const value inner = copy["numbers"];
        ASSERT_EQ(inner[-1], value{3});
      }
    });
}

TEST(Value, GivenNumbersThenTheyAreEqualAsInPython) {
  EXPECT_EQ(value{1}, value{1.0});
  EXPECT_EQ(value{1}, value{true});
  EXPECT_EQ(value{0.0}, value{false});
  EXPECT_EQ(value{0.0}, value{-0.0});
  EXPECT_NE(value{1}, value{1.5});
  EXPECT_NE(value{std::nan("")}, value{std::nan("")});
  EXPECT_EQ(value{least}, value{-9223372036854775808.0});
  // 2**53 + 1 is no float: comparing as floats would say equal.
  EXPECT_NE(value{9007199254740993}, value{9007199254740992.0});
  EXPECT_NE(value{most}, value{9223372036854775808.0});
  EXPECT_NE(value{most}, value{std::numeric_limits<double>::infinity()});
}

TEST(Value, GivenDifferentTypesThenTheyAreNotEqual) {
  const std::array items{value{},           value{"1"},        value{1},
                         value{bytes{"1"}}, value{list{}},     value{tuple{}},
                         value{dict{}},     value{some_ref()}, value{list{1}},
                         value{tuple{1}}};
  for (std::size_t i = 0; i < items.size(); ++i)
    for (std::size_t k = 0; k < items.size(); ++k)
      EXPECT_EQ(items[i] == items[k], i == k) << items[i] << items[k];
}

TEST(Value, GivenEqualValuesThenTheirHashesAreEqual) {
  const std::vector<std::pair<value, value>> rows{
    {1, 1.0},
    {1, true},
    {0, -0.0},
    {least, -9223372036854775808.0},
    {"text", std::string{"text"}},
    {tuple{1, "a"}, tuple{1.0, "a"}},
    {dict{{"a", 1}, {"b", 2}}, dict{{"b", 2.0}, {"a", true}}},
    {some_ref(), some_ref()},
  };
  for (const auto& [left, right] : rows) {
    EXPECT_EQ(left, right);
    EXPECT_EQ(left.hash(), right.hash()) << left << " " << right;
  }
  EXPECT_NE(value{1}.hash(), value{2}.hash());
  EXPECT_NE((value{tuple{1, 2}}.hash()), (value{tuple{2, 1}}.hash()));
}

TEST(Value, GivenAnIndexThenItCountsFromTheEndWhenNegative) {
  const value items{list{10, 20, 30}};
  EXPECT_EQ(items[0], value{10});
  EXPECT_EQ(items[2], value{30});
  EXPECT_EQ(items[-1], value{30});
  EXPECT_EQ(items[-3], value{10});
  for (const std::int64_t beyond :
       {std::int64_t{3}, std::int64_t{-4}, least, most})
    EXPECT_THROW(items[beyond], exception) << beyond;
  EXPECT_THROW(items["key"], exception);
  EXPECT_THROW(value{5}[0], exception);
  EXPECT_THROW(value{}[0], exception);
}

TEST(Value, GivenAKeyThenADictAnswersWhatIsUnderIt) {
  const value entries{dict{{"key", 1}, {2, "two"}, {tuple{0, 1}, "xy"}}};
  EXPECT_EQ(entries["key"], value{1});
  EXPECT_EQ(entries[2.0], value{"two"});
  EXPECT_EQ((entries[tuple{0, 1}]), value{"xy"});
  try {
    static_cast<void>(entries["gone"]);
    FAIL() << "there is no such key";
  } catch (const exception& missing) {
    EXPECT_EQ(missing.error().code(), errc::not_convertible);
    EXPECT_THAT(missing.error().message(),
                ::testing::StartsWith("no key 'gone' in {'key': 1"));
  }
}

TEST(Value, WhenItIsIteratedThenItGivesItemsOrKeys) {
  const auto all = [](const value& from) {
    std::vector<value> items;
    for (const auto& each : from)
      items.push_back(each);
    return items;
  };
  EXPECT_THAT(all(list{1, "a"}), ElementsAre(value{1}, value{"a"}));
  EXPECT_THAT(all(tuple{1}), ElementsAre(value{1}));
  EXPECT_THAT(all(dict{{"k", 1}, {2, 3}}), ElementsAre(value{"k"}, value{2}));
  EXPECT_THAT(all(list{}), ElementsAre());
  EXPECT_THAT(all(dict{}), ElementsAre());
  EXPECT_THROW(all("text"), exception);
  EXPECT_THROW(all(5), exception);
}

TEST(Value, GivenASetThenItHasASizeAndItemsButNoIndex) {
  for (const auto& items : {value{set{3, 1}}, value{frozenset{3, 1}}}) {
    EXPECT_EQ(items.size(), 2U);
    EXPECT_THAT(std::vector(items.begin(), items.end()),
                ElementsAre(value{3}, value{1}));
    EXPECT_THROW(items[0], exception);
  }
  EXPECT_EQ((value{set{1, 2}}), (value{frozenset{2.0, 1}}));
  EXPECT_EQ((value{set{1, 2}}.hash()), (value{frozenset{2.0, 1}}.hash()));
}

TEST(Value, GivenWhatHasNoItemsThenItHasNoEndEither) {
  EXPECT_THROW(static_cast<void>(value{5}.end()), exception);
  EXPECT_THROW(static_cast<void>(value{}.end()), exception);
}

TEST(Value, GivenASizeThenItIsOfItemsOrBytes) {
  EXPECT_EQ((value{list{1, 2}}.size()), 2u);
  EXPECT_EQ(value{tuple{}}.size(), 0u);
  EXPECT_EQ((value{dict{{1, 2}}}.size()), 1u);
  EXPECT_EQ(value{"\u20ac"}.size(), 3u);
  EXPECT_EQ((value{bytes{"\0\1"sv}}.size()), 2u);
  EXPECT_THROW(static_cast<void>(value{5}.size()), exception);
}

TEST(Dict, GivenAKeyTwiceThenItKeepsItsPlaceAndTheLastValue) {
  const dict made{{"a", 1}, {"b", 2}, {"a", 3}};
  EXPECT_EQ(made.size(), 2u);
  EXPECT_EQ(repr(value{made}), "{'a': 3, 'b': 2}");
}

TEST(Dict, GivenEqualKeysOfOtherTypesThenTheFirstKeyStays) {
  // As python3 -c "print({1: 'a', True: 'b', 1.0: 'c'})".
  EXPECT_EQ(repr(value{dict{{1, "a"}, {true, "b"}, {1.0, "c"}}}), "{1: 'c'}");
}

TEST(Dict, GivenManyKeysThenOrderAndSearchHold) {
  dict made;
  for (int i = 0; i < 1'000; ++i)
    made.set(i * 7 % 1'000, i);
  for (int i = 0; i < 1'000; ++i)
    made.set(i * 7 % 1'000, -i);
  EXPECT_EQ(made.size(), 1'000u);
  int at = 0;
  for (const auto& [key, item] : made) {
    EXPECT_EQ(key, value{at * 7 % 1'000});
    EXPECT_EQ(item, value{-at++});
  }
  EXPECT_TRUE(made.contains(999.0));
  EXPECT_FALSE(made.contains(1'000));
  EXPECT_EQ(made.find("999"), nullptr);
}

TEST(Dict, GivenAnotherOrderThenTheyAreEqual) {
  EXPECT_EQ((dict{{1, 2}, {3, 4}}), (dict{{3, 4}, {1, 2}}));
  EXPECT_NE((dict{{1, 2}}), (dict{{1, 3}}));
  EXPECT_NE((dict{{1, 2}}), (dict{{1, 2}, {3, 4}}));
}

TEST(Dict, GivenNanAsKeyThenItIsThereButNotFound) {
  dict made{{std::nan(""), 1}};
  EXPECT_EQ(made.size(), 1u);
  EXPECT_FALSE(made.contains(std::nan("")));
}

TEST(Value, GivenATypedOneThenItIsTypedAnew) {
  const auto once = value::of_type("numpy.int64", 5);
  const auto twice = value::of_type("numpy.int32", once);
  EXPECT_EQ(twice.type_name(), "numpy.int32");
  EXPECT_FALSE(twice.plain().is_typed());
  EXPECT_EQ(twice.hash(), value{5}.hash());
  EXPECT_THROW(value::of_type("x", list{}), exception);
}

TEST(Value, GivenAHugeIntThenMessagesDoNotWriteItOut) {
  const value huge{integer::from_bytes(std::string(1'000, '\1'))};
  EXPECT_EQ(repr_short(huge), "<int of 8000 bits>");
  EXPECT_GT(repr(huge).size(), 2'400U);
}

TEST(Set, GivenManyItemsThenEachIsThereOnce) {
  set made;
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 1'000; ++i)
      EXPECT_EQ(made.insert(i % 2 == 0 ? value{i} : value{1.0 * i}),
                round == 0);
  EXPECT_EQ(made.size(), 1'000U);
  EXPECT_TRUE(made.contains(999));
  EXPECT_TRUE(made.contains(true));
  EXPECT_FALSE(made.contains(1'000));
}

// Found quadratic: no search finds a NaN, so it is not in the index.
TEST(Set, GivenManyNansThenAllAreThereAndNoneIsFound) {
  set made;
  for (int i = 0; i < 200'000; ++i)
    made.append(std::nan(""));
  made.append(5);
  EXPECT_EQ(made.size(), 200'001U);
  EXPECT_TRUE(made.contains(5));
  EXPECT_FALSE(made.contains(std::nan("")));
}

// Half a million times the same: a search for the place of each would take
// minutes. A worker may send such keys, and NaNs are such keys.
TEST(Dict, GivenVeryManyKeysOfOneHashThenItIsBuiltSoonAndFindsTheOthers) {
  constexpr int same = 500'000;
  dict entries;
  entries.reserve(same + 1);
  for (int at = 0; at < same; ++at)
    entries.append(none, at);
  entries.append("other", "there");
  EXPECT_EQ(*entries.find("other"), "there");
  EXPECT_EQ(*entries.find(none), 0);
  EXPECT_FALSE(entries.contains("missing"));
}

// The least of all 32-bit days has no absolute value.
TEST(Timedelta, GivenDaysBeyondPythonsThenItIsNotValid) {
  EXPECT_TRUE((timedelta{-999'999'999, 0, 0}.valid()));
  EXPECT_FALSE((timedelta{-1'000'000'000, 0, 0}.valid()));
  EXPECT_FALSE(
    (timedelta{std::numeric_limits<std::int32_t>::min(), 0, 0}.valid()));
}

TEST(Ref, GivenTheSameObjectThenTheTypeNameTellsNothingNew) {
  auto other = some_ref();
  other.type_name = "other";
  EXPECT_EQ(some_ref(), other);
  EXPECT_EQ(std::hash<ref>{}(some_ref()), std::hash<ref>{}(other));
  EXPECT_NE(some_ref(1), some_ref(2));
  other.epoch = 2;
  EXPECT_NE(some_ref(), other);
}

} // namespace snakebridge::testing
