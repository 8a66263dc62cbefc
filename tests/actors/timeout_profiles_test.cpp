#include "actors/timeout_profiles.hpp"

#include <gtest/gtest.h>

#include "actors/session_core.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {

timeout_profiles profiles(config wanted = {}) {
  return timeout_profiles{or_throw(checked(std::move(wanted)))};
}

const operation sqrt_of{.what = verb::call, .module = "math", .name = "sqrt"};

operation method_of(std::string type_name) {
  return {.what = verb::method,
          .name = "f",
          .target = ref{.node = {},
                        .session = "a",
                        .interpreter = 1,
                        .epoch = 1,
                        .slot = 1,
                        .type_name = std::move(type_name)}};
}

/// A call's time and a stream's.
using both = std::pair<std::chrono::milliseconds, std::chrono::milliseconds>;

both times_of(const timeout_profiles& from, const operation& asked,
              const call_options& options = {}) {
  const auto found = or_throw(from.of(asked, options));
  return {found.timeout, found.stream_timeout};
}

} // namespace

// ORIGINAL 1.3
TEST(TimeoutProfiles, GivenNoneOfAUserThenThereAreThoseOfTheOriginal) {
  const auto all = profiles();
  EXPECT_EQ(times_of(all, sqrt_of), (both{2min, 30min}));
  EXPECT_EQ(times_of(all, sqrt_of, {.profile = "default"}),
            (both{2min, 30min}));
  EXPECT_EQ(times_of(all, sqrt_of, {.profile = "streaming"}),
            (both{2min, 30min}));
  EXPECT_EQ(times_of(all, sqrt_of, {.profile = "ml_inference"}),
            (both{10min, 30min}));
  EXPECT_EQ(times_of(all, sqrt_of, {.profile = "batch_job"}), (both{24h, 24h}));
}

TEST(TimeoutProfiles, GivenTimesOfAllCallsThenTheDefaultHasThem) {
  const auto all = profiles({.timeout = 7s, .streams = {.timeout = 9s}});
  EXPECT_EQ(times_of(all, sqrt_of), (both{7s, 9s}));
  EXPECT_EQ(times_of(all, sqrt_of, {.profile = "streaming"}),
            (both{2min, 30min}));
}

TEST(TimeoutProfiles, GivenProfilesOfAUserThenWhatTheyDoNotSayIsAsBefore) {
  const auto all =
    profiles({.timeout = 7s,
              .profiles = {{"mine", {.stream_timeout = 1s}},
                           {"default", {.timeout = 8s}},
                           {"ml_inference", {.timeout = 20min}}}});
  EXPECT_EQ(times_of(all, sqrt_of, {.profile = "mine"}), (both{7s, 1s}));
  EXPECT_EQ(times_of(all, sqrt_of), (both{8s, 30min}));
  EXPECT_EQ(times_of(all, sqrt_of, {.profile = "ml_inference"}),
            (both{20min, 30min}));
}

TEST(TimeoutProfiles, GivenALibraryOfOneThenItsCallsHaveIt) {
  const auto all = profiles({.library_profiles = {{"torch", "ml_inference"}},
                             .default_profile = "batch_job"});
  const both longer{10min, 30min};
  EXPECT_EQ(times_of(all, {.what = verb::call, .module = "torch"}), longer);
  EXPECT_EQ(times_of(all, {.what = verb::stream, .module = "torch.utils.data"}),
            longer);
  EXPECT_EQ(times_of(all, method_of("torch.nn.modules.linear.Linear")), longer);
  // A profile that is named wins.
  EXPECT_EQ(times_of(all, method_of("torch.Tensor"), {.profile = "default"}),
            (both{2min, 30min}));
  // All others have the default's.
  const both day{24h, 24h};
  EXPECT_EQ(times_of(all, {.what = verb::call, .module = "torchvision"}), day);
  EXPECT_EQ(times_of(all, method_of("torch")), day);
  EXPECT_EQ(times_of(all, {.what = verb::method, .target = "text"}), day);
  EXPECT_EQ(times_of(all, {.what = verb::evaluate, .name = "torch.f()"}), day);
}

TEST(TimeoutProfiles, WhenACallNamesNoneOfThemThenTheyAreTold) {
  const auto refused =
    profiles({.profiles = {{"mine", {}}}}).of(sqrt_of, {.profile = "slow"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), errc::config_invalid);
  EXPECT_EQ(refused.error().message(),
            "profile = \"slow\": no such profile; there are batch_job, "
            "default, mine, ml_inference, streaming");
}

class SessionOfProfiles : public ::testing::Test {
protected:
  const session_core session{
    std::make_shared<const pools>(std::vector<pool_config>{},
                                  std::make_shared<thread_timers>()),
    1, "a",
    session_rules{.streams = {.batch_items = 3},
                  .profiles =
                    std::make_shared<const timeout_profiles>(profiles())}};
};

TEST_F(SessionOfProfiles, GivenATimeoutThenItWinsOverTheProfile) {
  call_options explicit_time{.timeout = 5s, .profile = "ml_inference"};
  EXPECT_TRUE(session.set_time(sqrt_of, explicit_time));
  EXPECT_EQ(explicit_time.timeout, 5s);
  call_options by_profile{.profile = "ml_inference"};
  EXPECT_TRUE(session.set_time(sqrt_of, by_profile));
  EXPECT_EQ(by_profile.timeout, 10min);
  call_options unknown{.timeout = 5s, .profile = "slow"};
  EXPECT_FALSE(session.set_time(sqrt_of, unknown));
}

TEST_F(SessionOfProfiles, GivenAStreamThenOnlyItsTimeIsTheProfiles) {
  const auto rules = session.rules_of_stream(
    {.what = verb::stream, .module = "m"}, {.profile = "batch_job"});
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->timeout, 24h);
  EXPECT_EQ(rules->batch_items, 3U);
  EXPECT_FALSE(session.rules_of_stream(sqrt_of, {.profile = "slow"}));
}

} // namespace snakebridge::testing
