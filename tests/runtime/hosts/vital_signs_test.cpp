// What a worker's status page tells of its life, look by look.
#include "runtime/hosts/vital_signs.hpp"

#include <gtest/gtest.h>

namespace snakebridge::testing {

using namespace std::chrono_literals;

class VitalSigns : public ::testing::Test {
protected:
  using finding = vital_signs::finding;

  /// Looks after that time.
  finding after(steady_clock::duration passed, vital_signs::sight seen) {
    now += passed;
    return signs.look(seen, now);
  }
  /// Until it finds something, in so many looks.
  finding first_of(int looks, vital_signs::sight seen) {
    for (; looks > 0; --looks)
      if (const auto found = after(*signs.next_look() - now, seen);
          found != finding{})
        return found;
    return {};
  }

  steady_clock::time_point now{10s};
  vital_signs signs{{.heartbeat = 8s, .stall_report = 4s, .stall_kill = 16s}};
};

TEST_F(VitalSigns, GivenNoLimitsThenNothingIsLookedFor) {
  vital_signs none{{}};
  EXPECT_EQ(none.look({.call = 1, .runs = true}, now), finding{});
  EXPECT_FALSE(none.next_look());
}

TEST_F(VitalSigns, WhenItIsLookedAtThenTheNextIsAnEighthOfTheShortestLater) {
  EXPECT_EQ(after(0ms, {}), finding{});
  EXPECT_EQ(*signs.next_look() - now, 500ms);
}

TEST_F(VitalSigns, WhenItBeatsThenItLives) {
  for (std::uint64_t beats = 0; beats < 100; ++beats)
    EXPECT_EQ(after(500ms, {.beats = beats}), finding{});
}

// The beat's own interval comes on top, twice.
TEST_F(VitalSigns, WhenItBeatsNoMoreThenItIsSilentAfterItsLimit) {
  after(0ms, {.beats = 7});
  const auto began = now;
  EXPECT_EQ(first_of(100, {.beats = 7}), finding{.is_silent = true});
  EXPECT_GT(now - began, 9s);
  EXPECT_LE(now - began, 9'500ms);
}

TEST_F(VitalSigns, WhenWeWereHeldUpThenItIsNotCalledSilent) {
  after(0ms, {.beats = 7});
  EXPECT_EQ(after(1h, {.beats = 7}), finding{});
  EXPECT_EQ(after(500ms, {.beats = 7}), finding{});
}

TEST_F(VitalSigns, WhenACallTakesLongThenThatIsToldOnce) {
  after(0ms, {.beats = 1, .call = 3, .runs = true});
  const auto began = now;
  std::uint64_t beats = 1;
  int told = 0;
  while (now - began < 15s) {
    const auto found =
      after(500ms, {.beats = ++beats, .call = 3, .runs = true});
    if (found.is_news) {
      ++told;
      EXPECT_EQ(now - began, 4s);
      EXPECT_EQ(signs.last().call, 3U);
      EXPECT_EQ(signs.since(), began);
    }
    EXPECT_FALSE(found.is_stuck);
  }
  EXPECT_EQ(told, 1);
  after(500ms, {.beats = ++beats, .call = 3, .runs = true});
  EXPECT_TRUE(
    after(500ms, {.beats = ++beats, .call = 3, .runs = true}).is_stuck);
}

TEST_F(VitalSigns, WhenAnotherCallComesThenItHasItsOwnTime) {
  for (std::uint64_t call = 1; call < 40; ++call)
    EXPECT_EQ(after(3s, {.beats = call, .call = call, .runs = true}),
              finding{});
}

TEST_F(VitalSigns, WhenItStartsTheCallItHasThenThatTimeIsNew) {
  after(0ms, {.beats = 1, .call = 3});
  EXPECT_EQ(after(3s, {.beats = 2, .call = 3}), finding{});
  EXPECT_EQ(after(3s, {.beats = 3, .call = 3, .runs = true}), finding{});
  EXPECT_EQ(after(4s, {.beats = 4, .call = 3, .runs = true}),
            finding{.is_news = true});
}

TEST_F(VitalSigns, GivenNoCallThenItIsNeverStuck) {
  std::uint64_t beats = 0;
  for (int looks = 0; looks < 100; ++looks)
    EXPECT_EQ(after(500ms, {.beats = ++beats}), finding{});
}

TEST_F(VitalSigns, BetweenTwoLooksThatAreDueNothingIsFound) {
  after(0ms, {.beats = 7, .call = 3, .runs = true});
  now += 1h;
  signs.look({.beats = 7, .call = 3, .runs = true}, now);
  EXPECT_EQ(after(499ms, {.beats = 7, .call = 3, .runs = true}), finding{});
}

} // namespace snakebridge::testing
