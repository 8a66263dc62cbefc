// Which variables workers are given.
#include "runtime/hosts/worker_environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snakebridge::testing {

namespace {

const std::vector<std::string> ours{
  "HOME=/root",      "LC_TIME=C",       "AWS_KEY=secret",   "AWS_REGION=here",
  "HF_TOKEN=secret", "PYTHONPATH=/a=b", "PATHOLOGY=unasked"};

using lines = std::vector<std::string>;

} // namespace

TEST(WorkerEnvironment, GivenNoPatternsThenOnlyWhatPythonNeedsIsPassed) {
  EXPECT_EQ(worker_environment(ours, {}, {}),
            (lines{"HOME=/root", "LC_TIME=C", "PYTHONPATH=/a=b"}));
}

TEST(WorkerEnvironment, GivenPatternsThenWhatFitsIsPassedToo) {
  EXPECT_THAT(worker_environment(ours, {"AWS_REGION"}, {}),
              ::testing::ElementsAre("HOME=/root", "LC_TIME=C",
                                     "AWS_REGION=here", "PYTHONPATH=/a=b"));
  EXPECT_THAT(worker_environment(ours, {"AWS_*"}, {}), ::testing::SizeIs(5));
  EXPECT_THAT(worker_environment(ours, {"*"}, {}), ::testing::SizeIs(7));
}

TEST(WorkerEnvironment, GivenValuesThenTheyStandOverWhatIsPassed) {
  EXPECT_EQ(worker_environment(ours, {}, {{"HOME", "/tmp"}, {"X", ""}}),
            (lines{"LC_TIME=C", "PYTHONPATH=/a=b", "HOME=/tmp", "X="}));
}

} // namespace snakebridge::testing
