// Between sessions and hosts: who waits, who runs, who is refused.
#include "tests/runtime/calls/dispatcher_fixture.hpp"

#include <gmock/gmock.h>

namespace snakebridge::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Dispatcher : public dispatcher_fixture {};

TEST_F(Dispatcher, GivenNoHostThenCallsWaitAndRunInOrderOnTheNext) {
  echo(a, "1");
  echo(b, "2");
  echo(a, "3");
  EXPECT_EQ(facts().waiting, 3u);
  EXPECT_EQ(facts().waiting + facts().host.running, 3u);
  attach();
  EXPECT_THAT(happened.take(),
              ElementsAre("start:1", "ready:1", "call:fake.echo", "1:answered",
                          "call:fake.echo", "2:answered", "call:fake.echo",
                          "3:answered"));
  EXPECT_EQ(facts().calls, 3u);
  EXPECT_EQ(facts().waiting, 0u);
}

// It was killed when it had just become ready, and hears of that late.
TEST_F(Dispatcher, WhenOneOfAnEarlierLifeIsReadyThenTheNextServesOn) {
  const auto killed = calls->next_epoch(number);
  const auto late = std::make_shared<fake_host>(
    incarnation{"test", number, killed}, fake_manners{},
    [this](std::string event) { happened.add("late:" + std::move(event)); });
  attach();
  happened.take();
  calls->attach(number, late, killed);
  EXPECT_EQ(value_of(a.run(fake("echo", 1))), value{1});
  EXPECT_THAT(happened.take(), ElementsAre("call:fake.echo"));
  calls->detach(number, late.get(), killed,
                {.why = error{errc::interpreter_died, "killed"}});
  EXPECT_EQ(value_of(a.run(fake("echo", 2))), value{2});
}

TEST_F(Dispatcher, WhenOneThatHasEndedIsReadyThenItDoesNotServe) {
  attach();
  const auto over = host->epoch();
  host->die("over");
  happened.take();
  calls->attach(number, host, over);
  echo(a, "waits");
  EXPECT_EQ(happened.take(), events{});
  EXPECT_EQ(facts().waiting, 1U);
}

TEST_F(Dispatcher, GivenAFullQueueThenOneMoreIsOverloaded) {
  for (int i = 0; i < 3; ++i)
    echo(a, std::to_string(i));
  EXPECT_EQ(happened.take(), events{});
  echo(a, "late");
  EXPECT_EQ(happened.take(), (events{"late:overloaded"}));
  const auto waited = a.run(fake("echo"));
  EXPECT_EQ(code_of(waited), errc::overloaded);
  EXPECT_THAT(waited.error().message(), HasSubstr("3 calls waiting"));
  attach();
  EXPECT_EQ(value_of(a.run(fake("echo", 1))), value{1}) << "room again";
}

// Or nobody would learn when its objects are gone.
TEST_F(Dispatcher, GivenAFullQueueThenTheEndOfASessionStillHasAPlace) {
  for (int i = 0; i < 3; ++i)
    echo(a, std::to_string(i));
  auto freed = b.submit({.what = verb::release_session});
  EXPECT_FALSE(is_over(freed));
  attach();
  EXPECT_TRUE(answer_of(freed));
}

// Or the objects would stay until their session ends.
TEST_F(Dispatcher, GivenAFullQueueThenTheReleaseOfObjectsStillHasAPlace) {
  for (int i = 0; i < 3; ++i)
    echo(a, std::to_string(i));
  auto freed = b.submit({.what = verb::release});
  EXPECT_FALSE(is_over(freed));
  attach();
  EXPECT_TRUE(answer_of(freed));
}

TEST_F(Dispatcher, GivenOneThatTakesNoCallsThenItStillFreesObjects) {
  attach();
  calls->hold(error{errc::pool_down, "drained"});
  EXPECT_EQ(code_of(a.run(fake("echo"))), errc::pool_down);
  EXPECT_TRUE(a.run({.what = verb::release}));
}

TEST_F(Dispatcher, GivenABusyHostThenItTakesNoMoreThanItsBound) {
  auto& serving = attach({.accepted_max = 2});
  auto held = a.submit(fake("hold"));
  for (int i = 0; i < 4; ++i)
    echo(a, std::to_string(i));
  EXPECT_EQ(serving.accepted(), 2u);
  EXPECT_EQ(facts().waiting, 3u);
  EXPECT_EQ(facts().waiting + facts().host.running, 5u);
  happened.take();
  EXPECT_TRUE(serving.finish("done"));
  EXPECT_EQ(value_of(answer_of(held)), value{"done"});
  EXPECT_THAT(happened.take(),
              ElementsAre("call:fake.echo", "0:answered", "call:fake.echo",
                          "1:answered", "call:fake.echo", "2:answered",
                          "call:fake.echo", "3:answered"));
}

TEST_F(Dispatcher, WhenYoungerCallsComeThenTheyDoNotOvertakeThoseThatWait) {
  auto& serving = attach({.accepted_max = 1});
  auto held = a.submit(fake("hold"));
  echo(a, "older");
  echo(b, "younger");
  happened.take();
  serving.finish({});
  EXPECT_THAT(happened.take(),
              ElementsAre("call:fake.echo", "older:answered", "call:fake.echo",
                          "younger:answered"));
}

TEST_F(Dispatcher, GivenASessionWithManyCallsThenAnotherHasItsTurn) {
  auto& serving = attach({.accepted_max = 1});
  auto held = a.submit(fake("hold"));
  echo(a, "first");
  echo(a, "second");
  echo(b, "other's");
  happened.take();
  serving.finish({});
  EXPECT_THAT(happened.take(),
              ElementsAre("call:fake.echo", "first:answered", "call:fake.echo",
                          "other's:answered", "call:fake.echo",
                          "second:answered"));
}

