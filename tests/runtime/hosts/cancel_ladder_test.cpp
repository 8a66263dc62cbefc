// A call nobody wants: what its worker is told, row by row.
#include "runtime/hosts/cancel_ladder.hpp"

#include <string>

#include <gtest/gtest.h>

namespace snakebridge::testing {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

constexpr auto wait = cancel_step::wait;
constexpr auto interrupt = cancel_step::interrupt;
constexpr auto kill = cancel_step::kill;

const steady_clock::time_point start{10s};
const cancel_limits patient{.cancel_grace = 500ms, .kill_grace = 2s};
const cancel_limits at_once{.cancel_grace = 0ms, .kill_grace = 0ms};

// Times count from when it was given up.
struct table_row {
  const char* name;
  cancel_limits limits;
  bool had_started;
  int interruptions;
  milliseconds interrupted;
  milliseconds now;
  cancel_step what;
  milliseconds again;
};

const table_row table[] = {
  {"AtOnce", patient, true, 0, 0ms, 0ms, interrupt, 500ms},
  {"InItsGrace", patient, true, 1, 0ms, 499ms, wait, 500ms},
  {"AfterItsGrace", patient, true, 1, 0ms, 500ms, interrupt, 550ms},
  {"NotYetAgain", patient, true, 2, 500ms, 549ms, wait, 550ms},
  {"AgainAndAgain", patient, true, 2, 500ms, 550ms, interrupt, 600ms},
  {"NeverBeyondTheEnd", patient, true, 9, 2'480ms, 2'499ms, wait, 2'500ms},
  {"AtTheEnd", patient, true, 9, 2'480ms, 2'500ms, kill, 2'500ms},
  {"LongAfter", patient, true, 9, 2'480ms, 9'000ms, kill, 2'500ms},
  {"WeWereHeldUp", patient, true, 0, 0ms, 9'000ms, interrupt, 500ms},
  {"WithoutGrace", at_once, true, 0, 0ms, 0ms, interrupt, 0ms},
  {"WithoutGraceNext", at_once, true, 1, 0ms, 0ms, kill, 0ms},
  {"BetweenCalls", at_once, false, 1, 0ms, 999ms, interrupt, 1'000ms},
  {"BetweenCallsAtTheEnd", at_once, false, 9, 990ms, 1'000ms, kill, 1'000ms},
  {"BetweenCallsWithGrace", patient, false, 9, 0ms, 2'499ms, interrupt,
   2'500ms},
};

class CancelLadder : public ::testing::TestWithParam<table_row> {};

} // namespace

TEST_P(CancelLadder, WhatIsNext) {
  const auto& row = GetParam();
  const late_call late{.id = 1,
                       .had_started = row.had_started,
                       .since = start,
                       .interruptions = row.interruptions,
                       .interrupted = start + row.interrupted};
  const auto next = next_step(late, row.limits, start + row.now);
  EXPECT_EQ(next.what, row.what);
  EXPECT_EQ(next.again - start, row.again);
}

INSTANTIATE_TEST_SUITE_P(Table, CancelLadder, ::testing::ValuesIn(table),
                         [](const auto& each) {
                           return std::string{each.param.name};
                         });

// From the first step to the last, as a host takes them.
TEST(CancelSteps, WhenTheStepsAreTakenThenItEndsAndNotBefore) {
  late_call late{.id = 1, .had_started = true, .since = start};
  auto now = start;
  int interruptions = 0;
  for (;;) {
    const auto next = next_step(late, patient, now);
    if (next.what == kill)
      break;
    if (next.what == interrupt) {
      ++interruptions;
      ++late.interruptions;
      late.interrupted = now;
    }
    ASSERT_GT(next.again, now) << "it would be asked for ever";
    now = next.again;
  }
  EXPECT_EQ(now - start, grace_of(late, patient));
  EXPECT_EQ(interruptions, 1 + 2'000 / 50);
}

} // namespace snakebridge::testing
