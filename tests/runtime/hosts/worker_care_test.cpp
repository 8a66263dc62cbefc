// What a worker gets next, look by look: pure, on times the test says.
#include "runtime/hosts/worker_care.hpp"

#include <gmock/gmock.h>

#include "config/tunables.hpp"
#include "runtime/wire/status_page.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class WorkerCare : public ::testing::Test {
protected:
  using act = worker_care::act;
  using step = worker_care::step;

  static constexpr auto stacks_wait =
    std::chrono::milliseconds{limits::stacks_wait_ms_max};
  static constexpr auto first = call_id(1, 0), second = call_id(2, 0),
                        other = call_id(1, 1);

  std::vector<step> after(steady_clock::duration passed) {
    now += passed;
    return care.look(seen, ++beats, now);
  }
  /// Whenever it wants to look, until there is something to do.
  std::vector<step> next() {
    for (int looks = 0; looks < 1'000; ++looks) {
      const auto when = care.next_look();
      if (!when)
        return {};
      now = std::max(now, *when);
      if (auto due = care.look(seen, ++beats, now); !due.empty())
        return due;
    }
    return {};
  }

  static constexpr care_limits limits_{
    .cancel = {.cancel_grace = 100ms, .kill_grace = 200ms},
    .vital = {.heartbeat = 8s, .stall_report = 4s, .stall_kill = 16s}};
  steady_clock::time_point now{10s};
  std::uint64_t beats = 0;
  worker_care care{limits_, 2};
  executor_sight seen[2];
};

TEST_F(WorkerCare, GivenCallsThatAreWantedThenNothingIsDue) {
  seen[0] = {.call = first, .runs = true};
  seen[1] = {.call = other};
  EXPECT_THAT(after(0ms), IsEmpty());
  EXPECT_THAT(after(1s), IsEmpty());
}

TEST_F(WorkerCare, WhenACallIsGivenUpThenItAloneIsInterruptedAtOnce) {
  seen[0] = {.call = first, .runs = true};
  seen[1] = {.call = other, .runs = true, .unwanted = true};
  EXPECT_THAT(after(0ms), ElementsAre(step{act::interrupt, other}));
  EXPECT_THAT(after(1ms), IsEmpty());
}

TEST_F(WorkerCare, WhenTwoAreGivenUpThenEachHasItsOwnGraces) {
  seen[0] = {.call = first, .runs = true, .unwanted = true};
  EXPECT_THAT(after(0ms), ElementsAre(step{act::interrupt, first}));
  seen[1] = {.call = other, .runs = true, .unwanted = true};
  EXPECT_THAT(after(60ms), ElementsAre(step{act::interrupt, other}));
  EXPECT_THAT(after(40ms), ElementsAre(step{act::interrupt, first}));
  seen[0] = {};
  EXPECT_THAT(after(60ms), ElementsAre(step{act::interrupt, other}));
}

// It cannot begin before it has the GIL, which that may keep.
TEST_F(WorkerCare, WhileAnotherRunsThenOneThatHasNotBegunIsGivenTime) {
  seen[0] = {.call = first, .runs = true};
  seen[1] = {.call = other, .unwanted = true};
  for (int looks = 0; looks < 10; ++looks)
    EXPECT_THAT(after(300ms), IsEmpty());
  seen[0] = {.call = second, .runs = true}; // it had its turn between them
  EXPECT_THAT(after(0ms), IsEmpty());
  EXPECT_THAT(after(limits_.cancel.cancel_grace), IsEmpty());
  EXPECT_THAT(after(1s), ElementsAre(step{act::interrupt, other}));
  EXPECT_THAT(next(), ElementsAre(step{act::sample, other}));
}

TEST_F(WorkerCare, WhenACallDoesNotComeBackThenItIsSampledAndKilledForIt) {
  seen[1] = {.call = other, .runs = true, .unwanted = true};
  after(0ms);
  after(299ms);
  EXPECT_THAT(after(1ms), ElementsAre(step{act::sample, other}));
  EXPECT_THAT(after(1ms), IsEmpty());
  const auto due = care.stacks_written(seen, now);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].what, act::kill);
  EXPECT_EQ(due[0].call, other);
  EXPECT_THAT(due[0].reason, HasSubstr("300 ms after that was given up"));
}

TEST_F(WorkerCare, WhenItsStacksDoNotComeThenItIsKilledWithoutThem) {
  seen[0] = {.call = first, .runs = true, .unwanted = true};
  after(0ms);
  after(299ms);
  EXPECT_THAT(after(1ms), ElementsAre(step{act::sample, first}));
  EXPECT_THAT(after(stacks_wait - 1ms), IsEmpty());
  const auto due = after(1ms);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].what, act::kill);
}

