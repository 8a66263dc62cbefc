// A call that waits at one interpreter of a pool and is run by another.
#include "tests/runtime/calls/mates_fixture.hpp"

#include <gmock/gmock.h>

namespace snakebridge::testing {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CallQueueMates : public mates_fixture {};

TEST_F(CallQueueMates, GivenOneThatIsFreeThenItRunsWhatWouldWait) {
  attach(1);
  attach(2);
  auto held = submit(1, "hold", stays());
  auto moved = submit(1, "echo", may_move());
  EXPECT_EQ(value_of(answer_of(moved)), value{"echo"});
  EXPECT_THAT(happened.take(),
              ElementsAre("1:call:fake.hold", "2:call:fake.echo"));
  EXPECT_THAT(joined, ElementsAre(2U));
  EXPECT_EQ(queue(1).look().calls, 1U);
  EXPECT_EQ(queue(2).look().calls, 1U);
  host(1).finish({});
}

TEST_F(CallQueueMates, WhenOneBecomesFreeThenItRunsOnlyWhatMayMove) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  auto there = submit(2, "hold", stays());
  auto pinned = submit(1, "named", stays());
  auto moves = submit(1, "echo", may_move());
  EXPECT_FALSE(is_over(moves));
  EXPECT_TRUE(host(2).finish({}));
  EXPECT_EQ(value_of(answer_of(moves)), value{"echo"});
  EXPECT_FALSE(is_over(pinned));
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_TRUE(is_over(pinned));
}

TEST_F(CallQueueMates, WhenItsOwnIsFreeFirstThenThatRunsIt) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  auto there = submit(2, "hold", stays());
  auto moves = submit(1, "echo", may_move());
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_EQ(value_of(answer_of(moves)), value{"echo"});
  EXPECT_THAT(joined, IsEmpty());
  EXPECT_TRUE(host(2).finish({}));
}

TEST_F(CallQueueMates, WhenItsInterpreterDiesThenAnotherRunsIt) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  auto there = submit(2, "hold", stays());
  auto moves = submit(1, "echo", may_move());
  auto pinned = submit(1, "echo", stays());
  host(1).die("crash");
  EXPECT_FALSE(is_over(moves));
  EXPECT_TRUE(host(2).finish({}));
  EXPECT_EQ(value_of(answer_of(moves)), value{"echo"});
  EXPECT_FALSE(is_over(pinned));
  attach(1);
  EXPECT_EQ(value_of(answer_of(pinned)), value{"echo"});
}

TEST_F(CallQueueMates, WhenOneComesBackThenItRunsWhatWaitsElsewhere) {
  attach(1);
  auto here = submit(1, "hold", stays());
  auto moves = submit(1, "echo", may_move());
  EXPECT_FALSE(is_over(moves));
  attach(2);
  EXPECT_EQ(value_of(answer_of(moves)), value{"echo"});
  host(1).finish({});
}

TEST_F(CallQueueMates, WhenItHasMovedThenItsDeadlineHoldsThere) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  auto late = submit(1, "hold", may_move(), steady_clock::now() + 300ms);
  EXPECT_EQ(host(2).running(), "fake.hold");
  const auto told = answer_of(late);
  EXPECT_EQ(code_of(told), errc::deadline_exceeded);
  EXPECT_TRUE(told.error().may_have_run());
  EXPECT_THAT(happened.take(), Contains("2:abandon:fake.hold"));
}

TEST_F(CallQueueMates, WhenItHasMovedThenItIsCancelledThere) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  cancel_source stop;
  auto moved = submit(1, "hold", may_move(), in_time(), stop.token());
  EXPECT_EQ(host(2).running(), "fake.hold");
  stop.cancel();
  const auto told = answer_of(moved);
  EXPECT_EQ(code_of(told), errc::cancelled);
  EXPECT_TRUE(told.error().may_have_run());
}

TEST_F(CallQueueMates, WhenItsSessionEndsThenItEndsWhereItIs) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  auto moved = submit(1, "hold", may_move());
  auto waits = submit(1, "echo", may_move());
  happened.take();
  end_session();
  EXPECT_EQ(code_of(answer_of(waits)), errc::session_closed);
  EXPECT_THAT(happened.take(),
              ElementsAre("1:withdraw:fake.hold", "1:release:a",
                          "2:withdraw:fake.hold", "2:release:a"));
}

