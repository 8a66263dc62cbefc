// What is awaited in real Python, in both placements.
#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

using ::testing::HasSubstr;

class Awaiting : public EachPlacement {
protected:
  void SetUp() override {
    or_throw(
      bridge.exec("import asyncio\n"
                  "async def add(a, b):\n"
                  "  await asyncio.sleep(0)\n"
                  "  return a + b\n"
                  "async def fails(): raise ValueError('no')\n"
                  "class later:\n"
                  "  def __await__(self):\n"
                  "    yield from asyncio.sleep(0).__await__()\n"
                  "    return 'later'\n"
                  "async def endless():\n"
                  "  try: await asyncio.sleep(1000)\n"
                  "  except asyncio.CancelledError:\n"
                  "    seen.append('cancelled')\n"
                  "    raise\n"
                  "async def loop(): return id(asyncio.get_running_loop())\n"
                  "async def nested(): return await add(1, await add(2, 3))\n"
                  "seen = []"));
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Awaiting);

TEST_P(Awaiting, GivenACoroutineThenItsResultIsTheCalls) {
  EXPECT_EQ(bridge.call("asyncio", "sleep", 0, "done"), "done");
  EXPECT_EQ(bridge.eval("add(1, 2)"), 3);
  EXPECT_EQ(bridge.eval("nested()"), 6);
  EXPECT_EQ(bridge.call_object(or_throw(bridge.eval("add")), 1, 2), 3);
}

TEST_P(Awaiting, WhenItRaisesThenTheCallDoes) {
  const auto failed = bridge.eval("fails()");
  ASSERT_EQ(code_of(failed), sb::errc::python_raised);
  EXPECT_TRUE(failed.error().is("ValueError"));
}

TEST_P(Awaiting, WhenItIsNotToBeAwaitedThenItIsAnObject) {
  const auto kept = or_throw(bridge.with({.awaits = false}).eval("add(1, 2)"));
  ASSERT_TRUE(kept.is_ref());
  EXPECT_EQ(bridge.await(kept), 3);
}

TEST_P(Awaiting, GivenAnyAwaitableThenItIsAwaitedWhenAskedFor) {
  const auto made = or_throw(bridge.eval("later()"));
  ASSERT_TRUE(made.is_ref());
  EXPECT_EQ(bridge.await(made), "later");
  const auto refused = bridge.await(sb::value{5});
  ASSERT_EQ(code_of(refused), sb::errc::python_raised);
  EXPECT_TRUE(refused.error().is("TypeError"));
}

TEST_P(Awaiting, GivenSeveralThenTheyAreOnOneLoop) {
  const auto first = or_throw(bridge.eval("loop()"));
  EXPECT_EQ(bridge.eval("loop()"), first);
  // And one of its own still runs in a call.
  EXPECT_EQ(bridge.eval("asyncio.run(add(3, 4))"), 7);
}

TEST_P(Awaiting, WhenItsTimeIsOverThenTheTaskIsCancelled) {
  const auto late = bridge.with({.timeout = 200ms}).eval("endless()");
  EXPECT_EQ(code_of(late), sb::errc::deadline_exceeded);
  EXPECT_TRUE(eventually(
    [&] { return bridge.eval("seen") == sb::value{sb::list{"cancelled"}}; }));
}

} // namespace snakebridge::testing
