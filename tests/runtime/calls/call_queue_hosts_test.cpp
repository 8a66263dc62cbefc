// What becomes of calls when hosts come and go, and their queue closes.
#include "tests/runtime/calls/queue_fixture.hpp"

#include <gmock/gmock.h>

namespace snakebridge::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CallQueueHosts : public queue_fixture {};

TEST_F(CallQueueHosts,
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
  EXPECT_EQ(queue->look().deaths, 1u);
  EXPECT_EQ(queue->look().last_death->message(), "it crashed");
  attach();
  EXPECT_THAT(happened.take(),
              ElementsAre("start:2", "ready:2", "call:fake.echo", "1:answered",
                          "call:fake.echo", "2:answered", "call:fake.echo",
                          "3:answered", "call:fake.echo", "4:answered"));
}

// They stayed in the queue, and all later calls behind them.
TEST_F(CallQueueHosts, WhenAHostEndsAfterTheNextIsUpThenItsCallsRunThere) {
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

TEST_F(CallQueueHosts,
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

TEST_F(CallQueueHosts, WhenEveryHostDiesOfACallThenItIsNotTriedForEver) {
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

TEST_F(CallQueueHosts, WhenAHostDiesThenUnstartedCallsWithItsRefsAreStale) {
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
TEST_F(CallQueueHosts, WhenAHostDiesThenWaitingCallsWithItsRefsAreStaleAtOnce) {
  attach({.accepted_max = 1});
  const auto object = value_of(a.run(fake("object")));
  auto running = a.submit(fake("hold"));
  auto with_ref = a.submit(asking_of(verb::repr, object, {}));
  auto without = a.submit(fake("echo", 1));
  EXPECT_EQ(queue->look().waiting, 2u);
  host->die("it crashed");
  EXPECT_EQ(code_of(answer_of(with_ref)), errc::ref_stale);
  EXPECT_FALSE(is_over(without));
  attach();
  EXPECT_EQ(value_of(answer_of(without)), value{1});
}

TEST_F(CallQueueHosts, WhenItIsClosedThenAllCallsAreRefusedWithTheReason) {
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

TEST_F(CallQueueHosts, WhenItIsClosedWhileAHostEndsThenItsCallsAreAnswered) {
  attach();
  auto running = a.submit(fake("hold"));
  auto unstarted = a.submit(fake("echo"));
  queue->close({errc::shutting_down, "the bridge is stopping"});
  EXPECT_FALSE(is_over(unstarted)) << "the host has it";
  host->stop();
  EXPECT_EQ(code_of(answer_of(running)), errc::shutting_down);
  EXPECT_EQ(code_of(answer_of(unstarted)), errc::shutting_down);
}

TEST_F(CallQueueHosts, WhenAHostEndsAsAskedThenThatIsNoDeath) {
  attach();
  host->stop();
  EXPECT_EQ(queue->look().deaths, 0u);
  EXPECT_FALSE(queue->look().ready);
  EXPECT_EQ(code_of(queue->wait_ready(passed())), errc::startup_failed);
}

TEST_F(CallQueueHosts, WhenAHostDiesBeforeItIsReadyThenWhoWaitsIsToldWhy) {
  attach({.ready_at_once = false});
  EXPECT_FALSE(queue->look().ready);
  host->die({errc::environment_invalid, "no such venv"});
  EXPECT_EQ(queue->wait_ready(in_time()).error(),
            (error{errc::environment_invalid, "no such venv"}));
}

} // namespace snakebridge::testing
