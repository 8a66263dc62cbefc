#include <snakebridge/operation.hpp>

#include <gtest/gtest.h>

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

} // namespace shop

namespace snakebridge::testing {

namespace {

dict a_sale() {
  return {{"region", "north"},
          {"qty", 3},
          {"price", 1.5},
          {"buyers", list{dict{{"name", "Ann"}, {"age", 40}},
                          dict{{"name", "Bob"}, {"age", none}}}}};
}

template <class T>
std::string refusal(const value& from) {
  const auto made = from.to<T>();
  return made ? "accepted" : made.error().message();
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
