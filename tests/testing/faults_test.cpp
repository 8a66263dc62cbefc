// Plans of faults as data: what they refuse, and that a line brings one back.
#include <snakebridge/faults.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snakebridge::testing {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

static std::string refusal(std::string_view line) {
  const auto plan = faults::parse(line);
  if (plan)
    return "taken as " + plan->to_string();
  EXPECT_EQ(plan.error().code(), errc::config_invalid);
  return plan.error().message();
}

TEST(FaultPlan, WhenPrintedThenTheLineBringsItBack) {
  faults plan{18'446'744'073'709'551'615U};
  plan.at("call.lost_after", {.percent = 5})
    .at("channel.frame.corrupt", {.nth = 3, .byte = 24})
    .at("worker.start.slow", {.nth = 1, .time = 1500ms});
  EXPECT_EQ(plan.to_string(),
            "seed=18446744073709551615 call.lost_after:percent=5 "
            "channel.frame.corrupt:nth=3,byte=24 "
            "worker.start.slow:nth=1,time_ms=1500");
  const auto again = faults::parse(plan.to_string());
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(*again, plan);
  EXPECT_EQ(faults::parse("seed=0").value(), faults{});
}

TEST(FaultPlan, WhenALineIsNoPlanThenItIsRefusedByWhatIsWrong) {
  EXPECT_THAT(refusal(""), HasSubstr("'' is no seed=NUMBER"));
  EXPECT_THAT(refusal("seed="), HasSubstr("is no seed=NUMBER"));
  EXPECT_THAT(refusal("seed=-1"), HasSubstr("is no seed=NUMBER"));
  EXPECT_THAT(refusal("seed=18446744073709551616"), HasSubstr("is no seed"));
  EXPECT_THAT(refusal("seed=1 no.such:nth=1"),
              HasSubstr("no fault point is named 'no.such'; there are "
                        "worker.spawn.fail, "));
  EXPECT_THAT(refusal("seed=1  call.lost_after:nth=1"),
              HasSubstr("no fault point is named ''"));
  EXPECT_THAT(refusal("seed=1 call.lost_after"),
              HasSubstr("call.lost_after: give either nth or percent"));
  EXPECT_THAT(refusal("seed=1 call.lost_after:nth=1,percent=1"),
              HasSubstr("give either nth or percent"));
  EXPECT_THAT(refusal("seed=1 call.lost_after:percent=101"),
              HasSubstr("percent is 101, not 1 to 100"));
  EXPECT_THAT(refusal("seed=1 call.lost_after:nth=x"),
              HasSubstr("'nth=x' is no nth, percent, byte or time_ms"));
  EXPECT_THAT(refusal("seed=1 call.lost_after:nth=4294967296"),
              HasSubstr("'nth=4294967296' is no nth"));
  EXPECT_THAT(refusal("seed=1 call.lost_after:nth=1,byte=1048577"),
              HasSubstr("byte is 1048577, not 0 to 1048576"));
  EXPECT_THAT(refusal("seed=1 worker.start.slow:nth=1,time_ms=60001"),
              HasSubstr("time_ms is 60001, not 0 to 60000"));
  EXPECT_THAT(refusal("seed=1 " + std::string(5'000, 'x')),
              HasSubstr("at most 4096 bytes"));
}

TEST(FaultPlan, WhenAPointIsMadeUpThenItThrows) {
  faults plan;
  EXPECT_THROW(plan.at("no.such", {.nth = 1}), exception);
  EXPECT_THROW(plan.at("call.lost_after", {}), exception);
  EXPECT_THROW(plan.at("worker.start.slow", {.nth = 1, .time = -1ms}),
               exception);
  EXPECT_EQ(plan, faults{});
}

} // namespace snakebridge::testing
