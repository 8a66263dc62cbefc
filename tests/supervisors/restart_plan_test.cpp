// Who is restarted, row by row of the table: SUPERVISION.md scenarios 8 to 11,
// 14, 18 and 40, without an actor.
#include "supervisors/restart_plan.hpp"

#include <caf/exit_reason.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>

#include <gtest/gtest.h>

namespace snakebridge::testing {

namespace {

using positions = std::vector<std::size_t>;

constexpr auto permanent = restart_type::permanent;
constexpr auto transient = restart_type::transient;
constexpr auto temporary = restart_type::temporary;

const caf::error normal;
const caf::error shutdown = caf::make_error(caf::exit_reason::user_shutdown);
const caf::error shutdown_with_text{
  static_cast<std::uint8_t>(caf::exit_reason::user_shutdown), caf::atom("exit"),
  caf::make_message(std::string{"gave up"})};
const caf::error crash = caf::sec::runtime_error;
const caf::error killed = caf::make_error(caf::exit_reason::kill);
const caf::error unreachable =
  caf::make_error(caf::exit_reason::remote_link_unreachable);
const caf::error foreign{4, caf::atom("other")};

enum class fate { restarted, kept, forgotten };

struct table_row {
  restart_type type;
  const caf::error& reason;
  fate expected;
};

const table_row table[] = {
  {permanent, normal, fate::restarted},
  {permanent, shutdown, fate::restarted},
  {permanent, shutdown_with_text, fate::restarted},
  {permanent, crash, fate::restarted},
  {permanent, killed, fate::restarted},
  {transient, normal, fate::kept},
  {transient, shutdown, fate::kept},
  {transient, shutdown_with_text, fate::kept},
  {transient, crash, fate::restarted},
  {transient, killed, fate::restarted},
  {transient, unreachable, fate::restarted},
  {transient, foreign, fate::restarted},
  {temporary, normal, fate::forgotten},
  {temporary, shutdown, fate::forgotten},
  {temporary, shutdown_with_text, fate::forgotten},
  {temporary, crash, fate::forgotten},
  {temporary, killed, fate::forgotten},
};

class RestartTable : public ::testing::TestWithParam<table_row> {};

restart_plan plan_of(fate expected) {
  switch (expected) {
  case fate::restarted:
    return {.restarts = true, .start = {0}};
  case fate::forgotten:
    return {.forget = {0}};
  case fate::kept:
    break;
  }
  return {};
}

std::vector<planned_child> five_running() {
  return std::vector<planned_child>(5);
}

} // namespace

// One child alone, so every strategy but the pool's agrees.
// SUPERVISION 8, 9, 10
TEST_P(RestartTable, SaysWhatBecomesOfTheChild) {
  std::vector<planned_child> children{{GetParam().type, false}};
  auto expected = plan_of(GetParam().expected);
  for (auto how :
       {strategy::one_for_one, strategy::one_for_all, strategy::rest_for_one})
    EXPECT_EQ(plan_restart(how, children, 0, GetParam().reason), expected);
}

// In a pool nobody could restart a child that is merely kept.
// SUPERVISION 17, 18
TEST_P(RestartTable, InAPoolForgetsWhatIsNotRestarted) {
  std::vector<planned_child> children{{GetParam().type, false}};
  auto expected = GetParam().expected == fate::restarted
                    ? plan_of(fate::restarted)
                    : plan_of(fate::forgotten);
  EXPECT_EQ(
    plan_restart(strategy::simple_one_for_one, children, 0, GetParam().reason),
    expected);
}

INSTANTIATE_TEST_SUITE_P(EachRow, RestartTable, ::testing::ValuesIn(table));

TEST(RestartPlan, GivenShutdownOfAnotherCategoryThenItIsACrash) {
  EXPECT_EQ(end_kind_of(foreign), end_kind::crashed);
  EXPECT_EQ(end_kind_of(shutdown), end_kind::shutdown);
  EXPECT_EQ(end_kind_of(normal), end_kind::normal);
  EXPECT_EQ(end_kind_of(killed), end_kind::killed);
}

// SUPERVISION 12
TEST(RestartPlan, GivenOneForOneThenNobodyElseIsTouched) {
  auto children = five_running();
  children[2].running = false;
  auto plan = plan_restart(strategy::one_for_one, children, 2, crash);
  EXPECT_EQ(plan, (restart_plan{.restarts = true, .start = {2}}));
}

// SUPERVISION 13
TEST(RestartPlan, GivenOneForAllThenAllStopInReverseAndStartInOrder) {
  auto children = five_running();
  children[2].running = false;
  auto plan = plan_restart(strategy::one_for_all, children, 2, crash);
  EXPECT_TRUE(plan.restarts);
  EXPECT_EQ(plan.stop, (positions{4, 3, 1, 0}));
  EXPECT_EQ(plan.start, (positions{0, 1, 2, 3, 4}));
  EXPECT_EQ(plan.forget, positions{});
}

// SUPERVISION 14
TEST(RestartPlan, GivenRestForOneThenOnlyThoseStartedLaterFollow) {
  auto children = five_running();
  children[2].running = false;
  auto plan = plan_restart(strategy::rest_for_one, children, 2, crash);
  EXPECT_TRUE(plan.restarts);
  EXPECT_EQ(plan.stop, (positions{4, 3}));
  EXPECT_EQ(plan.start, (positions{2, 3, 4}));
}

// SUPERVISION 11
TEST(RestartPlan, WhenABystanderIsTemporaryThenItIsStoppedAndForgotten) {
  std::vector<planned_child> children{
    {permanent, true}, {permanent, false}, {temporary, true}};
  for (auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    auto plan = plan_restart(how, children, 1, crash);
    EXPECT_EQ(plan.stop.front(), 2u);
    EXPECT_EQ(plan.forget, (positions{2}));
    EXPECT_EQ(plan.start.back(), 1u);
  }
}

// SUPERVISION 10
TEST(RestartPlan, WhenATemporaryChildEndsThenItsGroupIsLeftAlone) {
  std::vector<planned_child> children{
    {permanent, true}, {temporary, false}, {permanent, true}};
  for (auto how : {strategy::one_for_all, strategy::rest_for_one})
    EXPECT_EQ(plan_restart(how, children, 1, crash),
              (restart_plan{.forget = {1}}));
}

// SUPERVISION 18
TEST(RestartPlan, WhenAGroupRestartsThenKeptChildrenThatHadEndedStartToo) {
  std::vector<planned_child> children{
    {transient, false}, {permanent, false}, {permanent, true}};
  auto plan = plan_restart(strategy::one_for_all, children, 1, killed);
  EXPECT_EQ(plan.stop, (positions{2}));
  EXPECT_EQ(plan.start, (positions{0, 1, 2}));
}

// SUPERVISION 15, 16
TEST(RestartPlan, WhenARestartFailedThenTheRetryIsAimedAtTheOneThatFailed) {
  std::vector<planned_child> children{
    {permanent, true}, {transient, false}, {permanent, false}};
  auto all = plan_retry(strategy::one_for_all, children, 1);
  EXPECT_EQ(all.stop, (positions{0}));
  EXPECT_EQ(all.start, (positions{0, 1, 2}));
  auto rest = plan_retry(strategy::rest_for_one, children, 1);
  EXPECT_EQ(rest.stop, positions{});
  EXPECT_EQ(rest.start, (positions{1, 2}));
}

namespace {

struct shutdown_row {
  const char* name;
  auto_shutdown when;
  std::vector<planned_child> children; ///< the first one ends
  const caf::error& reason;
  bool ends;
};

constexpr planned_child ended(restart_type type, bool significant = true) {
  return {type, false, significant};
}

constexpr planned_child other(bool running, bool significant = true,
                              bool restarting = false) {
  return {transient, running, significant, restarting};
}

constexpr auto any = auto_shutdown::any_significant;
constexpr auto all = auto_shutdown::all_significant;

const shutdown_row shutdowns[] = {
  {"NeverMeansNever", auto_shutdown::never, {ended(temporary)}, crash, false},
  {"AnyAtATemporaryCrash", any, {ended(temporary), other(true)}, crash, true},
  {"AnyAtATemporaryEnd", any, {ended(temporary), other(true)}, normal, true},
  {"AnyAtATransientEnd", any, {ended(transient), other(true)}, normal, true},
  {"AnyAtATransientShutdown", any, {ended(transient)}, shutdown, true},
  {"AnyNotWhereItRestarts", any, {ended(transient)}, crash, false},
  {"AnyNotWhereItIsKilled", any, {ended(transient)}, killed, false},
  {"AnyNotForABystander",
   any,
   {ended(temporary, false), other(true)},
   crash,
   false},
  {"AllNotWhileOneRuns", all, {ended(temporary), other(true)}, normal, false},
  {"AllNotWhileOneReturns",
   all,
   {ended(temporary), other(false, true, true)},
   normal,
   false},
  {"AllWithTheLast", all, {ended(temporary), other(false)}, normal, true},
  {"AllWhateverBystandersDo",
   all,
   {ended(transient), other(true, false)},
   normal,
   true},
  {"AllNotForABystander",
   all,
   {ended(temporary, false), other(false)},
   crash,
   false},
  {"AllNotWhereItRestarts", all, {ended(transient)}, crash, false},
};

class AutoShutdown : public ::testing::TestWithParam<shutdown_row> {};

} // namespace

// SUPERVISION 40
TEST_P(AutoShutdown, FollowsASignificantEndForGood) {
  for (auto how :
       {strategy::one_for_one, strategy::one_for_all, strategy::rest_for_one}) {
    auto plan = plan_restart(how, GetParam().children, 0, GetParam().reason,
                             GetParam().when);
    EXPECT_EQ(plan.ends, GetParam().ends);
    EXPECT_FALSE(plan.ends && plan.restarts);
  }
}

INSTANTIATE_TEST_SUITE_P(EachRow, AutoShutdown, ::testing::ValuesIn(shutdowns),
                         [](const auto& row) { return row.param.name; });

// SUPERVISION 40
TEST(RestartPlan, WhenAnotherReturnsThenSoDoesWhoIsInItsGroup) {
  const auto ends = [](strategy how, std::vector<planned_child> children) {
    return plan_restart(how, children, 0, normal, all).ends;
  };
  const auto waits = other(false, false, true);
  const auto first = ended(transient);
  EXPECT_TRUE(ends(strategy::one_for_one, {first, waits, other(false)}));
  EXPECT_FALSE(ends(strategy::one_for_all, {first, other(false), waits}));
  EXPECT_FALSE(ends(strategy::rest_for_one, {first, waits, other(false)}));
  EXPECT_TRUE(ends(strategy::rest_for_one, {first, other(false), waits}));
  // The one that has ended is of that group, too, unless it is temporary.
  EXPECT_FALSE(ends(strategy::one_for_all, {first, waits}));
  EXPECT_TRUE(ends(strategy::one_for_all, {ended(temporary), waits}));
}

} // namespace snakebridge::testing
