// A call that any interpreter of its pool may run: the first that is free does.
#include "tests/runtime/calls/any_fixture.hpp"

#include <algorithm>

#include <gmock/gmock.h>

namespace snakebridge::testing {

using ::testing::Contains;
using ::testing::ElementsAre;

class DispatcherAny : public any_fixture {};

TEST_F(DispatcherAny, GivenOneThatIsFreeThenItRunsWhatWouldWait) {
  attach(1);
  attach(2);
  auto held = submit("hold", at(1));
  auto any = submit("echo", anywhere);
  EXPECT_EQ(value_of(answer_of(any)), value{"echo"});
  EXPECT_THAT(happened.take(),
              ElementsAre("1:call:fake.hold", "2:call:fake.echo"));
  EXPECT_THAT(calls->places_of(gate->number), ElementsAre(1U, 2U));
  EXPECT_EQ(facts(1).calls, 1U);
  EXPECT_EQ(facts(2).calls, 1U);
  host(1).finish({});
}

TEST_F(DispatcherAny, WhenOneBecomesFreeThenItRunsOnlyWhatAnyMay) {
  attach(1);
  attach(2);
  auto here = submit("hold", at(1));
  auto there = submit("hold", at(2));
  auto pinned = submit("named", at(1));
  auto any = submit("echo", anywhere);
  EXPECT_FALSE(is_over(any));
  EXPECT_TRUE(host(2).finish({}));
  EXPECT_EQ(value_of(answer_of(any)), value{"echo"});
  EXPECT_FALSE(is_over(pinned));
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_TRUE(is_over(pinned));
}

// Of what waits for one alone and what any may run, each has its turn.
TEST_F(DispatcherAny, GivenBothKindsThenTheyAreRunInTurn) {
  attach(1, {.accepted_max = 1});
  auto here = submit("hold", at(1));
  const auto other = std::make_shared<session_gate>(2, "b");
  std::vector<std::string> order;
  const auto add = [&](const auto& session, const std::string& name,
                       destination to) {
    calls->submit(std::make_shared<exchange>(
      asking(verb::call, "fake", "echo", name), session, in_time(), to,
      [&order, name](const auto&) { order.push_back(name); }));
  };
  add(gate, "a1", at(1));
  add(gate, "a2", at(1));
  add(other, "b1", anywhere);
  add(other, "b2", anywhere);
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_THAT(order, ElementsAre("a1", "b1", "a2", "b2"));
  other->closed = true;
  calls->release(other->number);
}

TEST_F(DispatcherAny, WhenItsHomeIsFreeFirstThenThatRunsIt) {
  attach(1);
  attach(2);
  auto here = submit("hold", at(1));
  auto there = submit("hold", at(2));
  auto any = submit("echo", anywhere);
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_EQ(value_of(answer_of(any)), value{"echo"});
  EXPECT_TRUE(host(2).finish({}));
}

TEST_F(DispatcherAny, WhenItsHomeDiesThenAnotherRunsIt) {
  attach(1);
  attach(2);
  auto here = submit("hold", at(1));
  auto there = submit("hold", at(2));
  auto any = submit("echo", anywhere);
  auto pinned = submit("echo", at(1));
  host(1).die("crash");
  EXPECT_FALSE(is_over(any));
  EXPECT_TRUE(host(2).finish({}));
  EXPECT_EQ(value_of(answer_of(any)), value{"echo"});
  EXPECT_FALSE(is_over(pinned));
  attach(1);
  EXPECT_EQ(value_of(answer_of(pinned)), value{"echo"});
}

TEST_F(DispatcherAny, WhenOneComesBackThenItRunsWhatWaits) {
  attach(1);
  auto here = submit("hold", at(1));
  auto any = submit("echo", anywhere);
  EXPECT_FALSE(is_over(any));
  attach(2);
  EXPECT_EQ(value_of(answer_of(any)), value{"echo"});
  host(1).finish({});
}

TEST_F(DispatcherAny, WhenItRunsElsewhereThenItsDeadlineHoldsThere) {
  attach(1);
  attach(2);
  auto here = submit("hold", at(1));
  auto late = submit("hold", anywhere, clock->now() + 300ms);
  EXPECT_EQ(host(2).runs(), "fake.hold");
  clock->advance(300ms);
  const auto told = answer_of(late);
  EXPECT_EQ(code_of(told), errc::deadline_exceeded);
  EXPECT_TRUE(told.error().may_have_run());
  EXPECT_THAT(happened.take(), Contains("2:abandon:fake.hold"));
}

TEST_F(DispatcherAny, WhenItRunsElsewhereThenItIsCancelledThere) {
  attach(1);
  attach(2);
  auto here = submit("hold", at(1));
  cancel_source stop;
  auto any = submit("hold", anywhere, in_time(), stop.token());
  EXPECT_EQ(host(2).runs(), "fake.hold");
  stop.cancel();
  const auto told = answer_of(any);
  EXPECT_EQ(code_of(told), errc::cancelled);
  EXPECT_TRUE(told.error().may_have_run());
}

TEST_F(DispatcherAny, WhenItIsCancelledInLineThenItNeverRan) {
  cancel_source stop;
  auto any = submit("echo", anywhere, in_time(), stop.token());
  EXPECT_EQ(facts(1).waiting + facts(2).waiting, 1U);
  stop.cancel();
  const auto told = answer_of(any);
  EXPECT_EQ(code_of(told), errc::cancelled);
  EXPECT_FALSE(told.error().may_have_run());
  EXPECT_EQ(facts(1).waiting + facts(2).waiting, 0U);
}

TEST_F(DispatcherAny, WhenItsSessionEndsThenItEndsWhereItIs) {
  attach(1);
  attach(2);
  auto here = submit("hold", at(1));
  auto there = submit("hold", anywhere);
  auto waits = submit("echo", anywhere);
  happened.take();
  end_session();
  EXPECT_EQ(code_of(answer_of(waits)), errc::session_closed);
  EXPECT_THAT(happened.take(),
              ElementsAre("1:withdraw:fake.hold", "2:withdraw:fake.hold",
                          "1:release:a", "2:release:a"));
}

TEST_F(DispatcherAny, GivenAThreadThatWaitsThenItHasTheAnswerFromThere) {
  attach(1);
  attach(2);
  auto here = submit("hold", at(1));
  EXPECT_EQ(value_of(calls->run(asking(verb::call, "fake", "echo", 3), gate,
                                in_time(), anywhere)),
            value{3});
  EXPECT_EQ(facts(2).calls, 1U);
  const auto late = calls->run(asking(verb::call, "fake", "hold"), gate,
                               clock->now() + 300ms, anywhere);
  EXPECT_EQ(code_of(late), errc::deadline_exceeded);
  EXPECT_TRUE(late.error().may_have_run());
}

TEST_F(DispatcherAny, GivenOneThatLeavesThenItTakesNothing) {
  attach(1);
  attach(2);
  auto here = submit("hold", at(1));
  calls->leave(2);
  auto waits = submit("echo", anywhere);
  calls->pump(2);
  EXPECT_FALSE(is_over(waits));
  EXPECT_EQ(facts(2).host.running, 0U);
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
}

TEST_F(DispatcherAny, WhenItComesBackThenItTakesWhatWaits) {
  attach(1);
  attach(2);
  auto here = submit("hold", at(1));
  calls->leave(2);
  auto waits = submit("echo", anywhere);
  calls->bring_back(2);
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
  host(1).finish({});
}

TEST_F(DispatcherAny, WhenTheOtherDiesBeforeItStartsThenItMovesOn) {
  attach(1);
  attach(2, {.ends_at_once = false});
  auto here = submit("hold", at(1));
  host(2).kill("it is about to go");
  auto waits = submit("echo", anywhere);
  EXPECT_FALSE(is_over(waits)) << "that one takes no more calls";
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
  host(2).end();
}

TEST_F(DispatcherAny, GivenOneThatIsToBeReplacedThenItTakesNothing) {
  attach(1);
  attach(2);
  auto there = submit("echo", at(2));
  EXPECT_TRUE(calls->look_if_due(2, {.calls = 1}, 0ms));
  auto here = submit("hold", at(1));
  auto waits = submit("echo", anywhere);
  EXPECT_FALSE(is_over(waits));
  attach(2);
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
  EXPECT_TRUE(host(1).finish({}));
}

TEST_F(DispatcherAny, GivenOneThatIsToBeReplacedThenItTakesWhatBeganThere) {
  attach(1);
  attach(2);
  EXPECT_EQ(value_of(answer_of(submit("echo", anywhere))), value{"echo"});
  EXPECT_EQ(happened.take(), (std::vector<std::string>{"1:call:fake.echo"}));
  EXPECT_TRUE(calls->look_if_due(1, {.calls = 1}, 0ms));
  auto here = submit("hold", at(1));
  auto there = submit("hold", at(2));
  auto waits = submit("echo", anywhere);
  EXPECT_FALSE(is_over(waits));
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
  EXPECT_TRUE(host(2).finish({}));
}

TEST_F(DispatcherAny, WhenWhatIsToTakeItsPlaceHasDiedThenItServesOn) {
  attach(1);
  const auto epoch = calls->successor_epoch(1);
  const auto successor =
    std::make_shared<fake_host>(incarnation{"test", 1, epoch});
  successor->start(
    {.on_ready = [] {}, .on_room = [] {}, .on_end = [](const host_end&) {}});
  successor->die("it died before its turn");
  EXPECT_EQ(calls->replace(1, successor, epoch), dispatcher::replacement::used);
  EXPECT_EQ(value_of(answer_of(submit("echo", at(1)))), value{"echo"});
}

TEST_F(DispatcherAny, GivenThatAllAreToBeReplacedThenTheyServeAllTheSame) {
  attach(1);
  attach(2);
  for (const auto each : {1U, 2U}) {
    submit("echo", at(each));
    EXPECT_TRUE(calls->look_if_due(each, {.calls = 1}, 0ms));
  }
  auto here = submit("hold", at(1));
  auto there = submit("hold", at(2));
  auto waits = submit("echo", anywhere);
  EXPECT_TRUE(host(2).finish({}));
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
  EXPECT_TRUE(host(1).finish({}));
}

TEST_F(DispatcherAny, WhenOneIsRetiredThenItsSessionsChooseAnother) {
  attach(1);
  attach(2);
  auto first = submit("echo", {});
  EXPECT_EQ(facts(1).calls, 1U);
  calls->leave(1);
  auto stays = submit("echo", {});
  EXPECT_EQ(facts(1).calls, 2U) << "it is the session's as long as it is there";
  calls->retire(1, clock->now());
  auto moves = submit("echo", {});
  EXPECT_EQ(value_of(answer_of(moves)), value{"echo"});
  EXPECT_EQ(facts(2).calls, 1U);
  auto stale = submit("echo", {.interpreter = 1, .epoch = 1});
  EXPECT_EQ(code_of(answer_of(stale)), errc::ref_stale);
}

// It had been chosen because nothing else could run the call.
TEST_F(DispatcherAny, WhenTheLastThatIsNotDueLeavesThenTheOthersTakeWhatWaits) {
  attach(1);
  attach(2);
  submit("echo", at(1));
  EXPECT_TRUE(calls->look_if_due(1, {.calls = 1}, 0ms));
  auto pinned = submit("hold", at(1));
  auto there = submit("hold", at(2));
  auto waits = submit("echo", anywhere);
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_FALSE(is_over(waits)) << "it waits for the one that is not due";
  calls->leave(2);
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
  EXPECT_TRUE(host(2).finish({}));
}

TEST_F(DispatcherAny, WhenTheLastBecomesDueThenTheOthersTakeWhatWaits) {
  attach(1);
  attach(2);
  submit("echo", at(1));
  EXPECT_TRUE(calls->look_if_due(1, {.calls = 1}, 0ms));
  auto pinned = submit("hold", at(1));
  auto there = submit("hold", at(2));
  auto waits = submit("echo", anywhere);
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_FALSE(is_over(waits));
  EXPECT_TRUE(calls->look_if_due(2, {.calls = 1}, 0ms));
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
  EXPECT_TRUE(host(2).finish({}));
}

// A session's end and its first call, in this order under the lock.
TEST_F(DispatcherAny, WhenASessionEndsAsItsCallIsTakenThenItIsFoundThere) {
  class late_host final : public fake_host {
  public:
    late_host(incarnation self, std::shared_ptr<session_gate> gate)
        : fake_host{std::move(self)},
          gate_{std::move(gate)} {}
    bool accept(const exchange_ptr& taken) override {
      gate_->closed = true;
      return fake_host::accept(taken);
    }

  private:
    const std::shared_ptr<session_gate> gate_;
  };
  attach(1);
  auto at_home = submit("hold", {});
  const auto made =
    std::make_shared<late_host>(incarnation{"test", 2, 1}, gate);
  calls->next_epoch(2);
  made->start({.on_ready = [&] { calls->attach(2, made); },
               .on_room = [&] { calls->pump(2); },
               .on_end = [](const host_end&) {}});
  auto made_late = submit("object", anywhere);
  EXPECT_TRUE(value_of(answer_of(made_late)).is_ref());
  EXPECT_EQ(made->live_objects(), 1U);
  calls->release(gate->number);
  EXPECT_EQ(made->live_objects(), 0U);
  EXPECT_TRUE(host(1).finish({}));
}

TEST_F(DispatcherAny, GivenATokenThatIsCancelledThenNoTimerStays) {
  cancel_source stop;
  stop.cancel();
  auto never = submit("echo", anywhere, in_time(), stop.token());
  EXPECT_EQ(code_of(answer_of(never)), errc::cancelled);
  EXPECT_EQ(clock->pending(), 0U);
}

// The one with the most calls in line is not the one that fills this line.
TEST_F(DispatcherAny, GivenThatOneIsFullThenItsOwnLineGivesWay) {
  std::vector<promised> anyone;
  for (int i = 0; i < 7; ++i)
    anyone.push_back(submit("echo", anywhere));
  std::vector<std::shared_ptr<session_gate>> others;
  std::vector<promised> pinned;
  const auto add = [&](const std::shared_ptr<session_gate>& session) {
    auto told = std::make_shared<std::promise<result<value>>>();
    calls->submit(std::make_shared<exchange>(
      asking(verb::call, "fake", "echo"), session, in_time(), at(1),
      [told](result<value> got) { told->set_value(std::move(got)); }));
    pinned.push_back(told->get_future());
  };
  for (std::uint64_t number = 2; number < 7; ++number)
    others.push_back(std::make_shared<session_gate>(number, "another"));
  for (int twice = 0; twice < 2; ++twice)
    for (std::size_t each = 0; each < 4; ++each)
      add(others[each]);
  add(others.back());
  EXPECT_EQ(std::count_if(pinned.begin(), pinned.end(), is_over), 1);
  EXPECT_FALSE(is_over(pinned.back()));
  EXPECT_EQ(std::count_if(anyone.begin(), anyone.end(), is_over), 0);
  for (const auto& each : others) {
    each->closed = true;
    calls->release(each->number);
  }
}

TEST_F(DispatcherAny, GivenFullLinesThenTheLongestOfThemGivesWay) {
  std::vector<promised> mine;
  for (int i = 0; i < 16; ++i)
    mine.push_back(submit("echo", anywhere));
  auto over = submit("echo", anywhere);
  EXPECT_EQ(code_of(answer_of(over)), errc::overloaded);
  const auto other = std::make_shared<session_gate>(2, "b");
  calls->submit(std::make_shared<exchange>(asking(verb::call, "fake", "echo"),
                                           other, in_time(), anywhere,
                                           [](const auto&) {}));
  EXPECT_EQ(code_of(answer_of(mine.back())), errc::overloaded);
  mine.pop_back();
  other->closed = true;
  calls->release(other->number);
  attach(2);
  for (auto& each : mine)
    EXPECT_EQ(value_of(answer_of(each)), value{"echo"});
}

} // namespace snakebridge::testing
