// What is no value (not_values.py) stays in Python: the leaf alone is a ref,
// and comes back as the very same object.
#include "tests/runtime/hosts/fidelity.hpp"

namespace snakebridge::testing {

class FidelityRefs : public Fidelity {
protected:
  template <class... Arguments>
  value others(std::string function, Arguments&&... arguments) {
    return value_of(call("not_values", std::move(function),
                         std::forward<Arguments>(arguments)...));
  }
  value names(const char* table) {
    return value_of(
      eval("list(__import__('not_values')." + std::string{table} + ")"));
  }
  value object(const char* table, const value& name) {
    return value_of(
      eval("__import__('not_values')." + std::string{table} + "[name]",
           "name"_a = name));
  }
  /// Asks for markers instead of refs.
  result<value> marked(std::string expression) {
    auto asked = asking(verb::evaluate, {}, std::move(expression));
    asked.leaves = leaves::markers;
    return session->run(asked);
  }
};

TEST_P(FidelityRefs, GivenWhatIsNoValueThenItIsARefAndTheSameObjectBack) {
  for (const auto& name : names("PLAIN")) {
    const auto got = object("PLAIN", name);
    ASSERT_TRUE(got.is_ref()) << name << " came as " << got;
    EXPECT_FALSE(got.is_stream()) << name;
    EXPECT_EQ(others("is_same", name, got), value{true}) << name;
    release_all();
  }
}

TEST_P(FidelityRefs, GivenAnIteratorThenItIsAStream) {
  for (const auto& name : names("STREAMS")) {
    const auto got = object("STREAMS", name);
    ASSERT_TRUE(got.is_ref()) << name << " came as " << got;
    EXPECT_TRUE(got.is_stream()) << name;
    EXPECT_EQ(others("is_same", name, got), value{true}) << name;
    release_all();
  }
}

TEST_P(FidelityRefs, WhenItIsInsideContainersThenItIsOneRefAndTheyAreData) {
  for (const auto& name : names("ALL")) {
    const auto got = others("in_all_places", name);
    EXPECT_EQ(live_objects(), 1U) << name;
    EXPECT_EQ(got[0], got[1][0]) << name;
    EXPECT_EQ(got[0], got[2]["k"]) << name;
    EXPECT_EQ(got[0], got[3][0][0][1]) << name;
    EXPECT_EQ(others("all_are", name, got), value{true}) << name;
    release_all();
  }
}

TEST_P(FidelityRefs, GivenATypeThatHidesThenItsNameIsWhatCanBeTold) {
  EXPECT_EQ(object("ALL", "hides its type").type_name(), "Hidden");
  EXPECT_EQ(object("ALL", "claims to be a Decimal").type_name(),
            "decimal.Decimal");
  EXPECT_EQ(object("ALL", "raises of its class").type_name(),
            "not_values.LiesOfItsClass");
  release_all();
}

TEST_P(FidelityRefs, WhenContainersHoldEachOtherThenTheInnerOneIsARef) {
  exec("import collections\n"
       "a = [1]; b = {'a': a}; a.append((b,))\n"
       "s = [frozenset([1])]; s.append([s, s])");
  const auto got = value_of(eval("a"));
  EXPECT_EQ(value_of(eval("x[1][0]['a'] is a", "x"_a = got)), value{true});
  EXPECT_TRUE(got[1][0]["a"].is_ref());
  const auto both = value_of(eval("s"));
  EXPECT_EQ(both[1][0], both[1][1]) << "the same object, the same ref";
  EXPECT_EQ(value_of(eval("x[1][0] is s", "x"_a = both)), value{true});
  release_all();
}

TEST_P(FidelityRefs, WhenAResultFailsHalfWayThenNothingIsKept) {
  exec("deep = []\n"
       "for _ in range(300): deep = [deep]\n"
       "class Out:\n"
       "  def __repr__(self): raise RuntimeError('no')");
  const auto kept = value_of(eval("object()"));
  EXPECT_EQ(live_objects(), 1U);
  EXPECT_EQ(code_of(eval("[object(), {1: Out()}, {2: (deep,)}]")),
            errc::payload_too_large);
  EXPECT_EQ(live_objects(), 1U);
  EXPECT_EQ(code_of(eval("{object(): [object()] + deep}")),
            errc::payload_too_large);
  EXPECT_EQ(live_objects(), 1U);
  EXPECT_TRUE(eval("x", "x"_a = kept)) << "and what was there still is";
  release_all();
}

TEST_P(FidelityRefs, WhenMarkersAreAskedForThenNothingIsKept) {
  const auto got = value_of(marked(
    "[1, object(), {'k': (lambda: 0,)}, (n for n in ()), {object(): 2}]"));
  EXPECT_EQ(got[0], value{1});
  EXPECT_EQ(got[1].kind(), kind::unserializable);
  EXPECT_EQ(got[2]["k"][0].kind(), kind::unserializable);
  EXPECT_EQ(got[3].kind(), kind::unserializable);
  EXPECT_EQ((*got[4].get_if<dict>()->begin()).first.kind(),
            kind::unserializable);
  // As the setting `conversion.detail` says: by default nothing.
  const auto& told = *got[1].get_if<unserializable>();
  EXPECT_EQ(told.type, "");
  EXPECT_EQ(told.repr, std::nullopt);
  EXPECT_EQ(live_objects(), 0U);
}

TEST_P(FidelityRefs, WhenAContainerHoldsItselfThenThereIsAMarker) {
  exec("loop = [1]; loop.append(loop)");
  EXPECT_EQ(value_of(marked("loop"))[1].kind(), kind::unserializable);
  EXPECT_EQ(live_objects(), 0U);
}

TEST_P(FidelityRefs, WhenAMarkerIsSentThenItIsNotConvertible) {
  const auto got = value_of(marked("object()"));
  EXPECT_EQ(code_of(eval("x", "x"_a = got)), errc::not_convertible);
  EXPECT_EQ(code_of(eval("x", "x"_a = list{dict{{"k", got}}})),
            errc::not_convertible);
  EXPECT_EQ(value_of(eval("1")), value{1}) << "it can go on";
}

// A result in this process is not encoded, and has no bytes.
TEST(FidelityOfAWorker, WhenAResultIsTooLargeThenNothingIsKept) {
  printed_lines printed;
  auto settings = patient_worker(printed);
  settings.payload_bytes_max = std::size_t{64} << 10U;
  test_interpreter interpreter{worker_of(settings)};
  ASSERT_TRUE(interpreter.start_and_wait());
  auto session = interpreter.open();
  EXPECT_EQ(code_of(session.eval("[object(), object(), 'x' * 100_000]")),
            errc::payload_too_large);
  EXPECT_TRUE(interpreter.ends_empty());
  EXPECT_EQ(value_of(session.eval("1")), value{1}) << "it can go on";
}

INSTANTIATE_TEST_SUITE_P(Both, FidelityRefs, both_placements, placement_name);

} // namespace snakebridge::testing
