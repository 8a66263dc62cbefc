// The queue between lanes and hosts, with a host that does what the test says.
#include "testing/fake_host.hpp"
#include "tests/support/host_fixture.hpp"
#include "tests/support/trace.hpp"

#include <gmock/gmock.h>

namespace snakebridge::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CallQueue : public ::testing::Test {
protected:
  /// Attaches the next incarnation.
  fake_host& attach(fake_manners how = {}) {
    const auto epoch = queue->next_epoch();
    host = std::make_shared<fake_host>(
      incarnation{"test", 7, epoch}, how,
      [this](std::string event) { happened.add(std::move(event)); });
    host->start({.on_ready = [this] { queue->attach(host); },
                 .on_room = [this] { queue->pump(); },
                 .on_end =
                   [this, epoch, which = host.get()](host_end end) {
                     queue->detach(which, epoch, std::move(end));
                   }});
    return *host;
  }

  static operation fake(const std::string& name, value argument = {}) {
    return asking(verb::call, "fake", name, std::move(argument));
  }
  /// Submits `fake.echo(text)`; its answer goes into the trace.
  void echo(test_session& from, const std::string& text) {
    from.submit(fake("echo", text), in_time(),
                [this, text](const result<value>& outcome) {
                  happened.add(text + ":"
                               + (outcome ? "answered"
                                          : std::string{to_string(
                                            outcome.error().code())}));
                });
  }
  static bool is_over(const promised& answer) {
    return answer.wait_for(0s) == std::future_status::ready;
  }

  trace happened;
  std::shared_ptr<timers> deadlines = std::make_shared<thread_timers>();
  std::shared_ptr<call_queue> queue =
    std::make_shared<call_queue>(7, 3, deadlines);
  std::shared_ptr<fake_host> host;
  test_session a{queue, "a"};
  test_session b{queue, "b"};
};

TEST_F(CallQueue, GivenNoHostThenCallsWaitAndRunInOrderOnTheNext) {
  echo(a, "1");
  echo(b, "2");
  echo(a, "3");
  EXPECT_EQ(queue->look().waiting, 3u);
  EXPECT_EQ(queue->load(), 3u);
  attach();
  EXPECT_THAT(happened.take(),
              ElementsAre("start:1", "ready:1", "call:fake.echo", "1:answered",
                          "call:fake.echo", "2:answered", "call:fake.echo",
                          "3:answered"));
  EXPECT_EQ(queue->look().calls, 3u);
  EXPECT_EQ(queue->look().waiting, 0u);
}

