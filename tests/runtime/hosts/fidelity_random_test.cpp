// Random values through both hosts, and Python's word on which are equal. A
// failure names its seed: SNAKEBRIDGE_FIDELITY_SEED=<seed> runs that one too.
#include "tests/runtime/hosts/fidelity.hpp"

#include <cstdlib>

namespace snakebridge::testing {

namespace {

constexpr std::int64_t values_per_seed = 120;

std::vector<std::int64_t> seeds() {
  std::vector<std::int64_t> all{1, 2, 3};
  if (const char* given = std::getenv("SNAKEBRIDGE_FIDELITY_SEED"))
    all.push_back(std::strtoll(given, nullptr, 10));
  return all;
}

std::string replay(std::int64_t seed) {
  return "replay with SNAKEBRIDGE_FIDELITY_SEED=" + std::to_string(seed);
}

} // namespace

class FidelityRandom : public Fidelity {
protected:
  template <class... Arguments>
  result<value> random(std::string function, Arguments&&... arguments) {
    return call("random_values", std::move(function),
                std::forward<Arguments>(arguments)...);
  }
};

TEST_P(FidelityRandom, GivenAnyValueThenItComesBackAsWhatItWas) {
  for (const auto seed : seeds()) {
    SCOPED_TRACE(replay(seed));
    std::cout << "seed " << seed << '\n';
    ASSERT_TRUE(random("make", seed, values_per_seed));
    for (std::int64_t at = 0; at < values_per_seed; ++at) {
      const auto here = value_of(python("item", at));
      ASSERT_EQ(value_of(python("compare", at, here)), value{""})
        << "value " << at;
      const auto again = value_of(python("item", at));
      EXPECT_EQ(here.hash(), again.hash()) << here;
      EXPECT_EQ(here == here.as<value>(), here == again) << here;
    }
  }
  EXPECT_EQ(live_objects(), 0U) << "none of them is a ref";
}

TEST_P(FidelityRandom, GivenAnyTwoThenTheyAreEqualWhereTheyAreInPython) {
  for (const auto seed : seeds()) {
    SCOPED_TRACE(replay(seed));
    const auto equal = value_of(random("pairs", seed));
    const auto all = value_of(random("values"));
    for (std::size_t i = 0; i < all.size(); ++i)
      for (std::size_t k = 0; k < all.size(); ++k) {
        const auto &left = all[i][0], &right = all[k][0];
        if (i == k)
          continue; // a NaN in a list equals itself there, by identity
        EXPECT_EQ(left == right, equal[i][k].as<bool>())
          << left << " and " << right;
        if (left == right) {
          EXPECT_EQ(left.hash(), right.hash()) << left << " and " << right;
        }
      }
  }
}

TEST_P(FidelityRandom, GivenAnyKeyThenItIsFoundWhereItIsInPython) {
  for (const auto seed : seeds()) {
    SCOPED_TRACE(replay(seed));
    ASSERT_TRUE(random("pairs", seed));
    const auto found = value_of(random("found"));
    const auto all = value_of(random("values"));
    for (std::size_t i = 0; i < all.size(); ++i)
      for (std::size_t k = 0; k < all.size(); ++k) {
        const auto &key = all[i][0], &sought = all[k][0];
        if (i == k || !all[i][1].as<bool>() || !all[k][1].as<bool>())
          continue;
        EXPECT_EQ((dict{{key, 0}}.contains(sought)), found[i][k].as<bool>())
          << sought << " under " << key;
        EXPECT_EQ((set{key}.contains(sought)), found[i][k].as<bool>())
          << sought << " beside " << key;
      }
  }
}

// A dict of many finds by hash, one of few does not: both must agree.
TEST_P(FidelityRandom, GivenADictOfManyThenEachOfItsKeysIsFound) {
  for (const auto seed : seeds()) {
    SCOPED_TRACE(replay(seed));
    ASSERT_TRUE(random("pairs", seed));
    const auto all = value_of(random("values"));
    dict made;
    set items;
    for (const auto& each : all)
      if (each[1].as<bool>()) {
        made.set(each[0], each[0]);
        items.insert(each[0]);
      }
    EXPECT_GT(made.size(), 30U);
    EXPECT_EQ(made.size(), items.size());
    for (const auto& each : all) {
      if (!each[1].as<bool>() || !(each[0] == each[0]))
        continue;
      ASSERT_NE(made.find(each[0]), nullptr) << each[0];
      EXPECT_EQ(*made.find(each[0]), each[0]);
      EXPECT_TRUE(items.contains(each[0])) << each[0];
    }
  }
}

TEST_P(FidelityRandom, GivenIntsOfAnySizeThenTheyAreAsInPython) {
  for (const auto seed : seeds()) {
    SCOPED_TRACE(replay(seed));
    const auto rows = value_of(random("numbers", seed));
    std::optional<integer> before;
    for (const auto& row : rows) {
      const auto number = row[0].as<integer>();
      const auto digits = row[1].as<std::string>();
      EXPECT_EQ(number.to_string(), digits);
      EXPECT_EQ(integer{digits}, number);
      EXPECT_EQ(number.to_double(), row[2].as<std::optional<double>>());
      if (before) {
        EXPECT_LE(*before, number);
      }
      before = number;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Both, FidelityRandom, both_placements, placement_name);

} // namespace snakebridge::testing
