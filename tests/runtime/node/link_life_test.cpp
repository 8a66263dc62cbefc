// When a link lives, beats and is lost, over times the test gives.
#include "runtime/node/link_life.hpp"

#include <gtest/gtest.h>

namespace snakebridge::testing {

using namespace std::chrono_literals;
using finding = link_life::finding;

class LinkLife : public ::testing::Test {
protected:
  LinkLife() { life.shaken(at(0ms)); }

  steady_clock::time_point at(std::chrono::milliseconds when) const {
    return start + when;
  }
  /// Looks when it is due and beats, as a link does, and says when it is lost.
  std::chrono::milliseconds lost_after() {
    for (;;) {
      const auto now = life.next_look();
      switch (life.look(now)) {
      case finding::beat:
        ++beats;
        life.sent(now);
        break;
      case finding::nothing:
        break;
      default:
        return std::chrono::duration_cast<std::chrono::milliseconds>(now
                                                                     - start);
      }
    }
  }

  const steady_clock::time_point start{1h};
  link_life life{5s, start};
  int beats = 0;
};

TEST_F(LinkLife, GivenNothingComesThenItBeatsEachSecondAndIsLostAtTheLimit) {
  EXPECT_EQ(lost_after(), 5s);
  EXPECT_EQ(beats, 4);
}

TEST_F(LinkLife, WhenBytesComeThenItLivesForAsLongAgain) {
  life.arrived(at(4'999ms));
  life.sent(at(4'999ms));
  EXPECT_EQ(life.look(at(5s)), finding::nothing);
  EXPECT_EQ(lost_after(), 9'999ms);
}

TEST_F(LinkLife, WhenBytesGoThenNoBeatIsDueForASecond) {
  life.sent(at(700ms));
  EXPECT_EQ(life.look(at(1'000ms)), finding::nothing);
  EXPECT_EQ(life.next_look(), at(1'700ms));
  EXPECT_EQ(life.look(at(1'700ms)), finding::beat);
}

TEST_F(LinkLife, GivenAShortLimitThenThereAreFiveBeatsInIt) {
  life = link_life{500ms, start};
  life.shaken(at(0ms));
  EXPECT_EQ(life.next_look(), at(100ms));
  EXPECT_EQ(lost_after(), 500ms);
}

TEST_F(LinkLife, GivenTheHandshakeIsNotDoneThenItHasFiveSecondsAndNoBeats) {
  life = link_life{500ms, start};
  EXPECT_EQ(life.next_look(), at(5s));
  life.arrived(at(4s));
  EXPECT_EQ(life.look(at(4'999ms)), finding::nothing);
  EXPECT_EQ(life.look(at(5s)), finding::not_in_time);
}

// A process that was stopped blamed the other end for what it had not read.
TEST_F(LinkLife, WhenItWasHeldUpItselfThenWhatCameMeanwhileMayStillBeRead) {
  EXPECT_EQ(life.look(at(12s)), finding::beat);
  life.sent(at(12s));
  life.arrived(at(12'010ms));
  EXPECT_EQ(life.look(at(13s)), finding::beat);
}

TEST_F(LinkLife, GivenNothingCameMeanwhileThenItIsLostABeatLater) {
  EXPECT_EQ(life.look(at(12s)), finding::beat);
  life.sent(at(12s));
  EXPECT_EQ(lost_after(), 13s);
}

TEST_F(LinkLife, GivenItIsAlwaysLateThenItFindsSilenceAllTheSame) {
  EXPECT_EQ(life.look(at(12s)), finding::beat);
  life.sent(at(12s));
  EXPECT_EQ(life.look(at(24s)), finding::silent);
}

TEST(Redial, EachWaitDoublesUpToItsBoundAndLiesInItsUpperHalf) {
  const steady_clock::time_point now{1h};
  redial times{7};
  for (const auto wait : {20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1'280ms,
                          2'560ms, 5'000ms, 5'000ms}) {
    const auto next = times.next(now) - now;
    EXPECT_GE(next, wait / 2);
    EXPECT_LT(next, wait);
  }
  times.succeeded();
  EXPECT_LT(times.next(now) - now, 20ms);
}

TEST(Redial, GivenTwoSeedsThenTheirTimesDifferAndOneAlwaysGivesTheSame) {
  const steady_clock::time_point now{1h};
  EXPECT_NE(redial{1}.next(now), redial{2}.next(now));
  EXPECT_EQ(redial{1}.next(now), redial{1}.next(now));
}

TEST(Redial, GivenAThousandFailuresThenTheWaitKeepsItsBound) {
  const steady_clock::time_point now{1h};
  redial times{7};
  for (int i = 0; i < 1'000; ++i)
    EXPECT_LT(times.next(now) - now, 5s);
}

} // namespace snakebridge::testing
