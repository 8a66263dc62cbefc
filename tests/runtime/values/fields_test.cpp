// <snakebridge/fields.hpp>: structs as dicts, and back from dicts and rows.
#include <snakebridge/fields.hpp>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <snakebridge/operation.hpp>

#include "tests/runtime/values/convert_fixture.hpp"

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

struct part {
  std::string name;
  std::vector<part> parts;
};
SNAKEBRIDGE_FIELDS(part, name, parts);

/// More than 41 of them did not compile.
struct very_wide {
  int a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0, a6 = 0, a7 = 0;
  int b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0, b6 = 0, b7 = 0;
  int c0 = 0, c1 = 0, c2 = 0, c3 = 0, c4 = 0, c5 = 0, c6 = 0, c7 = 0;
  int d0 = 0, d1 = 0, d2 = 0, d3 = 0, d4 = 0, d5 = 0, d6 = 0, d7 = 0;
  int e0 = 0, e1 = 0, e2 = 0, e3 = 0, e4 = 0, e5 = 0, e6 = 0, e7 = 0;
  int f0 = 0, f1 = 0, f2 = 0, f3 = 0, f4 = 0, f5 = 0, f6 = 0, f7 = 0;
  int g0 = 0, g1 = 0, g2 = 0, g3 = 0, g4 = 0, g5 = 0, g6 = 0, g7 = 0;
  int h0 = 0, h1 = 0, h2 = 0, h3 = 0, h4 = 0, h5 = 0, h6 = 0, h7 = 0;
};
SNAKEBRIDGE_FIELDS(very_wide, a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3,
                   b4, b5, b6, b7, c0, c1, c2, c3, c4, c5, c6, c7, d0, d1, d2,
                   d3, d4, d5, d6, d7, e0, e1, e2, e3, e4, e5, e6, e7, f0, f1,
                   f2, f3, f4, f5, f6, f7, g0, g1, g2, g3, g4, g5, g6, g7, h0,
                   h1, h2, h3, h4, h5, h6, h7);

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

TEST(Fields, GivenDozensThenAllOfThemAreThereInTheirOrder) {
  shop::very_wide here;
  here.a0 = 1;
  here.h7 = 64;
  const value sent = here;
  ASSERT_EQ(sent.size(), 64U);
  const auto& last = (sent.get_if<dict>()->end() - 1)->first;
  EXPECT_EQ(last, "h7");
  const auto back = sent.as<shop::very_wide>();
  EXPECT_EQ(back.a0, 1);
  EXPECT_EQ(back.h7, 64);
}

TEST(Fields, GivenAStructOfItsOwnKindThenItGoesThereAndBack) {
  const value sent = shop::part{"car", {{"door", {{"handle", {}}}}}};
  EXPECT_EQ(sent["parts"][0]["parts"][0]["name"], "handle");
  EXPECT_EQ(sent.as<shop::part>().parts[0].parts[0].name, "handle");
}

// It advised what the caller had done already, or what could not help.
TEST(Fields, GivenAnObjectThenTheRefusalSaysWhatIsTaken) {
  const value object = ref{.node = {},
                           .session = "a",
                           .interpreter = 1,
                           .epoch = 1,
                           .slot = 7,
                           .type_name = "shop.Wish"};
  EXPECT_EQ(refusal<shop::wish>(object),
            "expected dict, got ref <ref shop.Wish 7 of session 'a'>; fields "
            "are read from dicts, and, in a result with({.leaves = "
            "sb::leaves::plain}), from namedtuples, dataclasses and rows; read "
            "the attributes of another object by attr()");
  EXPECT_EQ(refusal<std::vector<shop::wish>>(list{object}).substr(0, 25),
            "at [0]: expected dict, go");
}

TEST(Fields, GivenAnArgumentThenItIsSentAsADict) {
  operation asked;
  detail::add_arguments(asked, shop::customer{"Ann", 40},
                        "who"_a = shop::customer{"Bob", {}});
  EXPECT_EQ(asked.positional[0], (dict{{"name", "Ann"}, {"age", 40}}));
  EXPECT_EQ(asked.named[0].second, (dict{{"name", "Bob"}, {"age", none}}));
}

} // namespace snakebridge::testing
