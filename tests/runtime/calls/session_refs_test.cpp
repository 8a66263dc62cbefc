// What several interpreters tell of one session, added up.
#include "runtime/calls/session_refs.hpp"

#include <gtest/gtest.h>

namespace snakebridge::testing {

namespace {

void tell(session_refs& to, std::uint32_t interpreter, std::uint32_t epoch,
          std::uint32_t held, std::uint64_t reply = 1) {
  to.told(
    {.interpreter = interpreter, .epoch = epoch, .reply = reply, .held = held},
    "a");
}

} // namespace

TEST(SessionRefs, GivenOneInterpreterThenNothingIsElsewhere) {
  session_refs refs{{.max = 7, .on_full = on_full::refuse}};
  tell(refs, 1, 1, 5);
  EXPECT_EQ(refs.bounds_in(1).rules.max, 7U);
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 0U);
  EXPECT_EQ(refs.bounds_in(2).elsewhere, 5U);
}

// One that held all of them left no room for two objects in another.
TEST(SessionRefs, GivenThatTheOldestGiveWayThenEachHasItsShare) {
  session_refs refs{{.max = 9}};
  tell(refs, 1, 1, 9);
  EXPECT_EQ(refs.bounds_in(2).elsewhere, 5U) << "4 of 9 for one of two";
  tell(refs, 2, 1, 4);
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 4U);
  EXPECT_EQ(refs.bounds_in(3).elsewhere, 6U) << "3 of 9 for one of three";
  session_refs least{{.max = 1}};
  tell(least, 1, 1, 1);
  EXPECT_EQ(least.bounds_in(2).elsewhere, 0U);
}

TEST(SessionRefs, GivenSeveralThenEachIsToldOfTheOthers) {
  session_refs refs{{}};
  tell(refs, 1, 1, 5);
  tell(refs, 2, 1, 3);
  tell(refs, 3, 1, 2);
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 5U);
  EXPECT_EQ(refs.bounds_in(4).elsewhere, 10U);
  tell(refs, 2, 1, 0);
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 2U);
}

TEST(SessionRefs, WhenAnIncarnationEndsThenWhatItHeldCountsNoMore) {
  session_refs refs{{}};
  tell(refs, 1, 1, 5);
  tell(refs, 2, 4, 3);
  refs.forget_up_to(2, 3);
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 3U);
  refs.forget_up_to(2, 4);
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 0U);
  tell(refs, 2, 5, 3);
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 3U);
  tell(refs, 2, 4, 9); // late
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 3U);
}

// Its first reply was read, and told of when it had died.
TEST(SessionRefs, WhenTheFirstThatIsToldComesTooLateThenItCountsNoMore) {
  session_refs refs{{}};
  refs.forget_up_to(2, 1);
  tell(refs, 2, 1, 5);
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 0U);
  EXPECT_FALSE(refs.is_used(2));
  tell(refs, 2, 2, 3);
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 3U);
}

// The thread that read it was late.
TEST(SessionRefs, WhenAnEarlierReplyIsReadAfterALaterOneThenThatHolds) {
  session_refs refs{{}};
  tell(refs, 1, 1, 0, 4);
  tell(refs, 1, 1, 1, 6);
  tell(refs, 1, 1, 0, 5);
  EXPECT_TRUE(refs.is_used(1));
  tell(refs, 1, 2, 0, 1);
  EXPECT_FALSE(refs.is_used(1)) << "the next incarnation counts anew";
}

TEST(SessionRefs, WhenAWorkerLiesThenTheSumIsCut) {
  session_refs refs{{.on_full = on_full::refuse}};
  tell(refs, 1, 1, ~0U);
  tell(refs, 2, 1, ~0U);
  EXPECT_EQ(refs.bounds_in(3).elsewhere, ~0U);
}

} // namespace snakebridge::testing
