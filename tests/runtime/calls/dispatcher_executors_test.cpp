// An interpreter with several executors: a session has its calls on one of
// them, and what one is busy with keeps nobody on another.
#include <map>
#include <vector>

#include <gmock/gmock.h>

#include "tests/support/host_fixture.hpp"
#include "tests/support/manual_timers.hpp"

namespace snakebridge::testing {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

namespace {

/// Takes one call for each executor, which runs until it is finished.
class seated_host final : public interpreter_host {
public:
  explicit seated_host(std::size_t executors) : seats_(executors) {}

  void start(host_events events) override { events_ = std::move(events); }
  void stop() override {}
  void kill(std::string) override {}
  bool accept(const exchange_ptr& taken) override {
    auto& seat = seats_.at(taken->executor);
    if (seat)
      return false;
    seat = taken;
    return true;
  }
  call_stage abandon(exchange&) override { return call_stage::running; }
  void withdraw(std::uint64_t) override {}
  void release(std::uint64_t session, std::size_t executor) override {
    released[session] = executor;
  }
  std::size_t running() const override {
    return static_cast<std::size_t>(
      std::count_if(seats_.begin(), seats_.end(),
                    [](const auto& each) { return each != nullptr; }));
  }
  std::size_t running(std::size_t executor) const override {
    return seats_[executor] ? 1 : 0;
  }
  bool has_ended() const override { return false; }
  host_stats stats() const override { return {.running = running()}; }

  /// What each executor runs: "" for nothing.
  std::vector<std::string> runs() const {
    std::vector<std::string> all;
    for (const auto& each : seats_)
      all.push_back(each ? each->asked.name : "");
    return all;
  }
  void finish(std::size_t executor) {
    std::exchange(seats_[executor], nullptr)->answer(value{});
    events_.on_room();
  }
  /// It has died; what it was given had not started.
  void die() {
    host_end end{
      .why = {errc::interpreter_died, "dead"}, .asked = false, .unstarted = {}};
    for (auto& each : seats_)
      if (each)
        end.unstarted.push_back(std::move(each));
    events_.on_end(std::move(end));
  }

  std::map<std::uint64_t, std::size_t> released;

private:
  host_events events_;
  std::vector<exchange_ptr> seats_;
};

} // namespace

class DispatcherExecutors : public ::testing::Test {
protected:
  static constexpr std::uint32_t number = 7, executors = 3;

  DispatcherExecutors() {
    calls->add(number);
    calls->bring_back(number);
    attach();
  }
  ~DispatcherExecutors() override {
    calls->close({errc::shutting_down, "over"});
    for (const auto& each : gates) {
      each->closed = true;
      calls->release(each->number);
    }
  }

  void attach() { host = attach_to(number); }
  std::shared_ptr<seated_host> attach_to(std::uint32_t which) {
    const auto epoch = calls->next_epoch(which);
    const auto made = std::make_shared<seated_host>(executors);
    made->start({.on_ready = {},
                 .on_room = [this, which] { calls->pump(which); },
                 .on_end =
                   [this, which, epoch, ended = made.get()](host_end end) {
                     calls->detach(which, ended, epoch, std::move(end));
                   }});
    calls->attach(which, made);
    return made;
  }
  promised submit(std::size_t session, const std::string& name,
                  bool anywhere = false, bool fails_fast = false,
                  std::uint32_t at = 0) {
    auto told = std::make_shared<std::promise<result<value>>>();
    auto asked = asking(verb::call, "fake", name);
    asked.fails_fast = fails_fast;
    calls->submit(std::make_shared<exchange>(
      std::move(asked), gates[session], in_time(),
      destination{.interpreter = at, .anywhere = anywhere},
      [told](result<value> outcome) { told->set_value(std::move(outcome)); }));
    return told->get_future();
  }
  static bool is_over(const promised& answer) {
    return answer.wait_for(0s) == std::future_status::ready;
  }

