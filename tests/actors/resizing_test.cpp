// An interpreter leaves its pool: never from under a session that uses it, or
// that is about to.
#include "tests/actors/acting.hpp"

namespace snakebridge::testing {

class Resizing : public acting {
protected:
  Resizing() {
    start_bridge({{.size = 2, .affinity = affinity::hint}});
    owner = client("client");
    first = open("a", owner);
    settle();
  }

  caf::actor owner, first;
};

TEST_F(Resizing, WhenASessionUsesItThenItStaysUntilThatHasEnded) {
  object_in(first);
  const auto user = client("user");
  const auto object = object_in(open("b", user));
  const auto leaving = places->interpreter(object.interpreter);
  ASSERT_EQ(leaving->interpreter(), 2U);
  EXPECT_FALSE(leaving->retire_if_unused());
  EXPECT_FALSE(leaving->is_retired());
  caf::anon_send_exit(user, caf::exit_reason::user_shutdown);
  settle();
  EXPECT_TRUE(leaving->retire_if_unused());
  EXPECT_TRUE(leaving->is_retired());
}

// Whoever has seen that it is free may come when it is no longer there.
TEST_F(Resizing, WhenAFreeOneLeavesMeanwhileThenItsCallStaysAtHome) {
  call(first, "hold");
  ASSERT_TRUE(places->interpreter(2)->retire_if_unused());
  const auto waits = call(first, "object");
  EXPECT_FALSE(waits.arrived());
  host(1).finish(1);
  settle();
  EXPECT_EQ(waits.value().as<ref>().interpreter, 1U);
}

} // namespace snakebridge::testing