TEST_F(Dispatcher, GivenAQueueFullOfOneSessionThenItsLastCallGivesWay) {
  auto& serving = attach({.accepted_max = 1});
  auto held = a.submit(fake("hold"));
  for (const auto* each : {"1", "2", "3"})
    echo(a, each);
  happened.take();
  echo(b, "other's");
  EXPECT_EQ(happened.take(), (events{"3:overloaded"}));
  echo(b, "too many");
  EXPECT_EQ(happened.take(), (events{"too many:overloaded"}));
  serving.finish({});
  EXPECT_THAT(happened.take(),
              ElementsAre("call:fake.echo", "1:answered", "call:fake.echo",
                          "other's:answered", "call:fake.echo", "2:answered"));
}

TEST_F(Dispatcher, WhenAWaitingCallExpiresThenItNeverRan) {
  auto waiting = a.submit(fake("echo"), passed());
  const auto outcome = answer_of(waiting);
  EXPECT_EQ(code_of(outcome), errc::deadline_exceeded);
  EXPECT_FALSE(outcome.error().may_have_run());
  EXPECT_THAT(outcome.error().message(), HasSubstr("before it started"));
  const auto waited = a.run(fake("echo"), passed());
  EXPECT_EQ(code_of(waited), errc::deadline_exceeded);
  EXPECT_FALSE(waited.error().may_have_run());
  EXPECT_EQ(facts().waiting, 0u);
  attach();
  EXPECT_THAT(happened.take(), ElementsAre("start:1", "ready:1"));
}

TEST_F(Dispatcher, WhenARunningCallExpiresThenItMayHaveRun) {
  attach();
  // Long enough to be accepted: with a deadline that has passed it never is.
  const auto deadline = clock->now() + std::chrono::milliseconds{300};
  const auto waited = a.run(fake("hold"), deadline);
  EXPECT_EQ(code_of(waited), errc::deadline_exceeded);
  EXPECT_TRUE(waited.error().may_have_run());
  EXPECT_THAT(waited.error().message(), HasSubstr("while Python ran it"));
  EXPECT_EQ(happened.take().back(), "abandon:fake.hold");
  auto unwaited = b.submit(fake("echo", 1));
  EXPECT_TRUE(host->finish("too late for its caller"));
  EXPECT_EQ(value_of(answer_of(unwaited)), value{1});
}

TEST_F(Dispatcher, WhenAnAcceptedCallExpiresBeforeItsTurnThenItNeverRan) {
  attach();
  auto held = a.submit(fake("hold"));
  const auto late = a.run(fake("echo"), passed());
  EXPECT_EQ(code_of(late), errc::deadline_exceeded);
  EXPECT_FALSE(late.error().may_have_run());
  happened.take();
  host->finish({});
  EXPECT_EQ(happened.take(), events{}) << "the late call does not run";
}

TEST_F(Dispatcher, GivenAClosedSessionThenItsCallsAreRefused) {
  attach();
  a.close();
  const auto refused = a.run(fake("echo"));
  EXPECT_EQ(code_of(refused), errc::session_closed);
  EXPECT_THAT(refused.error().message(), HasSubstr("'a'"));
  echo(a, "1");
  EXPECT_EQ(happened.take().back(), "1:session_closed");
}

TEST_F(Dispatcher, WhenASessionEndsThenItsWaitingCallsAreAnswered) {
  echo(a, "mine");
  echo(b, "theirs");
  a.close();
  EXPECT_EQ(happened.take(), (events{"mine:session_closed"}));
  attach();
  EXPECT_EQ(happened.take().back(), "theirs:answered");
}

TEST_F(Dispatcher, WhenASessionEndsThenWhatItHasAndMakesIsFreedOnce) {
  auto& serving = attach();
  value_of(a.run(fake("object")));
  value_of(b.run(fake("object")));
  auto held = b.submit(fake("hold"));
  auto making = a.submit(fake("object"));
  EXPECT_EQ(serving.live_objects(), 2u);
  happened.take();
  a.close();
  a.close();
  EXPECT_EQ(happened.take(), (events{"release:a"}));
  EXPECT_EQ(serving.live_objects(a.number()), 0u);
  serving.finish({});
  EXPECT_TRUE(value_of(answer_of(making)).is_ref());
  EXPECT_EQ(serving.live_objects(a.number()), 0u);
  EXPECT_EQ(serving.live_objects(b.number()), 1u);
}

TEST_F(Dispatcher, GivenARefOfAnEndedIncarnationThenItIsStale) {
  attach();
  const auto old = value_of(a.run(fake("object")));
  host->die("gone");
  EXPECT_EQ(code_of(a.on(verb::repr, old)), errc::ref_stale)
    << "before the next one is there";
  attach();
  const auto stale = a.on(verb::repr, old);
  EXPECT_EQ(code_of(stale), errc::ref_stale);
  EXPECT_FALSE(stale.error().may_have_run());
  EXPECT_EQ(value_of(a.on(verb::repr, value_of(a.run(fake("object"))))),
            value{"<fake.object 1>"});
}

TEST_F(Dispatcher, GivenARefOfAnIncarnationToComeThenItIsStale) {
  attach();
  const value forged = ref{.node = {},
                           .session = "a",
                           .interpreter = 7,
                           .epoch = 9,
                           .slot = 1,
                           .type_name = "forged"};
  EXPECT_EQ(code_of(a.on(verb::repr, forged)), errc::ref_stale);
}

} // namespace snakebridge::testing
