// Values of every kind, nested in every container, made by Python, sent here
// and back by both hosts: they come back as what they were (fidelity.py says
// what that means), and print here as they do there.
#include "tests/runtime/hosts/fidelity.hpp"

namespace snakebridge::testing {

class FidelityOf : public fidelity_of<std::tuple<placement, std::string>> {
protected:
  FidelityOf() : fidelity_of{std::get<0>(GetParam())} {}

  /// How many values of the kind under test there are, nested like that.
  std::int64_t make(const std::string& nesting) {
    return or_throw(python("items", std::get<1>(GetParam()), nesting))
      .as<std::int64_t>();
  }
};

TEST_P(FidelityOf, WhenItComesHereAndGoesBackThenPythonSeesNoDifference) {
  const auto nestings = or_throw(python("nestings"));
  for (const auto& nesting : nestings) {
    const auto count = make(nesting.as<std::string>());
    for (std::int64_t at = 0; at < count; ++at) {
      const auto here = value_of(python("item", at));
      EXPECT_EQ(value_of(python("compare", at, here)), value{""})
        << nesting << " " << at;
    }
  }
  EXPECT_EQ(live_objects(), 0U) << "none of them is a ref";
}

TEST_P(FidelityOf, WhenItComesHereThenItPrintsAsItDoesInPython) {
  const auto nestings = or_throw(python("nestings"));
  for (const auto& nesting : nestings) {
    const auto count = make(nesting.as<std::string>());
    for (std::int64_t at = 0; at < count; ++at) {
      const auto told = value_of(python("repr_of", at));
      if (told.is_none())
        continue; // on purpose: docs/VALUES.md
      EXPECT_EQ(repr(value_of(python("item", at))), told.as<std::string>())
        << nesting << " " << at;
    }
  }
}

TEST_P(FidelityOf, WhenItComesTwiceThenBothAreEqualWithEqualHashes) {
  const auto count = make("alone");
  for (std::int64_t at = 0; at < count; ++at) {
    const auto first = value_of(python("item", at));
    const auto second = value_of(python("item", at));
    EXPECT_EQ(repr(first), repr(second));
    EXPECT_EQ(first.type_name(), second.type_name());
    if (!value_of(python("has_nan_at", at)).as<bool>()) {
      EXPECT_EQ(first, second);
    }
    EXPECT_EQ(first.hash(), second.hash()) << first;
    const value copy = first.as<value>(); // NOLINT: a copy is what is asked
    EXPECT_EQ(copy == copy, first == second) << copy;
  }
}

INSTANTIATE_TEST_SUITE_P(
  Both, FidelityOf,
  ::testing::Combine(both_placements,
                     ::testing::Values("none", "bool", "int", "float",
                                       "complex", "str", "bytes", "moment",
                                       "timedelta", "decimal", "uuid", "numpy",
                                       "container")),
  [](const auto& tested) {
    return std::string{std::get<0>(tested.param) == placement::worker
                         ? "worker_"
                         : "embedded_"}
           + std::get<1>(tested.param);
  });

TEST_P(Fidelity, GivenTheKindsOfThisSuiteThenPythonKnowsNoOthers) {
  EXPECT_EQ(value_of(python("kinds")),
            (value{list{"none", "bool", "int", "float", "complex", "str",
                        "bytes", "moment", "timedelta", "decimal", "uuid",
                        "numpy", "container"}}));
}

// Which code points print changes with Python's Unicode, for those that are
// not assigned yet: all others are as in Python.
TEST_P(Fidelity, GivenEveryAssignedCharacterThenItPrintsAsInPython) {
  for (std::int64_t plane = 0; plane < 17; ++plane) {
    const auto text = value_of(python("assigned", plane));
    const auto told = value_of(call("builtins", "repr", text));
    EXPECT_EQ(repr(text), told.as<std::string>()) << "plane " << plane;
    EXPECT_EQ(value_of(call("operator", "eq", text, text)), value{true});
  }
}

INSTANTIATE_TEST_SUITE_P(Both, Fidelity, both_placements, placement_name);

} // namespace snakebridge::testing
