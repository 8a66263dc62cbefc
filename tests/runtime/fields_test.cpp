// <snakebridge/fields.hpp>: structs as dicts, and back from dicts and rows.
#include <snakebridge/fields.hpp>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <snakebridge/operation.hpp>

#include "tests/runtime/convert_fixture.hpp"

using namespace snakebridge::literals;

namespace shop {

struct customer {
  std::string name;
  std::optional<int> age;
};
SNAKEBRIDGE_FIELDS(customer, name, age);

struct sale {
  std::string region;
  int qty = 0;
  double price = 0;
  std::vector<customer> buyers;
};
SNAKEBRIDGE_FIELDS(sale, region, qty, price, buyers);

struct wide {
  int a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0;
  int k = 0, l = 0, m = 0, n = 0, o = 0, p = 0, q = 0, r = 0, s = 0, t = 0;
};
SNAKEBRIDGE_FIELDS(wide, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r,
                   s, t);

struct order {
  customer by;
  std::optional<customer> to;
  std::map<std::string, customer> others;
  std::array<std::optional<int>, 2> sizes;
};
SNAKEBRIDGE_FIELDS(order, by, to, others, sizes);

struct wish {
  std::string text;
  friend bool operator==(const wish&, const wish&) = default;
};
SNAKEBRIDGE_FIELDS(wish, text);

/// Has no fields of its own; its base's are not all of it.
struct late_wish : wish {
  int days = 0;
};

struct rush_wish : wish {
  int hours = 0;
};
SNAKEBRIDGE_FIELDS(rush_wish, text, hours);

} // namespace shop

