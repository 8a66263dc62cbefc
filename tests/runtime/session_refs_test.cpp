// What several interpreters tell of one session, added up.
#include "runtime/session_refs.hpp"

#include <gtest/gtest.h>

namespace snakebridge::testing {

TEST(SessionRefs, GivenOneInterpreterThenNothingIsElsewhere) {
  session_refs refs{{.max = 7, .on_full = on_full::refuse}};
  refs.told(1, 1, 5, false, "a");
  EXPECT_EQ(refs.bounds_in(1).rules.max, 7U);
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 0U);
  EXPECT_EQ(refs.bounds_in(2).elsewhere, 5U);
}

// One that held all of them left no room for two objects in another.
TEST(SessionRefs, GivenThatTheOldestGiveWayThenEachHasItsShare) {
  session_refs refs{{.max = 9}};
  refs.told(1, 1, 9, false, "a");
  EXPECT_EQ(refs.bounds_in(2).elsewhere, 5U) << "4 of 9 for one of two";
  refs.told(2, 1, 4, false, "a");
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 4U);
  EXPECT_EQ(refs.bounds_in(3).elsewhere, 6U) << "3 of 9 for one of three";
  session_refs least{{.max = 1}};
  least.told(1, 1, 1, false, "a");
  EXPECT_EQ(least.bounds_in(2).elsewhere, 0U);
}

TEST(SessionRefs, GivenSeveralThenEachIsToldOfTheOthers) {
  session_refs refs{{}};
  refs.told(1, 1, 5, false, "a");
  refs.told(2, 1, 3, false, "a");
  refs.told(3, 1, 2, false, "a");
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 5U);
  EXPECT_EQ(refs.bounds_in(4).elsewhere, 10U);
  refs.told(2, 1, 0, false, "a");
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 2U);
}

TEST(SessionRefs, WhenAnIncarnationEndsThenWhatItHeldCountsNoMore) {
  session_refs refs{{}};
  refs.told(1, 1, 5, false, "a");
  refs.told(2, 4, 3, false, "a");
  refs.forget_all_but(2, 4);
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 3U);
  refs.forget_all_but(2, 0);
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 0U);
  refs.told(2, 5, 3, false, "a");
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 3U);
  refs.told(2, 4, 9, false, "a"); // late
  EXPECT_EQ(refs.bounds_in(1).elsewhere, 3U);
}

TEST(SessionRefs, WhenAWorkerLiesThenTheSumIsCut) {
  session_refs refs{{.on_full = on_full::refuse}};
  refs.told(1, 1, ~0U, false, "a");
  refs.told(2, 1, ~0U, false, "a");
  EXPECT_EQ(refs.bounds_in(3).elsewhere, ~0U);
}

} // namespace snakebridge::testing