TEST_F(WorkerCare, WhenTheCallComesBackInTimeThenItsWorkerIsPardoned) {
  seen[0] = {.call = first, .runs = true, .unwanted = true};
  after(0ms);
  after(299ms);
  EXPECT_THAT(after(1ms), ElementsAre(step{act::sample, first}));
  seen[0] = {.call = second, .runs = true};
  EXPECT_THAT(care.stacks_written(seen, now), IsEmpty());
  EXPECT_THAT(after(stacks_wait), IsEmpty());
}

// Whatever comes back: the worker itself is at fault.
TEST_F(WorkerCare, WhenItIsSilentThenNoCallThatComesBackSavesIt) {
  seen[0] = {.call = first, .runs = true};
  after(0ms);
  std::vector<step> due;
  for (int looks = 0; looks < 100 && due.empty(); ++looks) {
    now += 500ms;
    due = care.look(seen, beats, now);
    std::erase_if(due, [](const step& each) { return each.call != 0; });
  }
  EXPECT_THAT(due, ElementsAre(step{act::sample, 0}));
  seen[0] = {};
  due = care.stacks_written(seen, now);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_THAT(due[0].reason, HasSubstr("heartbeat_limit_ms"));
}

TEST_F(WorkerCare, WhenACallIsLongThenItIsToldOfWithItsStacks) {
  seen[1] = {.call = other, .runs = true};
  after(0ms);
  const auto began = now;
  EXPECT_THAT(next(), ElementsAre(step{act::sample, other}));
  EXPECT_GE(now - began, 4s);
  EXPECT_EQ(care.since(other), began);
  EXPECT_THAT(care.stacks_written(seen, now),
              ElementsAre(step{act::report, other}));
  EXPECT_THAT(care.stacks_written(seen, now), IsEmpty()) << "once";
}

TEST_F(WorkerCare, WhenItsStacksDoNotComeThenACallIsToldOfWithoutThem) {
  seen[0] = {.call = first, .runs = true};
  after(0ms);
  EXPECT_THAT(next(), ElementsAre(step{act::sample, first}));
  EXPECT_THAT(next(), ElementsAre(step{act::report, first}));
}

TEST_F(WorkerCare, WhenACallTakesTooLongThenItsWorkerIsKilledForIt) {
  seen[1] = {.call = other, .runs = true};
  after(0ms);
  std::vector<step> due;
  while (due.empty() || due[0].what != act::kill)
    ASSERT_FALSE((due = next()).empty());
  EXPECT_EQ(due[0].call, other);
  EXPECT_THAT(due[0].reason, HasSubstr("stall_kill_ms"));
}

TEST_F(WorkerCare, WhenItIsNotReadyThenItIsKilledWithoutASample) {
  EXPECT_THAT(care.condemn(0, "late", now, false),
              ElementsAre(step{act::kill, 0, "late"}));
}

TEST_F(WorkerCare, WhenItIsCondemnedTwiceThenTheFirstReasonStays) {
  EXPECT_THAT(care.condemn(0, "one", now), ElementsAre(step{act::sample, 0}));
  EXPECT_THAT(care.condemn(first, "two", now), IsEmpty());
  EXPECT_FALSE(care.next_look() && *care.next_look() <= now);
  EXPECT_THAT(care.stacks_written(seen, now),
              ElementsAre(step{act::kill, 0, "one"}));
}

// The second waits for what becomes of the first.
TEST_F(WorkerCare, WhenOneIsPardonedThenAnotherThatIsStuckIsStillKilled) {
  seen[0] = {.call = first, .runs = true, .unwanted = true};
  seen[1] = {.call = other, .runs = true, .unwanted = true};
  after(0ms);
  after(299ms);
  EXPECT_THAT(after(1ms), ElementsAre(step{act::sample, first}));
  seen[0] = {};
  EXPECT_THAT(care.stacks_written(seen, now), IsEmpty());
  EXPECT_THAT(next(), ElementsAre(step{act::sample, other}));
  const auto due = care.stacks_written(seen, now);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].what, act::kill);
  EXPECT_EQ(due[0].call, other);
}

// Stacks do not say whose they are: so there is one sample at a time.
TEST_F(WorkerCare, WhenTwoCallsAreLongThenEachIsToldOfWithItsOwnStacks) {
  seen[0] = {.call = first, .runs = true};
  seen[1] = {.call = other, .runs = true};
  after(0ms);
  EXPECT_THAT(next(), ElementsAre(step{act::sample, first}));
  EXPECT_THAT(care.stacks_written(seen, now),
              ElementsAre(step{act::report, first}, step{act::sample, other}));
  EXPECT_THAT(care.stacks_written(seen, now),
              ElementsAre(step{act::report, other}));
}

TEST_F(WorkerCare, WhenItWasToldToBeKilledThenItIsNotLookedAtAgainForThat) {
  seen[0] = {.call = first, .runs = true};
  after(0ms);
  care.condemn(0, "why", now);
  EXPECT_THAT(care.stacks_written(seen, now),
              ElementsAre(step{act::kill, 0, "why"}));
  EXPECT_GT(*care.next_look(), now);
}

} // namespace snakebridge::testing