namespace snakebridge::testing {

static_assert(convertible_to_python<shop::wish>);
static_assert(convertible_from_python<std::vector<shop::wish>>);
// Found sent as its base, without the rest.
static_assert(!convertible_to_python<shop::late_wish>);
static_assert(!convertible_from_python<shop::late_wish>);

namespace {

dict a_sale() {
  return {{"region", "north"},
          {"qty", 3},
          {"price", 1.5},
          {"buyers", list{dict{{"name", "Ann"}, {"age", 40}},
                          dict{{"name", "Bob"}, {"age", none}}}}};
}

} // namespace

TEST(Fields, GivenAStructThenItIsADictAndComesBack) {
  const shop::sale here{"north", 3, 1.5, {{"Ann", 40}, {"Bob", {}}}};
  const value sent = here;
  EXPECT_EQ(sent, value{a_sale()});
  const auto back = sent.as<shop::sale>();
  EXPECT_EQ(back.region, "north");
  EXPECT_EQ(back.qty, 3);
  EXPECT_EQ(back.price, 1.5);
  ASSERT_EQ(back.buyers.size(), 2U);
  EXPECT_EQ(back.buyers[0].age, 40);
  EXPECT_EQ(back.buyers[1].name, "Bob");
  EXPECT_FALSE(back.buyers[1].age);
}

TEST(Fields, GivenMoreKeysOrNoOptionalThenTheOthersAreTaken) {
  const value from = dict{{"name", "Ann"}, {"shoe size", 38}};
  EXPECT_EQ(from.as<shop::customer>().name, "Ann");
  EXPECT_FALSE(from.as<shop::customer>().age);
}

TEST(Fields, GivenARowThenItsItemsAreTheFieldsInOrder) {
  EXPECT_EQ((value{tuple{"Ann", 40}}.as<shop::customer>().age), 40);
  EXPECT_EQ((value{list{"Ann", none}}.as<shop::customer>().name), "Ann");
  const value rows = list{tuple{"Ann", 40}, tuple{"Bob", 50}};
  EXPECT_EQ(rows.as<std::vector<shop::customer>>()[1].age, 50);
}

TEST(Fields, GivenWhatDoesNotFitThenTheErrorNamesThePlace) {
  EXPECT_EQ(refusal<shop::customer>(dict{{"age", 40}}),
            "expected a dict with the key 'name', got {'age': 40}");
  EXPECT_EQ(refusal<shop::customer>(tuple{"Ann"}),
            "expected a row of 2 items, got ('Ann',)");
  EXPECT_EQ(refusal<shop::customer>(5), "expected dict, got int 5");
  auto wrong = a_sale();
  wrong.set("buyers", list{dict{{"name", "Ann"}, {"age", "old"}}});
  EXPECT_EQ(refusal<shop::sale>(wrong),
            "at ['buyers'][0]['age']: expected int, got str 'old'");
  EXPECT_EQ(refusal<std::vector<shop::customer>>(list{tuple{1, 2}}),
            "at [0]['name']: expected str, got int 1");
}

TEST(Fields, GivenStructsInOthersThenTheyGoThereAndBack) {
  shop::order here;
  here.by = {"Ann", 40};
  here.to = {"Bob", {}};
  here.others["x"] = {"Cy", 1};
  here.sizes = {5, {}};
  const value sent = here;
  EXPECT_EQ(sent,
            (dict{{"by", dict{{"name", "Ann"}, {"age", 40}}},
                  {"to", dict{{"name", "Bob"}, {"age", none}}},
                  {"others", dict{{"x", dict{{"name", "Cy"}, {"age", 1}}}}},
                  {"sizes", list{5, none}}}));
  const auto back = sent.as<shop::order>();
  EXPECT_EQ(back.by.age, 40);
  EXPECT_EQ(back.to->name, "Bob");
  EXPECT_EQ(back.others.at("x").name, "Cy");
  EXPECT_EQ(back.sizes, here.sizes);
}

TEST(Fields, GivenAStructThenTheKeysAreInTheirOrder) {
  EXPECT_EQ(repr(shop::customer{"Ann", {}}), "{'name': 'Ann', 'age': None}");
  const value sent = shop::wide{};
  EXPECT_EQ(sent.begin()->as<std::string>(), "a");
}

TEST(Fields, GivenOneFieldThenARowOfOneIsTheStruct) {
  expect_round_trip(shop::wish{"tea"}, dict{{"text", "tea"}});
  EXPECT_EQ(value{tuple{"tea"}}.as<shop::wish>().text, "tea");
  EXPECT_EQ(refusal<shop::wish>("tea"), "expected dict, got str 'tea'");
  EXPECT_EQ(refusal<shop::wish>(none), "expected dict, got None");
}

TEST(Fields, GivenADerivedStructThenItsBasesMembersMayBeAmongItsFields) {
  shop::rush_wish here;
  here.text = "tea";
  here.hours = 2;
  const value sent = here;
  EXPECT_EQ(sent, (dict{{"text", "tea"}, {"hours", 2}}));
  EXPECT_EQ(sent.as<shop::rush_wish>().hours, 2);
  EXPECT_EQ(sent.as<shop::rush_wish>().text, "tea");
}

TEST(Fields, GivenARowThenItsOptionalsMustBeThereToo) {
  EXPECT_EQ(refusal<shop::customer>(list{"Ann"}),
            "expected a row of 2 items, got ['Ann']");
  EXPECT_EQ(refusal<shop::customer>(list{"Ann", 1, 2}),
            "expected a row of 2 items, got ['Ann', 1, 2]");
  EXPECT_EQ(refusal<shop::customer>(list{}),
            "expected a row of 2 items, got []");
}

TEST(Fields, GivenSeveralThatDoNotFitThenTheFirstIsTold) {
  EXPECT_EQ(refusal<shop::customer>(tuple{1, "old"}),
            "at ['name']: expected str, got int 1");
  EXPECT_EQ(refusal<shop::sale>(dict{{"qty", "many"}}),
            "expected a dict with the key 'region', got {'qty': 'many'}");
}

TEST(Fields, GivenAKeyMissingInsideThenTheErrorNamesThePlace) {
  auto wrong = a_sale();
  wrong.set("buyers", list{dict{{"name", "Ann"}}, dict{{"age", 1}}});
  EXPECT_EQ(refusal<shop::sale>(wrong),
            "at ['buyers'][1]: expected a dict with the key 'name', got "
            "{'age': 1}");
}

TEST(Fields, GivenAnOptionalOfAnotherTypeThenItIsRefusedAndNotEmpty) {
  EXPECT_EQ(refusal<shop::customer>(dict{{"name", "Ann"}, {"age", "old"}}),
            "at ['age']: expected int, got str 'old'");
}

TEST(Fields, GivenManyThenAllOfThemAreThere) {
  shop::wide here;
  here.a = 1;
  here.t = 20;
  const value sent = here;
  EXPECT_EQ(sent.size(), 20U);
  EXPECT_EQ(sent.as<shop::wide>().a + sent.as<shop::wide>().t, 21);
}

TEST(Fields, GivenAnArgumentThenItIsSentAsADict) {
  operation asked;
  detail::add_arguments(asked, shop::customer{"Ann", 40},
                        "who"_a = shop::customer{"Bob", {}});
  EXPECT_EQ(asked.positional[0], (dict{{"name", "Ann"}, {"age", 40}}));
  EXPECT_EQ(asked.named[0].second, (dict{{"name", "Bob"}, {"age", none}}));
}

} // namespace snakebridge::testing
