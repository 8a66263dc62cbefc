// A call that waits at one interpreter of a pool and is run by another: with
// hosts that do what the test says.
#include "testing/fake_host.hpp"
#include "tests/support/host_fixture.hpp"
#include "tests/support/trace.hpp"

#include <random>
#include <thread>

#include <gmock/gmock.h>

namespace snakebridge::testing {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CallQueueMates : public ::testing::Test {
protected:
  static constexpr std::uint32_t count = 2;

  CallQueueMates() {
    for (std::uint32_t number = 1; number <= count; ++number) {
      queues.push_back(
        std::make_shared<call_queue>(number, 8, deadlines, mates));
      mates->all.emplace_back(queues.back());
    }
    mates->size = count;
    hosts.resize(count);
  }
  ~CallQueueMates() override { end_session(); }

  call_queue& queue(std::uint32_t number) { return *queues[number - 1]; }
  fake_host& host(std::uint32_t number) { return *hosts[number - 1]; }

  /// Attaches the next incarnation of an interpreter.
  void attach(std::uint32_t number, fake_manners how = {}) {
    const auto epoch = queue(number).next_epoch();
    auto& made = hosts[number - 1];
    made = std::make_shared<fake_host>(
      incarnation{"test", number, epoch}, how, [=, this](std::string event) {
        happened.add(std::to_string(number) + ":" + std::move(event));
      });
    made->start(
      {.on_ready = [=, this] { queue(number).attach(hosts[number - 1]); },
       .on_room = [=, this] { queue(number).pump(); },
       .on_end =
         [=, this, which = made.get()](host_end end) {
           queue(number).detach(which, epoch, std::move(end));
         }});
    happened.take();
  }

  /// As a lane does.
  bool comes_to(const std::shared_ptr<call_queue>& other) {
    if (gate->closed || !other->join(gate))
      return false;
    joined.push_back(other->interpreter());
    return true;
  }
  call::joiner may_move() {
    return [this](const auto& other) { return comes_to(other); };
  }
  call::joiner stays() { return {}; }

  promised submit(std::uint32_t number, const std::string& name,
                  call::joiner join,
                  steady_clock::time_point deadline = in_time(),
                  cancel_token cancel = {}) {
    auto told = std::make_shared<std::promise<result<value>>>();
    auto asked = asking(verb::call, "fake", name, name);
    asked.cancel = std::move(cancel);
    const auto made = std::make_shared<call>(
      std::move(asked), gate, deadline,
      [told](result<value> outcome) { told->set_value(std::move(outcome)); });
    made->join = std::move(join);
    queue(number).submit(made);
    return told->get_future();
  }

  void die_again_and_again(std::uint32_t number,
                           const std::atomic<bool>& over) {
    auto& mine = queue(number);
    while (!over) {
      const auto epoch = mine.next_epoch();
      const auto made =
        std::make_shared<fake_host>(incarnation{"test", number, epoch},
                                    fake_manners{.answers_at_once = false});
      made->start({.on_ready = [&] { mine.attach(made); },
                   .on_room = [&] { mine.pump(); },
                   .on_end =
                     [&](host_end end) {
                       mine.detach(made.get(), epoch, std::move(end));
                     }});
      for (int i = 0; i < 50; ++i)
        made->finish(i);
      made->die("again");
    }
    mine.close({errc::shutting_down, "over"});
  }

  void end_session() {
    gate->closed = true;
    for (const auto& each : queues)
      each->release(gate->number);
  }

  static bool is_over(const promised& answer) {
    return answer.wait_for(0s) == std::future_status::ready;
  }

