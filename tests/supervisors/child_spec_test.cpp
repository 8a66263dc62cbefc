// What a spec says and what is refused: SUPERVISION.md scenarios 6 and 7.
#include "supervisors/child_spec.hpp"

#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace snakebridge::testing {

namespace {

using std::chrono::milliseconds;

child_factory nothing = [](caf::event_based_actor*) {
  return caf::expected<caf::actor>{supervisor_errc::declined};
};

child_spec good(const std::string& id = "a") {
  return {.id = id, .start = nothing};
}

struct bad_child {
  const char* name;
  supervisor_errc expected;
  void (*spoil)(child_spec&);
};

struct bad_supervisor {
  const char* name;
  supervisor_errc expected;
  void (*spoil)(supervisor_spec&);
};

class BadChildSpec : public ::testing::TestWithParam<bad_child> {};
class BadSupervisorSpec : public ::testing::TestWithParam<bad_supervisor> {};

const bad_child bad_children[] = {
  {"Id", supervisor_errc::missing_id, [](child_spec& s) { s.id = ""; }},
  {"Start", supervisor_errc::missing_start,
   [](child_spec& s) { s.start = nullptr; }},
  {"RestartType", supervisor_errc::bad_restart_type,
   [](child_spec& s) { s.restart = static_cast<restart_type>(3); }},
  {"Shutdown", supervisor_errc::bad_shutdown,
   [](child_spec& s) { s.shutdown = milliseconds{-1}; }},
  {"ChildType", supervisor_errc::bad_child_type,
   [](child_spec& s) { s.type = static_cast<child_type>(2); }},
  {"UpTimeout", supervisor_errc::bad_up_timeout,
   [](child_spec& s) { s.up_timeout = milliseconds{-1}; }},
  {"PermanentAndSignificant", supervisor_errc::permanent_significant,
   [](child_spec& s) { s.significant = true; }},
  {"SignificantForNobody", supervisor_errc::never_significant,
   [](child_spec& s) {
     s.significant = true;
     s.restart = restart_type::transient;
   }},
};

const bad_supervisor bad_supervisors[] = {
  {"Strategy", supervisor_errc::bad_strategy,
   [](supervisor_spec& s) { s.strategy = static_cast<strategy>(4); }},
  {"Intensity", supervisor_errc::bad_intensity,
   [](supervisor_spec& s) { s.intensity = -1; }},
  {"PeriodOfZero", supervisor_errc::bad_period,
   [](supervisor_spec& s) { s.period = milliseconds{0}; }},
  {"NegativePeriod", supervisor_errc::bad_period,
   [](supervisor_spec& s) { s.period = milliseconds{-1}; }},
  {"AutoShutdown", supervisor_errc::bad_auto_shutdown,
   [](supervisor_spec& s) { s.auto_shutdown = static_cast<auto_shutdown>(3); }},
  {"BackoffOfLessThanNothing", supervisor_errc::bad_backoff,
   [](supervisor_spec& s) { s.backoff.minimum = milliseconds{-1}; }},
  {"BackoffBelowItsMinimum", supervisor_errc::bad_backoff,
   [](supervisor_spec& s) {
     s.backoff = {milliseconds{2}, milliseconds{1}};
   }},
  {"JitterBelowZero", supervisor_errc::bad_backoff,
   [](supervisor_spec& s) { s.backoff.jitter = -0.1; }},
  {"JitterAboveOne", supervisor_errc::bad_backoff,
   [](supervisor_spec& s) { s.backoff.jitter = 1.1; }},
  {"JitterThatIsNoNumber", supervisor_errc::bad_backoff,
   [](supervisor_spec& s) { s.backoff.jitter = std::nan(""); }},
  {"ResetAfter", supervisor_errc::bad_backoff,
   [](supervisor_spec& s) { s.backoff.reset_after = milliseconds{-1}; }},
  {"PermanentAndSignificant", supervisor_errc::permanent_significant,
   [](supervisor_spec& s) {
     s.auto_shutdown = auto_shutdown::any_significant;
     s.children = {good("a")};
     s.children[0].significant = true;
   }},
  {"PoolWithAutoShutdown", supervisor_errc::pool_auto_shutdown,
   [](supervisor_spec& s) {
     s.strategy = strategy::simple_one_for_one;
     s.auto_shutdown = auto_shutdown::any_significant;
     s.children = {good("a")};
   }},
  {"PoolWithSignificantChildren", supervisor_errc::never_significant,
   [](supervisor_spec& s) {
     s.strategy = strategy::simple_one_for_one;
     s.children = {good("a")};
     s.children[0].significant = true;
     s.children[0].restart = restart_type::temporary;
   }},
  {"IdTwice", supervisor_errc::duplicate_id,
   [](supervisor_spec& s) {
     s.children = {good("a"), good("b"), good("a")};
   }},
  {"ChildOption", supervisor_errc::missing_start,
   [](supervisor_spec& s) { s.children = {{.id = "a", .start = {}}}; }},
  {"PoolWithoutTemplate", supervisor_errc::pool_needs_one_spec,
   [](supervisor_spec& s) { s.strategy = strategy::simple_one_for_one; }},
  {"PoolOfTwoTemplates", supervisor_errc::pool_needs_one_spec,
   [](supervisor_spec& s) {
     s.strategy = strategy::simple_one_for_one;
     s.children = {good("a"), good("b")};
   }},
  {"PoolTemplateWithoutId", supervisor_errc::missing_id,
   [](supervisor_spec& s) {
     s.strategy = strategy::simple_one_for_one;
     s.children = {good("")};
   }},
};

const auto name_of = [](const auto& row) { return row.param.name; };

} // namespace

