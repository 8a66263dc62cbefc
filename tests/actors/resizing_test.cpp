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

// Whoever has seen that it is free may come when it is no longer there.
TEST_F(Resizing, WhenAFreeOneLeavesMeanwhileThenItsCallStaysAtHome) {
  call(first, "hold");
  places->of(2)->calls->retire(2, places->now());
  const auto waits = call(first, "object");
  EXPECT_FALSE(waits.arrived());
  host(1).finish(1);
  settle();
  EXPECT_EQ(waits.value().as<ref>().interpreter, 1U);
}

} // namespace snakebridge::testing