TEST_F(CallQueueMates, GivenAThreadThatWaitsThenItHasTheAnswerFromThere) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  EXPECT_EQ(value_of(queue(1).run(asking(verb::call, "fake", "echo", 3), gate,
                                  in_time(), 0, may_move())),
            value{3});
  EXPECT_THAT(joined, ElementsAre(2U));
  const auto late = queue(1).run(asking(verb::call, "fake", "hold"), gate,
                                 steady_clock::now() + 300ms, 0, may_move());
  EXPECT_EQ(code_of(late), errc::deadline_exceeded);
  EXPECT_TRUE(late.error().may_have_run());
}

TEST_F(CallQueueMates, GivenOneThatIsDrainedThenItTakesNothing) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  queue(2).hold(error{errc::pool_down, "drained"});
  auto waits = submit(1, "echo", may_move());
  EXPECT_FALSE(is_over(waits));
  EXPECT_EQ(queue(2).load(), 0U);
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
}

TEST_F(CallQueueMates, WhenItIsResumedThenItTakesWhatWaits) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  queue(2).hold(error{errc::pool_down, "drained"});
  auto waits = submit(1, "echo", may_move());
  queue(2).hold({});
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
  host(1).finish({});
}

TEST_F(CallQueueMates, GivenOneThatLeavesThenItsCallsAreTakenOver) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  auto there = submit(2, "hold", stays());
  auto waits = submit(2, "echo", may_move());
  mates->size = 1;
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
  EXPECT_TRUE(host(2).finish({}));
}

TEST_F(CallQueueMates, WhenTheOtherDiesBeforeItStartsThenItMovesOn) {
  attach(1);
  attach(2, {.ends_at_once = false});
  auto here = submit(1, "hold", stays());
  host(2).kill("it is about to go");
  auto waits = submit(1, "echo", may_move());
  EXPECT_FALSE(is_over(waits)) << "that one takes no more calls";
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
  host(2).end();
}

TEST_F(CallQueueMates, WhenCallsHaveMovedThenTheyAreNotCountedHere) {
  auto here = submit(1, "hold", may_move());
  auto also_here = submit(1, "hold", may_move());
  attach(1); // and counts from here
  attach(2);
  EXPECT_EQ(host(2).running(), "fake.hold");
  EXPECT_FALSE(queue(1).look_if_due({.calls = 2}, 0ms));
  EXPECT_EQ(queue(1).look().calls, 1U);
  EXPECT_EQ(queue(2).look().calls, 1U);
}

TEST_F(CallQueueMates, WhenOneSessionHasEndedThenAnothersCallMoves) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  auto there = submit(2, "hold", stays());
  const auto ended = std::make_shared<session_gate>(2, "b");
  const auto gone = std::make_shared<call>(
    asking(verb::call, "fake", "echo"), ended, in_time(), [](const auto&) {});
  gone->join = [&](const auto&) {
    ended->closed = true; // just now
    return false;
  };
  queue(1).submit(gone);
  auto waits = submit(1, "echo", may_move());
  EXPECT_TRUE(host(2).finish({}));
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
  queue(1).release(ended->number);
}

TEST_F(CallQueueMates, GivenOneThatIsToBeReplacedThenItTakesNothing) {
  attach(1);
  attach(2);
  auto there = submit(2, "echo", stays());
  EXPECT_TRUE(queue(2).look_if_due({.calls = 1}, 0ms));
  auto here = submit(1, "hold", stays());
  auto waits = submit(1, "echo", may_move());
  EXPECT_FALSE(is_over(waits));
  attach(2);
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
}

TEST_F(CallQueueMates, GivenOneOutOfServiceThenItTakesNothing) {
  attach(1);
  attach(2);
  mates->size = 1;
  auto here = submit(1, "hold", stays());
  auto waits = submit(1, "echo", may_move());
  queue(2).pump();
  EXPECT_FALSE(is_over(waits));
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_TRUE(is_over(waits));
}

} // namespace snakebridge::testing
