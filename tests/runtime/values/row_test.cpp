// <snakebridge/row.hpp>: what is looked into while it is about to go is
// answered itself, not by a reference into it. As `value` does.
#include <snakebridge/row.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

#include <snakebridge/value.hpp>

namespace snakebridge::testing {

namespace {

struct pool {
  std::string name;
  row<int> items;
};

row<pool> pools() {
  return {{"a", {1, 2, 3}}, {"b", {}}};
}

value rows() {
  return dict{{"rows", list{list{1, 2}, tuple{3}}}};
}

template <class Row>
using item_of = decltype(std::declval<Row>()[0]);
template <class Row>
using place_of = decltype(std::declval<Row>().at(0));

template <class Value>
concept can_be_looked_into = requires(Value&& in) {
  std::forward<Value>(in).template get_if<std::int64_t>();
};

} // namespace

static_assert(std::is_same_v<item_of<row<int>&>, int&>);
static_assert(std::is_same_v<item_of<const row<int>&>, const int&>);
static_assert(std::is_same_v<item_of<row<int>>, int>);
static_assert(std::is_same_v<place_of<row<int>&>, int&>);
static_assert(std::is_same_v<place_of<const row<int>&>, const int&>);
static_assert(std::is_same_v<place_of<row<int>>, int>);
static_assert(std::is_same_v<item_of<value&>, const value&>);
static_assert(std::is_same_v<item_of<const value&>, const value&>);
static_assert(std::is_same_v<item_of<value>, value>);
static_assert(std::is_same_v<decltype(value{}.plain()), value>);
static_assert(can_be_looked_into<const value&>);
static_assert(!can_be_looked_into<value>);
static_assert(!can_be_looked_into<const value>);

TEST(Row, WhenItStaysThenItsItemsAreReferences) {
  row<int> kept{1, 2, 3};
  kept[0] = 10;
  kept.at(1) = 20;
  EXPECT_EQ(kept, (row<int>{10, 20, 3}));
  EXPECT_EQ(&std::as_const(kept)[2], kept.data() + 2);
}

TEST(Row, WhenItIsAboutToGoThenItsItemIsNot) {
  int sum = 0;
  for (const int each : pools()[0].items)
    sum += each;
  for (const int each : pools().at(0).items)
    sum += each;
  EXPECT_EQ(sum, 12);
  const auto& name = pools()[1].name;
  EXPECT_EQ(name, "b");
}

// What they answered was gone before the loop began.
TEST(Row, WhenItIsAboutToGoThenItsFirstAndLastAreNot) {
  int sum = 0;
  for (const int each : pools().front().items)
    sum += each;
  EXPECT_EQ(sum, 6);
  const auto& name = pools().back().name;
  EXPECT_EQ(name, "b");
  row<int> kept{1, 2, 3};
  kept.front() = 10;
  kept.back() = 30;
  EXPECT_EQ(kept, (row<int>{10, 2, 30}));
  EXPECT_EQ(&std::as_const(kept).front(), kept.data());
  EXPECT_EQ(&std::as_const(kept).back(), kept.data() + 2);
}

TEST(Row, WhenItIsAboutToGoThenItsItemIsMovedOut) {
  row<std::unique_ptr<int>> owners;
  owners.push_back(std::make_unique<int>(5));
  const auto taken = std::move(owners)[0];
  EXPECT_EQ(*taken, 5);
  EXPECT_EQ(owners.front(), nullptr);
}

TEST(Row, GivenAPlaceBeyondItThenAtThrows) {
  EXPECT_THROW(static_cast<void>(pools().at(2)), std::out_of_range);
  row<int> kept{1};
  EXPECT_THROW(static_cast<void>(kept.at(1)), std::out_of_range);
  EXPECT_THROW(static_cast<void>(std::as_const(kept).at(1)), std::out_of_range);
}

TEST(Row, GivenAVectorsConstructorsThenItHasThem) {
  EXPECT_EQ(row<int>(3, 7), (row<int>{7, 7, 7}));
  const int from[] = {1, 2};
  EXPECT_EQ(row<int>(std::begin(from), std::end(from)), (row<int>{1, 2}));
  EXPECT_TRUE(row<int>{}.empty());
}

TEST(Value, WhenItIsAboutToGoThenTheItemLookedUpIsNot) {
  int sum = 0;
  for (const auto& row : rows()["rows"])
    for (const auto& each : row)
      sum += each.as<int>();
  EXPECT_EQ(sum, 6);
  const auto& last = rows()["rows"][-1];
  EXPECT_EQ(last, (tuple{3}));
  for (const auto& each : rows()["rows"].as<list>()[0])
    sum += each.as<int>();
  EXPECT_EQ(sum, 9);
}

TEST(Value, WhenItIsAboutToGoThenWhatItIsMadeOfIsNot) {
  const auto typed = [] { return value::of_type("bytearray", bytes{"ab"}); };
  const auto& plain = typed().plain();
  EXPECT_EQ(plain, value{bytes{"ab"}});
}

} // namespace snakebridge::testing