  std::shared_ptr<manual_timers> clock = std::make_shared<manual_timers>();
  std::shared_ptr<dispatcher> calls = std::make_shared<dispatcher>(
    dispatcher_settings{.waiting_max = 8, .executors = executors}, clock);
  std::shared_ptr<seated_host> host;
  std::vector<std::shared_ptr<session_gate>> gates = [] {
    std::vector<std::shared_ptr<session_gate>> made;
    for (std::uint64_t session = 1; session <= 5; ++session)
      made.push_back(
        std::make_shared<session_gate>(session, std::to_string(session)));
    return made;
  }();
};

TEST_F(DispatcherExecutors, WhenSessionsComeThenEachHasTheLeastBusy) {
  auto a = submit(0, "a"), b = submit(1, "b"), c = submit(2, "c");
  EXPECT_THAT(host->runs(), ElementsAre("a", "b", "c"));
  host->finish(1);
  auto d = submit(3, "d");
  EXPECT_THAT(host->runs(), ElementsAre("a", "d", "c"));
}

TEST_F(DispatcherExecutors, WhenASessionCallsAgainThenItIsOnItsOwn) {
  auto a = submit(0, "a1"), b = submit(1, "b");
  auto again = submit(0, "a2");
  EXPECT_THAT(host->runs(), ElementsAre("a1", "b", ""));
  host->finish(0);
  EXPECT_THAT(host->runs(), ElementsAre("a2", "b", ""));
  EXPECT_TRUE(is_over(a));
}

// They would have come first in one line.
TEST_F(DispatcherExecutors, WhenOneIsBusyThenItKeepsNobodyOnAnother) {
  auto a = submit(0, "a1"), b = submit(1, "b1");
  std::vector<promised> waiting;
  for (const auto* name : {"a2", "a3", "a4"})
    waiting.push_back(submit(0, name));
  waiting.push_back(submit(1, "b2"));
  host->finish(1);
  EXPECT_THAT(host->runs(), ElementsAre("a1", "b2", ""));
  EXPECT_EQ(calls->look(number).waiting, 3U);
}

TEST_F(DispatcherExecutors, GivenCallsAnyMayRunThenOnesExecutorKeepsNoOther) {
  auto a = submit(0, "a1"), b = submit(1, "b1"), c = submit(2, "c1");
  auto a2 = submit(0, "a2", true), b2 = submit(1, "b2", true);
  EXPECT_EQ(calls->look(number).waiting, 2U);
  host->finish(1);
  EXPECT_THAT(host->runs(), ElementsAre("a1", "b2", "c1")) << "not a2";
  // One that has none yet takes the first that is free.
  auto d = submit(3, "d", true);
  host->finish(2);
  EXPECT_THAT(host->runs(), ElementsAre("a1", "b2", "d"));
  host->finish(0);
  EXPECT_THAT(host->runs(), ElementsAre("a2", "b2", "d"));
}

TEST_F(DispatcherExecutors, WhenWhatWaitsIsForAnotherThenANewCallIsStarted) {
  auto a = submit(0, "a1");
  auto a2 = submit(0, "a2", true);
  EXPECT_FALSE(is_over(a2));
  auto b = submit(1, "b");
  EXPECT_THAT(host->runs(), ElementsAre("a1", "b", ""));
}

TEST_F(DispatcherExecutors, WhenItsOwnIsBusyThenACallThatFailsFastIsRefused) {
  auto a = submit(0, "a"), b = submit(1, "b");
  auto again = submit(0, "a", false, true);
  EXPECT_EQ(code_of(answer_of(again)), errc::worker_busy);
  auto c = submit(2, "c", false, true);
  EXPECT_THAT(host->runs(), ElementsAre("a", "b", "c"));
}

TEST_F(DispatcherExecutors, WhenWhatWaitsIsForAnotherThenFailingFastDoesNot) {
  auto a = submit(0, "a1");
  auto a2 = submit(0, "a2", true);
  auto b = submit(1, "b", false, true);
  EXPECT_THAT(host->runs(), ElementsAre("a1", "b", ""));
}

// A call of one executor may run for long.
TEST_F(DispatcherExecutors, WhenItIsToBeReplacedThenTheOthersSoonServeOn) {
  auto a = submit(0, "a");
  const auto successor = std::make_shared<seated_host>(executors);
  const auto epoch = calls->successor_epoch(number);
  using replacement = dispatcher::replacement;
  EXPECT_EQ(calls->replace(number, successor, epoch), replacement::waits);
  auto b = submit(1, "b");
  EXPECT_THAT(host->runs(), ElementsAre("a", "", ""));
  clock->advance_to(clock->now()
                    + std::chrono::milliseconds{limits::replace_hold_ms_max});
  EXPECT_EQ(calls->replace(number, successor, epoch), replacement::used);
  EXPECT_THAT(host->runs(), ElementsAre("a", "b", ""));
  host->finish(0);
  host->finish(1);
  EXPECT_EQ(calls->replace(number, successor, epoch), replacement::done);
  auto c = submit(2, "c");
  EXPECT_THAT(successor->runs(), ElementsAre("", "", "c"));
}

TEST_F(DispatcherExecutors, WhenASessionEndsThenItsExecutorFreesItsObjects) {
  for (std::size_t session = 0; session < 3; ++session) {
    auto one = submit(session, "one");
    host->finish(session);
  }
  for (std::size_t session = 0; session < 3; ++session) {
    gates[session]->closed = true;
    calls->release(gates[session]->number);
  }
  EXPECT_THAT(host->released,
              UnorderedElementsAre(std::pair{1U, 0U}, std::pair{2U, 1U},
                                   std::pair{3U, 2U}));
  // They count no more: the next has the first again.
  auto d = submit(3, "d");
  EXPECT_THAT(host->runs(), ElementsAre("d", "", ""));
}

TEST_F(DispatcherExecutors, WhenItDiesThenEachCallIsOnItsExecutorAgain) {
  auto a = submit(0, "a"), b = submit(1, "b"), c = submit(2, "c");
  auto next = submit(2, "c2");
  host->die();
  EXPECT_EQ(calls->look(number).waiting, 4U);
  attach();
  EXPECT_THAT(host->runs(), ElementsAre("a", "b", "c"));
  host->finish(2);
  EXPECT_THAT(host->runs(), ElementsAre("a", "b", "c2"));
}

// What is first in line is bound to executors that are busy.
TEST_F(DispatcherExecutors, WhenAnyMayRunItThenAFreeOneElsewhereTakesIt) {
  auto a = submit(0, "a1"), b = submit(1, "b"), c = submit(2, "c");
  calls->add(8);
  calls->bring_back(8);
  const auto other = attach_to(8);
  auto a2 = submit(0, "a2", false, false, 8);
  auto d = submit(3, "d", false, false, 8);
  auto e = submit(4, "e", false, false, 8);
  EXPECT_THAT(other->runs(), ElementsAre("a2", "d", "e"));
  auto a3 = submit(0, "a3", true); // both of its executors are busy
  other->finish(1);
  EXPECT_THAT(other->runs(), ElementsAre("a2", "", "e"));
  auto d2 = submit(3, "d2", true);
  EXPECT_THAT(other->runs(), ElementsAre("a2", "d2", "e"));
  calls->close({errc::shutting_down, "over"});
}

} // namespace snakebridge::testing
