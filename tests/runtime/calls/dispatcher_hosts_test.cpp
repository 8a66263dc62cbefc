// What becomes of calls when hosts come and go, and their pool closes.
#include "tests/runtime/calls/dispatcher_fixture.hpp"

#include <gmock/gmock.h>

namespace snakebridge::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DispatcherHosts : public dispatcher_fixture {};

TEST_F(DispatcherHosts,
       WhenAHostDiesThenCallsItHadNotStartedRunOnTheNextInOrder) {
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
  EXPECT_EQ(facts().deaths, 1u);
  EXPECT_EQ(facts().last_death->message(), "it crashed");
  attach();
  EXPECT_THAT(happened.take(),
              ElementsAre("start:2", "ready:2", "call:fake.echo", "1:answered",
                          "call:fake.echo", "2:answered", "call:fake.echo",
                          "3:answered", "call:fake.echo", "4:answered"));
}

// They stayed in the queue, and all later calls behind them.
TEST_F(DispatcherHosts, WhenAHostEndsAfterTheNextIsUpThenItsCallsRunThere) {
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
  EXPECT_EQ(facts().waiting, 0U);
}

TEST_F(DispatcherHosts,
       GivenACallThatFailsFastWhenItsHostDiesThenItDoesNotWait) {
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
  bool accept(const exchange_ptr& taken) override {
    taken_.push_back(taken);
    return true;
  }
  call_stage abandon(exchange&) override { return call_stage::handed_over; }
  void withdraw(std::uint64_t) override {}
  void release(std::uint64_t, std::size_t) override {}
  std::size_t running() const override { return taken_.size(); }
  bool has_ended() const override { return false; }
  host_stats stats() const override { return {}; }

  host_end end() {
    // A call did run, another one.
    return {.why = {errc::interpreter_died, "it crashed", {}, true},
            .asked = false,
            .unstarted = std::exchange(taken_, {})};
  }

private:
  std::vector<exchange_ptr> taken_;
};

TEST_F(DispatcherHosts, WhenEveryHostDiesOfACallThenItIsNotTriedForEver) {
  auto unlucky = a.submit(fake("echo"));
  for (unsigned lost = 0; lost <= limits::call_losses_max; ++lost) {
    EXPECT_FALSE(is_over(unlucky)) << "lost " << lost;
    const auto doomed = std::make_shared<doomed_host>();
    const auto epoch = calls->next_epoch(number);
    calls->attach(number, doomed);
    calls->detach(number, doomed.get(), epoch, doomed->end());
  }
  const auto refused = answer_of(unlucky);
  EXPECT_EQ(code_of(refused), errc::interpreter_died);
  EXPECT_EQ(refused.error().message(), "it crashed");
  EXPECT_FALSE(refused.error().may_have_run());
}

TEST_F(DispatcherHosts, WhenAHostDiesThenUnstartedCallsWithItsRefsAreStale) {
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

// They waited until the next was up.
TEST_F(DispatcherHosts, WhenAHostDiesThenWaitingCallsWithRefsAreStaleAtOnce) {
  attach({.accepted_max = 1});
  const auto object = value_of(a.run(fake("object")));
  auto running = a.submit(fake("hold"));
  auto with_ref = a.submit(asking_of(verb::repr, object, {}));
  auto without = a.submit(fake("echo", 1));
  EXPECT_EQ(facts().waiting, 2u);
  host->die("it crashed");
  EXPECT_EQ(code_of(answer_of(with_ref)), errc::ref_stale);
  EXPECT_FALSE(is_over(without));
  attach();
  EXPECT_EQ(value_of(answer_of(without)), value{1});
}

TEST_F(DispatcherHosts, WhenItIsClosedThenAllCallsAreRefusedWithTheReason) {
  auto waiting = a.submit(fake("echo"));
  calls->close({errc::pool_down, "the pool gave up"});
  calls->close({errc::shutting_down, "the first reason stays"});
  EXPECT_EQ(answer_of(waiting).error(),
            (error{errc::pool_down, "the pool gave up"}));
  EXPECT_EQ(a.run(fake("echo")).error(),
            (error{errc::pool_down, "the pool gave up"}));
  EXPECT_EQ(code_of(calls->wait_ready(number, in_time())), errc::pool_down);
  calls->reopen();
  attach();
  EXPECT_EQ(value_of(a.run(fake("echo", 1))), value{1});
}

TEST_F(DispatcherHosts, WhenItIsClosedWhileAHostEndsThenItsCallsAreAnswered) {
  attach();
  auto running = a.submit(fake("hold"));
  auto unstarted = a.submit(fake("echo"));
  calls->close({errc::shutting_down, "the bridge is stopping"});
  EXPECT_FALSE(is_over(unstarted)) << "the host has it";
  host->stop();
  EXPECT_EQ(code_of(answer_of(running)), errc::shutting_down);
  EXPECT_EQ(code_of(answer_of(unstarted)), errc::shutting_down);
}

TEST_F(DispatcherHosts, WhenAHostEndsAsAskedThenThatIsNoDeath) {
  attach();
  host->stop();
  EXPECT_EQ(facts().deaths, 0u);
  EXPECT_FALSE(facts().ready);
  EXPECT_EQ(code_of(calls->wait_ready(number, passed())), errc::startup_failed);
}

TEST_F(DispatcherHosts, WhenAHostDiesBeforeItIsReadyThenWhoWaitsIsToldWhy) {
  attach({.ready_at_once = false});
  EXPECT_FALSE(facts().ready);
  host->die({errc::environment_invalid, "no such venv"});
  EXPECT_EQ(calls->wait_ready(number, in_time()).error(),
            (error{errc::environment_invalid, "no such venv"}));
}

// Not `wait_ready`, which tells of a death before.
TEST_F(DispatcherHosts, WhenAHostHasDiedThenWhoWaitsForAnyHasTheNext) {
  attach();
  EXPECT_TRUE(calls->wait_up(number, passed()));
  host->die("it crashed");
  EXPECT_EQ(code_of(calls->wait_up(number, passed())), errc::startup_failed);
  attach();
  EXPECT_TRUE(calls->wait_up(number, passed()));
  calls->close({errc::pool_down, "the pool gave up"});
  host->die("it crashed again");
  EXPECT_EQ(calls->wait_up(number, in_time()).error(),
            (error{errc::pool_down, "the pool gave up"}));
}

} // namespace snakebridge::testing