  trace happened;
  std::shared_ptr<timers> deadlines = std::make_shared<thread_timers>();
  std::shared_ptr<call_queue_mates> mates =
    std::make_shared<call_queue_mates>();
  std::shared_ptr<session_gate> gate = std::make_shared<session_gate>(1, "a");
  std::vector<std::shared_ptr<call_queue>> queues;
  std::vector<std::shared_ptr<fake_host>> hosts;
  std::vector<std::uint32_t> joined;
};

TEST_F(CallQueueMates, GivenOneThatIsFreeThenItRunsWhatWouldWait) {
  attach(1);
  attach(2);
  auto held = submit(1, "hold", stays());
  auto moved = submit(1, "echo", may_move());
  EXPECT_EQ(value_of(answer_of(moved)), value{"echo"});
  EXPECT_THAT(happened.take(),
              ElementsAre("1:call:fake.hold", "2:call:fake.echo"));
  EXPECT_THAT(joined, ElementsAre(2U));
  EXPECT_EQ(queue(1).look().calls, 1U);
  EXPECT_EQ(queue(2).look().calls, 1U);
  host(1).finish({});
}

TEST_F(CallQueueMates, WhenOneBecomesFreeThenItRunsOnlyWhatMayMove) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  auto there = submit(2, "hold", stays());
  auto pinned = submit(1, "named", stays());
  auto moves = submit(1, "echo", may_move());
  EXPECT_FALSE(is_over(moves));
  EXPECT_TRUE(host(2).finish({}));
  EXPECT_EQ(value_of(answer_of(moves)), value{"echo"});
  EXPECT_FALSE(is_over(pinned));
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_TRUE(is_over(pinned));
}

TEST_F(CallQueueMates, WhenItsOwnIsFreeFirstThenThatRunsIt) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  auto there = submit(2, "hold", stays());
  auto moves = submit(1, "echo", may_move());
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_EQ(value_of(answer_of(moves)), value{"echo"});
  EXPECT_THAT(joined, IsEmpty());
  EXPECT_TRUE(host(2).finish({}));
}

TEST_F(CallQueueMates, WhenItsInterpreterDiesThenAnotherRunsIt) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  auto there = submit(2, "hold", stays());
  auto moves = submit(1, "echo", may_move());
  auto pinned = submit(1, "echo", stays());
  host(1).die("crash");
  EXPECT_FALSE(is_over(moves));
  EXPECT_TRUE(host(2).finish({}));
  EXPECT_EQ(value_of(answer_of(moves)), value{"echo"});
  EXPECT_FALSE(is_over(pinned));
  attach(1);
  EXPECT_EQ(value_of(answer_of(pinned)), value{"echo"});
}

TEST_F(CallQueueMates, WhenOneComesBackThenItRunsWhatWaitsElsewhere) {
  attach(1);
  auto here = submit(1, "hold", stays());
  auto moves = submit(1, "echo", may_move());
  EXPECT_FALSE(is_over(moves));
  attach(2);
  EXPECT_EQ(value_of(answer_of(moves)), value{"echo"});
  host(1).finish({});
}

TEST_F(CallQueueMates, WhenItHasMovedThenItsDeadlineHoldsThere) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  auto late = submit(1, "hold", may_move(), steady_clock::now() + 20ms);
  EXPECT_EQ(host(2).running(), "fake.hold");
  const auto told = answer_of(late);
  EXPECT_EQ(code_of(told), errc::deadline_exceeded);
  EXPECT_TRUE(told.error().may_have_run());
  EXPECT_THAT(happened.take(), Contains("2:abandon:fake.hold"));
}

TEST_F(CallQueueMates, WhenItHasMovedThenItIsCancelledThere) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  cancel_source stop;
  auto moved = submit(1, "hold", may_move(), in_time(), stop.token());
  EXPECT_EQ(host(2).running(), "fake.hold");
  stop.cancel();
  const auto told = answer_of(moved);
  EXPECT_EQ(code_of(told), errc::cancelled);
  EXPECT_TRUE(told.error().may_have_run());
}

TEST_F(CallQueueMates, WhenItsSessionEndsThenItEndsWhereItIs) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  auto moved = submit(1, "hold", may_move());
  auto waits = submit(1, "echo", may_move());
  happened.take();
  end_session();
  EXPECT_EQ(code_of(answer_of(waits)), errc::session_closed);
  EXPECT_THAT(happened.take(),
              ElementsAre("1:withdraw:fake.hold", "1:release:a",
                          "2:withdraw:fake.hold", "2:release:a"));
}