TEST_F(CallQueue, GivenAFullQueueThenOneMoreIsOverloaded) {
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

TEST_F(CallQueue, GivenABusyHostThenItTakesNoMoreThanItsBound) {
  auto& serving = attach({.accepted_max = 2});
  auto held = a.submit(fake("hold"));
  for (int i = 0; i < 4; ++i)
    echo(a, std::to_string(i));
  EXPECT_EQ(serving.accepted(), 2u);
  EXPECT_EQ(queue->look().waiting, 3u);
  EXPECT_EQ(queue->load(), 5u);
  happened.take();
  EXPECT_TRUE(serving.finish("done"));
  EXPECT_EQ(value_of(answer_of(held)), value{"done"});
  EXPECT_THAT(happened.take(),
              ElementsAre("call:fake.echo", "0:answered", "call:fake.echo",
                          "1:answered", "call:fake.echo", "2:answered",
                          "call:fake.echo", "3:answered"));
}

TEST_F(CallQueue, WhenYoungerCallsComeThenTheyDoNotOvertakeThoseThatWait) {
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

TEST_F(CallQueue, GivenASessionWithManyCallsThenAnotherHasItsTurn) {
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

TEST_F(CallQueue, GivenAQueueFullOfOneSessionThenItsLastCallGivesWay) {
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

TEST_F(CallQueue, WhenAWaitingCallExpiresThenItNeverRan) {
  auto waiting = a.submit(fake("echo"), passed());
  const auto outcome = answer_of(waiting);
  EXPECT_EQ(code_of(outcome), errc::deadline_exceeded);
  EXPECT_FALSE(outcome.error().may_have_run());
  EXPECT_THAT(outcome.error().message(), HasSubstr("before it started"));
  const auto waited = a.run(fake("echo"), passed());
  EXPECT_EQ(code_of(waited), errc::deadline_exceeded);
  EXPECT_FALSE(waited.error().may_have_run());
  EXPECT_EQ(queue->look().waiting, 0u);
  attach();
  EXPECT_THAT(happened.take(), ElementsAre("start:1", "ready:1"));
}

TEST_F(CallQueue, WhenARunningCallExpiresThenItMayHaveRun) {
  attach();
  // Long enough to be accepted: with a deadline that has passed it never is.
  const auto deadline = steady_clock::now() + std::chrono::milliseconds{300};
  const auto waited = a.run(fake("hold"), deadline);
  EXPECT_EQ(code_of(waited), errc::deadline_exceeded);
  EXPECT_TRUE(waited.error().may_have_run());
  EXPECT_THAT(waited.error().message(), HasSubstr("while Python ran it"));
  EXPECT_EQ(happened.take().back(), "abandon:fake.hold");
  auto unwaited = b.submit(fake("echo", 1));
  EXPECT_TRUE(host->finish("too late for its caller"));
  EXPECT_EQ(value_of(answer_of(unwaited)), value{1});
}

TEST_F(CallQueue, WhenAnAcceptedCallExpiresBeforeItsTurnThenItNeverRan) {
  attach();
  auto held = a.submit(fake("hold"));
  const auto late = a.run(fake("echo"), passed());
  EXPECT_EQ(code_of(late), errc::deadline_exceeded);
  EXPECT_FALSE(late.error().may_have_run());
  happened.take();
  host->finish({});
  EXPECT_EQ(happened.take(), events{}) << "the late call does not run";
}

TEST_F(CallQueue, GivenAClosedSessionThenItsCallsAreRefused) {
  attach();
  a.close();
  const auto refused = a.run(fake("echo"));
  EXPECT_EQ(code_of(refused), errc::session_closed);
  EXPECT_THAT(refused.error().message(), HasSubstr("'a'"));
  echo(a, "1");
  EXPECT_EQ(happened.take().back(), "1:session_closed");
}

TEST_F(CallQueue, WhenASessionEndsThenItsWaitingCallsAreAnswered) {
  echo(a, "mine");
  echo(b, "theirs");
  a.close();
  EXPECT_EQ(happened.take(), (events{"mine:session_closed"}));
  attach();
  EXPECT_EQ(happened.take().back(), "theirs:answered");
}

TEST_F(CallQueue, WhenASessionEndsThenWhatItHasAndMakesIsFreedOnce) {
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

TEST_F(CallQueue, GivenARefOfAnEndedIncarnationThenItIsStale) {
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

TEST_F(CallQueue, GivenARefOfAnIncarnationToComeThenItIsStale) {
  attach();
  const value forged = ref{.node = {},
                           .session = "a",
                           .interpreter = 7,
                           .epoch = 9,
                           .slot = 1,
                           .type_name = "forged"};
  EXPECT_EQ(code_of(a.on(verb::repr, forged)), errc::ref_stale);
}

TEST_F(CallQueue, WhenAHostDiesThenCallsItHadNotStartedRunOnTheNextInOrder) {
  attach({.accepted_max = 3});
  auto running = a.submit(fake("hold"));
  for (int i = 1; i <= 4; ++i)
    echo(a, std::to_string(i));
  happened.take();
  host->die("it crashed");
  const auto died = answer_of(running);
  EXPECT_EQ(code_of(died), errc::interpreter_died);
  EXPECT_TRUE(died.error().may_have_run());
  EXPECT_EQ(happened.take(), (events{"end"}));
  EXPECT_EQ(queue->look().deaths, 1u);
  EXPECT_EQ(queue->look().last_death->message(), "it crashed");
  attach();
  EXPECT_THAT(happened.take(),
              ElementsAre("start:2", "ready:2", "call:fake.echo", "1:answered",
                          "call:fake.echo", "2:answered", "call:fake.echo",
                          "3:answered", "call:fake.echo", "4:answered"));
}

// They stayed in the queue, and all later calls behind them.
TEST_F(CallQueue, WhenAHostEndsAfterTheNextIsUpThenItsCallsRunThere) {
  auto& abandoned = attach({.ends_at_once = false});
  const auto before = host;
  auto stuck = a.submit(fake("hold"));
  echo(a, "1");
  attach();
  happened.take();
  abandoned.die("it is back at last");
  EXPECT_EQ(code_of(answer_of(stuck)), errc::interpreter_died);
  EXPECT_THAT(happened.take(),
              ElementsAre("end", "call:fake.echo", "1:answered"));
  EXPECT_EQ(queue->look().waiting, 0U);
}

TEST_F(CallQueue, GivenACallThatFailsFastWhenItsHostDiesThenItDoesNotWait) {
  auto& serving = attach();
  auto asked = fake("echo");
  asked.fails_fast = true;
  auto held = a.submit(fake("hold"));
  auto busy = a.submit(asked);
  EXPECT_EQ(code_of(answer_of(busy)), errc::worker_busy);
  serving.finish({});
  attach({.accepted_max = 0}); // as one that is about to die
  auto refused = a.submit(asked);
  EXPECT_EQ(code_of(answer_of(refused)), errc::session_worker_unavailable);
}

// A host that takes calls, starts none, and dies of them.
class doomed_host final : public interpreter_host {
public:
  void start(host_events) override {}
  void stop() override {}
  void kill(std::string) override {}
  bool accept(const call_ptr& taken, bool) override {
    taken_.push_back(taken);
    return true;
  }
  call_stage abandon(call&) override { return call_stage::handed_over; }
  void withdraw(std::uint64_t) override {}
  void release(std::uint64_t) override {}
  host_stats stats() const override { return {}; }

  host_end end() {
    return {.why = {errc::interpreter_died, "it crashed"},
            .asked = false,
            .unstarted = std::exchange(taken_, {})};
  }

private:
  std::vector<call_ptr> taken_;
};

TEST_F(CallQueue, WhenEveryHostDiesOfACallThenItIsNotTriedForEver) {
  auto unlucky = a.submit(fake("echo"));
  for (unsigned lost = 0; lost <= limits::call_losses_max; ++lost) {
    EXPECT_FALSE(is_over(unlucky)) << "lost " << lost;
    const auto doomed = std::make_shared<doomed_host>();
    const auto epoch = queue->next_epoch();
    queue->attach(doomed);
    queue->detach(doomed.get(), epoch, doomed->end());
  }
  const auto refused = answer_of(unlucky);
  EXPECT_EQ(code_of(refused), errc::interpreter_died);
  EXPECT_EQ(refused.error().message(), "it crashed");
}

TEST_F(CallQueue, WhenAHostDiesThenUnstartedCallsWithItsRefsAreStale) {
  attach();
  const auto object = value_of(a.run(fake("object")));
  auto running = a.submit(fake("hold"));
  auto with_ref = a.submit(asking_of(verb::repr, object, {}));
  auto of_ended = b.submit(fake("echo"));
  b.close();
  host->die("it crashed");
  EXPECT_EQ(code_of(answer_of(with_ref)), errc::ref_stale);
  EXPECT_EQ(code_of(answer_of(of_ended)), errc::session_closed);
}

TEST_F(CallQueue, WhenItIsClosedThenAllCallsAreRefusedWithTheReason) {
  auto waiting = a.submit(fake("echo"));
  queue->close({errc::pool_down, "the pool gave up"});
  queue->close({errc::shutting_down, "the first reason stays"});
  EXPECT_EQ(answer_of(waiting).error(),
            (error{errc::pool_down, "the pool gave up"}));
  EXPECT_EQ(a.run(fake("echo")).error(),
            (error{errc::pool_down, "the pool gave up"}));
  EXPECT_EQ(queue->wait_ready(in_time()).error().code(), errc::pool_down);
  queue->reopen();
  attach();
  EXPECT_EQ(value_of(a.run(fake("echo", 1))), value{1});
}

TEST_F(CallQueue, WhenItIsClosedWhileAHostEndsThenItsCallsAreAnswered) {
  attach();
  auto running = a.submit(fake("hold"));
  auto unstarted = a.submit(fake("echo"));
  queue->close({errc::shutting_down, "the bridge is stopping"});
  EXPECT_FALSE(is_over(unstarted)) << "the host has it";
  host->stop();
  EXPECT_EQ(code_of(answer_of(running)), errc::shutting_down);
  EXPECT_EQ(code_of(answer_of(unstarted)), errc::shutting_down);
}

TEST_F(CallQueue, WhenAHostEndsAsAskedThenThatIsNoDeath) {
  attach();
  host->stop();
  EXPECT_EQ(queue->look().deaths, 0u);
  EXPECT_FALSE(queue->look().ready);
  EXPECT_EQ(code_of(queue->wait_ready(passed())), errc::startup_failed);
}

TEST_F(CallQueue, WhenAHostDiesBeforeItIsReadyThenWhoWaitsIsToldWhy) {
  attach({.ready_at_once = false});
  EXPECT_FALSE(queue->look().ready);
  host->die({errc::environment_invalid, "no such venv"});
  EXPECT_EQ(queue->wait_ready(in_time()).error(),
            (error{errc::environment_invalid, "no such venv"}));
}

} // namespace snakebridge::testing
