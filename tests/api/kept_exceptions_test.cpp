// keep_exception: the exception object itself, for who asks for it.
#include "tests/api/python_fixture.hpp"

#include <caf/scoped_actor.hpp>

#include <snakebridge/actors.hpp>

namespace snakebridge::testing {

namespace {

constexpr auto raises = "raise ValueError('v', 5)";

} // namespace

class KeptExceptions : public EachPlacement {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(KeptExceptions);

TEST_P(KeptExceptions, WhenNobodyAsksThenNothingIsKept) {
  EXPECT_FALSE(error_of(bridge.exec(raises)).python()->object);
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
}

TEST_P(KeptExceptions, WhenAskedThenTheObjectCanBeUsedAndReleased) {
  const auto failed =
    error_of(bridge.with({.keep_exception = true}).exec(raises));
  const auto object = failed.python()->object;
  ASSERT_TRUE(object);
  EXPECT_EQ(object->type_name, "ValueError");
  EXPECT_EQ(object->session, bridge.current_session());
  EXPECT_EQ(bridge.attr(*object, "args"), (sb::tuple{"v", 5}));
  EXPECT_EQ(bridge.call("builtins", "isinstance", *object,
                        or_throw(bridge.get("builtins", "ValueError"))),
            true);
  EXPECT_EQ(bridge.release(*object), true);
  EXPECT_EQ(bridge.release(*object), false);
}

TEST_P(KeptExceptions, WhenTheSessionEndsThenTheyAreGone) {
  const auto session = bridge.open_session({.id = "mine"});
  const auto keeping = session.with({.keep_exception = true});
  const auto object = *error_of(keeping.exec(raises)).python()->object;
  EXPECT_EQ(bridge.release_session("mine"), 1U);
  EXPECT_FALSE(bridge.attr(object, "args"));
}

TEST_P(KeptExceptions, GivenAScopeThenTheInnermostThatSaysSoHolds) {
  const sb::runtime_scope outer{{.keep_exception = true}};
  {
    const sb::runtime_scope silent{{.timeout = 1min}};
    EXPECT_TRUE(error_of(bridge.exec(raises)).python()->object);
    const auto never = bridge.with({.keep_exception = false});
    EXPECT_FALSE(error_of(never.exec(raises)).python()->object);
  }
  const sb::runtime_scope inner{{.keep_exception = false}};
  EXPECT_FALSE(error_of(bridge.exec(raises)).python()->object);
}

TEST_P(KeptExceptions, GivenAMessageThatAsksThenTheActorGetsTheObject) {
  caf::scoped_actor self{bridge.system()};
  const auto session = sb::open_session(self.ptr(), bridge);
  std::optional<sb::ref> object;
  self
    ->request(
      session, patience,
      sb::call_message{"builtins", "int", {"x"}, {}, {.keep_exception = true}})
    .receive([](const sb::value&) { FAIL() << "no error came"; },
             [&](const caf::error& told) {
               object = sb::to_error(told).python()->object;
             });
  ASSERT_TRUE(object);
  sb::value args;
  self->request(session, patience, sb::attr_message{*object, "args"})
    .receive([&](sb::value& told) { args = std::move(told); },
             [](const caf::error& told) { FAIL() << sb::to_error(told); });
  EXPECT_EQ(args, (sb::tuple{"invalid literal for int() with base 10: 'x'"}));
}

class KeptFromSmallReplies : public InAWorker {
protected:
  KeptFromSmallReplies()
      : InAWorker{[] {
          auto wanted = one_pool(sb::placement::worker);
          wanted.payload_bytes_max = 4'096;
          return wanted;
        }()} {}
};

// The object is the one way left to read it.
TEST_F(KeptFromSmallReplies, WhenItsTextIsTooLargeThenTheObjectStillComes) {
  const auto failed = error_of(bridge.with({.keep_exception = true})
                                 .exec("raise ValueError('x' * 100_000)"));
  EXPECT_EQ(failed.python()->message, "its text is beyond payload_bytes_max");
  ASSERT_TRUE(failed.python()->object);
  EXPECT_EQ(first_of(bridge).live_objects, 1U);
  EXPECT_EQ(bridge.eval("len(e.args[0])", {{"e", *failed.python()->object}}),
            100'000);
  EXPECT_EQ(bridge.release(*failed.python()->object), true);
  EXPECT_EQ(first_of(bridge).live_objects, 0U);
}

} // namespace snakebridge::testing