// SUPERVISION 6
TEST(ChildSpec, GivenOnlyAnIdAndAStartThenTheRestIsDefault) {
  auto spec = good();
  EXPECT_EQ(spec.restart, restart_type::permanent);
  EXPECT_EQ(spec.type, child_type::worker);
  EXPECT_EQ(shutdown_of(spec), shutdown_limit{milliseconds{5000}});
  EXPECT_EQ(spec.up_timeout, milliseconds{0});
  EXPECT_FALSE(spec.significant);
  EXPECT_FALSE(validate(spec));
}

// SUPERVISION 6
TEST(ChildSpec, WhenTheChildIsASupervisorThenItsShutdownTakesAnyTime) {
  auto spec = good();
  spec.type = child_type::supervisor;
  EXPECT_EQ(shutdown_of(spec), shutdown_limit{infinity});
  spec.shutdown = milliseconds{0};
  EXPECT_EQ(shutdown_of(spec), shutdown_limit{milliseconds{0}});
  spec.shutdown = brutal_kill;
  EXPECT_EQ(shutdown_of(spec), shutdown_limit{brutal_kill});
  EXPECT_FALSE(validate(spec));
}

// SUPERVISION 6
TEST(SupervisorSpec, GivenNothingThenItIsOneForOneWithOneRestartInFiveSeconds) {
  supervisor_spec spec;
  EXPECT_EQ(spec.strategy, strategy::one_for_one);
  EXPECT_EQ(spec.intensity, 1);
  EXPECT_EQ(spec.period, milliseconds{5000});
  EXPECT_EQ(spec.auto_shutdown, auto_shutdown::never);
  EXPECT_EQ(spec.backoff.minimum, milliseconds{0});
  EXPECT_FALSE(validate(spec));
}

// SUPERVISION 7
TEST_P(BadChildSpec, IsRefusedByName) {
  auto spec = good();
  GetParam().spoil(spec);
  auto refused = validate(spec);
  EXPECT_TRUE(is(refused, GetParam().expected)) << describe(refused);
}

// SUPERVISION 7
TEST_P(BadSupervisorSpec, IsRefusedByName) {
  supervisor_spec spec{.children = {}};
  GetParam().spoil(spec);
  auto refused = validate(spec);
  EXPECT_TRUE(is(refused, GetParam().expected)) << describe(refused);
}

INSTANTIATE_TEST_SUITE_P(Each, BadChildSpec, ::testing::ValuesIn(bad_children),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Each, BadSupervisorSpec,
                         ::testing::ValuesIn(bad_supervisors), name_of);

TEST(SupervisorSpec, GivenAPoolThenItsTemplateMayLeaveTheStartOpen) {
  supervisor_spec spec{.strategy = strategy::simple_one_for_one,
                       .children = {{.id = "session", .start = {}}}};
  EXPECT_FALSE(validate(spec));
}

TEST(SupervisorErrc, GivenAnyCodeThenItsErrorTellsItsNameAndText) {
  const auto last = static_cast<int>(supervisor_errc::pool_auto_shutdown);
  for (auto code = 1; code <= last; ++code) {
    auto refused = make_error(static_cast<supervisor_errc>(code), "why");
    EXPECT_NE(describe(refused), "unknown: why");
    EXPECT_TRUE(is(refused, static_cast<supervisor_errc>(code)));
    EXPECT_EQ(handle_in(refused), caf::actor{});
  }
}

} // namespace snakebridge::testing
