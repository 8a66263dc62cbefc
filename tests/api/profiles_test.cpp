// Timeout profiles: named by a call or a scope, by the library that is called,
// by the configuration. What they are is in tests/actors.
#include <snakebridge/actors.hpp>

#include <caf/scoped_actor.hpp>

#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

using ::testing::HasSubstr;

namespace {

// A day for all that is not brief.
sb::config with_profiles(sb::placement where) {
  auto wanted = one_pool(where);
  wanted.timeout = 24h;
  wanted.streams.timeout = 24h;
  wanted.profiles["brief"] = {.timeout = 30ms, .stream_timeout = 30ms};
  wanted.library_profiles = {{"zoo", "brief"}};
  return wanted;
}

} // namespace

class Profiles : public ::testing::TestWithParam<sb::placement> {
protected:
  void TearDown() override {
    ASSERT_TRUE(bridge.release_auto_session());
    EXPECT_TRUE(is_empty(bridge));
  }

  /// A call that ends when its time is over, whatever that is.
  static sb::errc wait(const sb::caller& by) {
    return code_of(by.eval("[0 for _ in iter(int, 1)]"));
  }

  template <class Answer, class Message>
  static sb::errc code_of_request(const caf::scoped_actor& self,
                                  const sb::session_actor& session,
                                  Message message) {
    sb::errc code{};
    self->request(session, patience, std::move(message))
      .receive(
        [](const Answer&) {},
        [&](const caf::error& failed) { code = sb::to_error(failed).code(); });
    return code;
  }

  sb::bridge bridge{with_profiles(GetParam())};
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Profiles);

TEST_P(Profiles, GivenOneThenItsTimeIsTheCalls) {
  EXPECT_EQ(wait(bridge.with({.profile = "brief"})),
            sb::errc::deadline_exceeded);
  EXPECT_EQ(bridge.with({.profile = "ml_inference"}).call("math", "sqrt", 16),
            4.0);
}

TEST_P(Profiles, GivenAScopeThenItHoldsUnlessTheCallNamesAnother) {
  const sb::runtime_scope in{{.profile = "brief"}};
  EXPECT_EQ(wait(bridge), sb::errc::deadline_exceeded);
  {
    const sb::runtime_scope inner{{.profile = "none"}};
    EXPECT_EQ(code_of(bridge.eval("1")), sb::errc::config_invalid);
    EXPECT_EQ(bridge.with({.profile = "default"}).eval("1"), 1);
  }
  // A timeout is nearer to the call than any profile.
  const auto given =
    error_of(bridge.with({.timeout = 1ms, .profile = "batch_job"})
               .eval("[0 for _ in iter(int, 1)]"));
  EXPECT_EQ(given.code(), sb::errc::deadline_exceeded);
}

// API.md: `runtime_scope` with all three.
TEST_P(Profiles, GivenAScopeOfTimeoutPoolAndProfileThenTheTimeoutWins) {
  const sb::runtime_scope in{
    {.timeout = 10min, .pool = "default", .profile = "brief"}};
  EXPECT_EQ(bridge.eval("sum(range(3_000_000)) > 0"), true);
}

TEST_P(Profiles, GivenAnObjectOfALibraryThatHasOneThenItsCallsHaveIt) {
  or_throw(bridge.exec("class Model:\n"
                       "  def train(self):\n"
                       "    for _ in iter(int, 1): pass\n"
                       "Model.__module__ = 'zoo.models'\n"));
  const auto model = or_throw(bridge.eval("Model()")).as<sb::ref>();
  EXPECT_EQ(model.type_name, "zoo.models.Model");
  EXPECT_EQ(code_of(bridge.method(model, "train")),
            sb::errc::deadline_exceeded);
}

TEST_P(Profiles, WhenNoneHasThatNameThenThoseThereAreAreTold) {
  const auto refused =
    error_of(bridge.with({.profile = "slow"}).call("math", "sqrt", 16));
  EXPECT_EQ(refused.code(), sb::errc::config_invalid);
  EXPECT_EQ(refused.message(),
            "profile = \"slow\": no such profile; there are batch_job, brief, "
            "default, ml_inference, streaming");
  auto later = bridge.async().with({.profile = "slow"}).eval("1");
  EXPECT_EQ(code_of(later.get()), sb::errc::config_invalid);
  auto items = bridge.with({.profile = "slow"}).stream("builtins", "range", 3);
  EXPECT_EQ(code_of(*items.next()), sb::errc::config_invalid);
}

TEST_P(Profiles, GivenAStreamThenItsItemsHaveTheProfilesTime) {
  or_throw(bridge.exec("def items():\n"
                       "  yield 1\n"
                       "  for _ in iter(int, 1): pass\n"
                       "  yield 2\n"));
  const auto items = or_throw(bridge.eval("[items]"))[0];
  const auto made =
    or_throw(bridge.with({.leaves = sb::leaves::all_refs}).call_object(items))
      .as<sb::ref>();
  auto stream = bridge.with({.timeout = 1h, .profile = "brief"}).stream(made);
  EXPECT_EQ(*stream.next(), 1);
  const auto late = error_of(*stream.next());
  EXPECT_EQ(late.code(), sb::errc::deadline_exceeded);
  EXPECT_THAT(late.message(), HasSubstr("within 30 ms, its stream_timeout"));
}

TEST_P(Profiles, GivenMessagesThenTheyNameTheirs) {
  const caf::scoped_actor self{bridge.system()};
  const auto session = sb::open_session(self.ptr(), bridge);
  const auto of_eval = [&](sb::eval_message message) {
    return code_of_request<sb::value>(self, session, std::move(message));
  };
  EXPECT_EQ(of_eval({.expression = "[0 for _ in iter(int, 1)]",
                     .options = {.profile = "brief"}}),
            sb::errc::deadline_exceeded);
  EXPECT_EQ(of_eval({.expression = "1", .options = {.profile = "slow"}}),
            sb::errc::config_invalid);
  EXPECT_EQ(code_of_request<sb::stream_actor>(
              self, session,
              sb::stream_message{.module = "builtins",
                                 .function = "range",
                                 .args = {3},
                                 .options = {.profile = "slow"}}),
            sb::errc::config_invalid);
}

TEST(DefaultProfile, GivenOneThenCallsThatNameNoneHaveIt) {
  auto wanted = with_profiles(sb::placement::embedded);
  wanted.default_profile = "brief";
  const sb::bridge bridge{wanted};
  EXPECT_EQ(code_of(bridge.eval("[0 for _ in iter(int, 1)]")),
            sb::errc::deadline_exceeded);
  EXPECT_EQ(bridge.with({.profile = "batch_job"}).eval("1"), 1);
}

TEST(DefaultProfile, WhenNoneHasThatNameThenNoBridgeStarts) {
  auto wanted = with_profiles(sb::placement::embedded);
  wanted.library_profiles["numpy"] = "slow";
  EXPECT_EQ(code_of(sb::bridge::start(wanted)), sb::errc::config_invalid);
}

} // namespace snakebridge::testing