TEST_F(CallQueueMates, GivenAThreadThatWaitsThenItHasTheAnswerFromThere) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  EXPECT_EQ(value_of(queue(1).run(asking(verb::call, "fake", "echo", 3), gate,
                                  in_time(), 0, may_move())),
            value{3});
  EXPECT_THAT(joined, ElementsAre(2U));
  const auto late = queue(1).run(asking(verb::call, "fake", "hold"), gate,
                                 steady_clock::now() + 20ms, 0, may_move());
  EXPECT_EQ(code_of(late), errc::deadline_exceeded);
  EXPECT_TRUE(late.error().may_have_run());
}

TEST_F(CallQueueMates, GivenOneThatIsDrainedThenItTakesNothing) {
  attach(1);
  attach(2);
  auto here = submit(1, "hold", stays());
  queue(2).hold(error{errc::pool_down, "drained"});
  auto waits = submit(1, "echo", may_move());
  EXPECT_FALSE(is_over(waits));
  EXPECT_EQ(queue(2).load(), 0U);
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
}

TEST_F(CallQueueMates, GivenOneThatIsToBeReplacedThenItTakesNothing) {
  attach(1);
  attach(2);
  auto there = submit(2, "echo", stays());
  EXPECT_TRUE(queue(2).look_if_due({.calls = 1}, 0ms));
  auto here = submit(1, "hold", stays());
  auto waits = submit(1, "echo", may_move());
  EXPECT_FALSE(is_over(waits));
  attach(2);
  EXPECT_EQ(value_of(answer_of(waits)), value{"echo"});
}

TEST_F(CallQueueMates, GivenOneOutOfServiceThenItTakesNothing) {
  attach(1);
  attach(2);
  mates->size = 1;
  auto here = submit(1, "hold", stays());
  auto waits = submit(1, "echo", may_move());
  EXPECT_FALSE(is_over(waits));
  EXPECT_TRUE(host(1).finish({}));
  EXPECT_TRUE(is_over(waits));
}

// Nobody waits while another is free, nothing is lost and nothing told twice.
TEST_F(CallQueueMates, WhenAnswersExpiriesAndDeathsRaceThenEachIsAnsweredOnce) {
  std::atomic<bool> over{false};
  std::atomic<int> answered{0}, twice{0};
  std::vector<std::jthread> dying;
  for (std::uint32_t number = 1; number <= count; ++number)
    dying.emplace_back([&, number] { die_again_and_again(number, over); });
  constexpr int threads_max = 4, calls_each = 500;
  const auto moves = [this](const auto& other) { return other->join(gate); };
  std::vector<std::jthread> callers;
  for (int i = 0; i < threads_max; ++i)
    callers.emplace_back([&, i] {
      std::mt19937 random{static_cast<unsigned>(i)};
      for (int n = 0; n < calls_each; ++n) {
        auto& mine = queue(1 + random() % count);
        const auto deadline =
          steady_clock::now() + std::chrono::microseconds{random() % 500};
        if (n % 2 == 0) {
          static_cast<void>(mine.run(asking(verb::call, "fake", "echo"), gate,
                                     deadline, 0, moves));
          ++answered;
          continue;
        }
        const auto times = std::make_shared<std::atomic<int>>(0);
        const auto made =
          std::make_shared<call>(asking(verb::call, "fake", "echo"), gate,
                                 deadline, [&, times](const result<value>&) {
                                   if (++*times > 1)
                                     ++twice;
                                   else
                                     ++answered;
                                 });
        made->join = moves;
        mine.submit(made);
      }
    });
  EXPECT_TRUE(eventually([&] { return answered == threads_max * calls_each; }));
  callers.clear();
  over = true;
  dying.clear();
  EXPECT_EQ(twice, 0);
  for (const auto& each : queues)
    EXPECT_EQ(each->load(), 0U);
}

} // namespace snakebridge::testing
