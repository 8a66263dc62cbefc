// The settings of how values are converted, as a bridge has them.
#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

class Conversion : public ::testing::TestWithParam<sb::placement> {
protected:
  static sb::config with(sb::conversion_config rules) {
    auto wanted = one_pool(GetParam());
    wanted.conversion = std::move(rules);
    return wanted;
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Conversion);

// ORIGINAL T23
TEST_P(Conversion, UnlessToldOtherwiseThenAnAtomIsAString) {
  const sb::bridge bridge{with({})};
  EXPECT_EQ(bridge.call("builtins", "repr", sb::atom{"ok"}), "'ok'");
}

// ORIGINAL T23
TEST_P(Conversion, GivenTheAtomClassThenAllowedNamesComeBackAsAtoms) {
  const sb::bridge bridge{with({.atom_class = true, .atoms = {"ok"}})};
  EXPECT_EQ(bridge.call("builtins", "repr", sb::atom{"cuda"}), "Atom('cuda')");
  EXPECT_EQ(bridge.eval("x", {{"x", sb::atom{"ok"}}}), sb::atom{"ok"});
  EXPECT_EQ(bridge.eval("x", {{"x", sb::atom{"cuda"}}}), "cuda");
}

TEST_P(Conversion, GivenAnyNameThenAllAtomsComeBack) {
  const sb::bridge bridge{with({.atom_class = true, .atoms = {"*"}})};
  EXPECT_EQ(bridge.eval("[x]", {{"x", sb::atom{"cuda"}}}),
            (sb::list{sb::atom{"cuda"}}));
}

TEST_P(Conversion, WhenACallAsksForMarkersThenNothingIsKept) {
  const sb::bridge bridge{
    with({.detail = sb::unserializable_detail::repr, .repr_bytes_max = 9})};
  const auto marked =
    or_throw(bridge.with({.leaves = sb::leaves::markers})
               .eval("[1, __import__('pathlib').PurePosixPath('/a'), object]"));
  EXPECT_EQ(marked[0], 1);
  const auto path = sb::unserializable_info(marked[1]);
  ASSERT_TRUE(path) << marked;
  EXPECT_FALSE(sb::unserializable_info(marked));
  EXPECT_THAT(path->type, ::testing::AnyOf("pathlib.PurePosixPath",
                                           "pathlib._local.PurePosixPath"));
  EXPECT_EQ(path->repr, "PurePosix…");
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
  EXPECT_EQ(code_of(bridge.call("builtins", "repr", marked)),
            sb::errc::not_convertible);
}

// ORIGINAL P41
TEST_P(Conversion, UnlessToldOtherwiseThenAMarkerTellsNothing) {
  const sb::bridge bridge{with({})};
  const auto marked =
    or_throw(bridge.with({.leaves = sb::leaves::markers}).eval("object()"));
  EXPECT_EQ(marked, sb::unserializable{});
  EXPECT_EQ(sb::repr(marked), "<unserializable object>");
}

} // namespace snakebridge::testing
