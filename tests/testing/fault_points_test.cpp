// Each fault point, on real workers, with what the caller gets to see of it:
// a named error in bounded time or nothing at all, and a pool that serves the
// next call.
#include "tests/api/python_fixture.hpp"

#include <caf/scoped_actor.hpp>

#include <snakebridge/actors.hpp>
#include <snakebridge/faults.hpp>

namespace snakebridge::testing {

using ::testing::HasSubstr;

class FaultPoints : public InAWorker {
protected:
  FaultPoints()
      : InAWorker{[] {
          auto wanted = one_pool(sb::placement::worker);
          wanted.pools[0].restart = {.intensity = 50, .period = 10s};
          wanted.pools[0].start_timeout = 20s;
          return wanted;
        }()} {}

  static faults at(std::string_view point, fault how) {
    faults plan;
    plan.at(point, how);
    return plan;
  }
  /// What `math.sqrt(16)` answers with a fault that happens once.
  sb::result<sb::value> call_with(std::string_view point, fault how) {
    const auto armed = arm(at(point, how));
    auto answer = bridge.call("math", "sqrt", 16);
    EXPECT_EQ(armed.happened(point), 1U);
    return answer;
  }
  /// Kills the worker, and waits for the next one.
  void replace_worker() {
    const auto before = first_of(bridge).epoch;
    EXPECT_EQ(code_of(bridge.call("os", "_exit", 1)),
              sb::errc::interpreter_died);
    EXPECT_TRUE(eventually([&] { return first_of(bridge).epoch > before; }));
  }
  void serves_with_epoch(std::uint32_t epoch) {
    EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
    EXPECT_EQ(first_of(bridge).epoch, epoch);
  }
};

TEST_F(FaultPoints, WhenAWorkerDiesBeforeTheCallThenTheNextOneRunsIt) {
  EXPECT_EQ(call_with("call.lost_before", {.nth = 1}), 4.0);
  serves_with_epoch(2);
}

TEST_F(FaultPoints, WhenWorkersKeepDyingBeforeTheCallThenItIsGivenUp) {
  const auto armed = arm(at("call.lost_before", {.percent = 100}));
  const auto lost = error_of(bridge.call("math", "sqrt", 16));
  EXPECT_EQ(lost.code(), sb::errc::interpreter_died);
  EXPECT_FALSE(lost.may_have_run());
  EXPECT_LT(armed.happened("call.lost_before"), 50U);
}

TEST_F(FaultPoints, WhenAWorkerDiesAfterTheCallThenItMayHaveRun) {
  const auto lost = error_of(call_with("call.lost_after", {.nth = 1}));
  EXPECT_EQ(lost.code(), sb::errc::interpreter_died);
  EXPECT_TRUE(lost.may_have_run());
  ASSERT_NE(lost.post_mortem(), nullptr);
  EXPECT_EQ(lost.post_mortem()->signal, "SIGKILL");
  EXPECT_EQ(lost.post_mortem()->call, "math.sqrt");
  serves_with_epoch(2);
}

TEST_F(FaultPoints, WhenAWorkerDiesAtAnyByteOfAReplyThenTheCallIsLost) {
  std::uint32_t deaths = 0;
  for (const std::uint32_t byte : {0, 1, 23, 24, 25, 40}) {
    const auto lost = error_of(
      call_with("channel.send.kill_at_byte", {.nth = 1, .byte = byte}));
    EXPECT_EQ(lost.code(), sb::errc::interpreter_died) << "byte " << byte;
    EXPECT_TRUE(lost.may_have_run()) << "byte " << byte;
    serves_with_epoch(++deaths + 1);
  }
}

TEST_F(FaultPoints, WhenAWorkerDiesWithItsReplySentThenTheCallHasItsAnswer) {
  EXPECT_EQ(call_with("channel.send.kill_at_byte", {.nth = 1, .byte = 4'096}),
            4.0);
  serves_with_epoch(2);
}

TEST_F(FaultPoints, WhenAReplyStallsHalfwayThenItArrivesLater) {
  EXPECT_EQ(call_with("channel.send.stall", {.nth = 1, .time = 30ms}), 4.0);
  serves_with_epoch(1);
}

TEST_F(FaultPoints, WhenAReplyStallsPastTheDeadlineThenTheCallerIsToldInTime) {
  const auto armed = arm(at("channel.send.stall", {.nth = 1, .time = 30s}));
  const auto late =
    error_of(bridge.with({.timeout = 300ms}).call("math", "sqrt", 16));
  EXPECT_EQ(late.code(), sb::errc::deadline_exceeded);
  EXPECT_TRUE(late.may_have_run());
  // It stalls with nothing to interrupt, so it is killed.
  EXPECT_TRUE(eventually([&] { return first_of(bridge).epoch == 2; }));
  serves_with_epoch(2);
}

TEST_F(FaultPoints, WhenAFrameIsBrokenThenItsWorkerIsReplaced) {
  const auto lost = error_of(call_with("channel.frame.corrupt", {.nth = 1}));
  EXPECT_EQ(lost.code(), sb::errc::interpreter_died);
  EXPECT_TRUE(lost.may_have_run());
  ASSERT_NE(lost.post_mortem(), nullptr);
  EXPECT_THAT(lost.post_mortem()->reason,
              HasSubstr("it sent what is no frame"));
  serves_with_epoch(2);
}

TEST_F(FaultPoints, WhenAMessageIsBrokenThenTheCallIsToldSo) {
  const auto broken =
    error_of(call_with("channel.frame.corrupt", {.nth = 1, .byte = 24}));
  EXPECT_EQ(broken.code(), sb::errc::message_malformed);
  EXPECT_TRUE(eventually([&] { return first_of(bridge).epoch == 2; }));
  serves_with_epoch(2);
}

// The first frame that a worker sends of these is no reply: `called`, or
// `awaiting`; of a stream the second has items.
class FaultsInFrames : public FaultPoints {
protected:
  void SetUp() override {
    // The loop is there, and what a session needs.
    or_throw(bridge.call("asyncio", "sleep", 0));
  }

  template <class Ask>
  void expect_told(std::uint32_t nth, Ask ask) {
    for (const auto* point :
         {"channel.send.kill_at_byte", "channel.frame.corrupt"}) {
      const auto epoch = first_of(bridge).epoch;
      const auto armed = arm(at(point, {.nth = nth}));
      const auto lost = error_of(ask());
      EXPECT_EQ(lost.code(), sb::errc::interpreter_died) << point;
      EXPECT_EQ(armed.happened(point), 1U) << point;
      EXPECT_TRUE(eventually([&] { return first_of(bridge).epoch > epoch; }));
      EXPECT_TRUE(is_ready(bridge));
      or_throw(bridge.call("asyncio", "sleep", 0));
    }
  }
  template <class Ask>
  void expect_late(std::uint32_t nth, Ask ask, const sb::value& right) {
    const auto epoch = first_of(bridge).epoch;
    const auto armed =
      arm(at("channel.send.stall", {.nth = nth, .time = 30ms}));
    EXPECT_EQ(ask(), right);
    EXPECT_EQ(armed.happened("channel.send.stall"), 1U);
    EXPECT_EQ(first_of(bridge).epoch, epoch);
  }
};

TEST_F(FaultsInFrames, GivenACallbackThenItsCallIsToldOrItIsLate) {
  const sb::callback five{[] { return 5; }};
  const auto ask = [&] { return bridge.eval("f()", {{"f", five}}); };
  expect_told(1, ask);
  expect_late(1, ask, 5);
}

TEST_F(FaultsInFrames, GivenAnAwaitThenItsCallIsToldOrItIsLate) {
  const auto ask = [&] { return bridge.call("asyncio", "sleep", 0.01, 7); };
  expect_told(1, ask);
  expect_late(1, ask, 7);
  // And in its reply.
  expect_told(2, ask);
  expect_late(2, ask, 7);
}

TEST_F(FaultsInFrames, GivenAStreamThenItsReaderIsToldOrItIsLate) {
  const auto ask = [&]() -> sb::result<sb::value> {
    std::int64_t sum = 0;
    for (const auto& each : bridge.stream("builtins", "range", 4)) {
      if (!each)
        return each;
      sum += each->as<std::int64_t>();
    }
    return sb::value{sum};
  };
  expect_told(2, ask);
  expect_late(2, ask, 6);
}

TEST_F(FaultPoints, WhenARequestFitsInPartThenNobodyNotices) {
  for (const std::uint32_t byte : {0, 1, 24, 30})
    EXPECT_EQ(call_with("channel.send.short", {.nth = 1, .byte = byte}), 4.0);
  serves_with_epoch(1);
}

TEST_F(FaultPoints, WhenAWorkerStartsSlowlyThenCallsWaitForIt) {
  const auto armed = arm(at("worker.start.slow", {.nth = 1, .time = 50ms}));
  replace_worker();
  serves_with_epoch(2);
  EXPECT_EQ(armed.happened("worker.start.slow"), 1U);
}

TEST_F(FaultPoints, WhenAWorkerCannotStartThenTheOneAfterItServes) {
  const auto armed = arm(at("worker.start.fail", {.nth = 1}));
  replace_worker();
  serves_with_epoch(3);
  EXPECT_EQ(armed.happened("worker.start.fail"), 1U);
}

TEST_F(FaultPoints, WhenThereIsNoProcessForAWorkerThenItIsTriedAgain) {
  const auto armed = arm(at("worker.spawn.fail", {.nth = 1}));
  replace_worker();
  serves_with_epoch(3);
  EXPECT_EQ(armed.happened("worker.spawn.fail"), 1U);
}

// One of two workers is slow to come back: nobody but it waits.
class SlowStart : public ::testing::Test {
protected:
  static constexpr auto slow = 60s;

  static sb::config two_workers() {
    auto wanted = one_pool(sb::placement::worker, 2);
    wanted.pools[0].stop_timeout = 50ms;
    return wanted;
  }
  /// What a session of an actor's answers.
  sb::result<sb::value> ask_as_actor() {
    caf::scoped_actor self{bridge.system()};
    const auto session = sb::open_session(self.ptr(), bridge);
    sb::result<sb::value> answer;
    self->request(session, patience, sb::call_message{"math", "sqrt", {16}})
      .receive([&](const sb::value& root) { answer = root; },
               [&](const caf::error& why) {
                 answer = tl::unexpected{sb::to_error(why)};
               });
    return answer;
  }

  const sb::bridge bridge{two_workers()};
};

// ORIGINAL P11, P28
TEST_F(SlowStart, WhileOneComesBackThenTheOtherServesAndActorsAnswer) {
  faults plan;
  plan.at("worker.start.slow", {.nth = 1, .time = slow});
  const auto armed = arm(plan);
  EXPECT_EQ(code_of(bridge.open_session().call("os", "_exit", 1)),
            sb::errc::interpreter_died);
  ASSERT_TRUE(
    eventually([&] { return armed.happened("worker.start.slow") == 1; }));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(bridge.open_session().call("math", "sqrt", 16), 4.0);
    EXPECT_EQ(ask_as_actor(), 4.0);
  }
  std::size_t ready = 0;
  const auto now = bridge.stats();
  for (const auto& each : now.pools.at(0).interpreters)
    ready += each.ready ? 1 : 0;
  EXPECT_EQ(ready, 1U) << "all of it while the other was starting";
}

// The start of a bridge under a fault: what it throws.
class FaultyStart : public ::testing::Test {
protected:
  static sb::error start_error(const faults& plan,
                               std::chrono::milliseconds start_timeout) {
    auto wanted = one_pool(sb::placement::worker);
    wanted.pools[0].restart = {.intensity = 0};
    wanted.pools[0].start_timeout = start_timeout;
    const auto armed = arm(plan);
    return error_of(sb::bridge::start(wanted));
  }
};

TEST_F(FaultyStart, WhenNoWorkerStartsThenTheErrorTellsWhy) {
  faults refuses, has_none, slow;
  refuses.at("worker.start.fail", {.percent = 100});
  has_none.at("worker.spawn.fail", {.percent = 100});
  slow.at("worker.start.slow", {.percent = 100, .time = 60s});
  const auto told = [](const faults& plan, std::chrono::milliseconds time) {
    const auto why = start_error(plan, time);
    EXPECT_EQ(why.code(), sb::errc::startup_failed);
    return why.message();
  };
  EXPECT_THAT(told(refuses, 20s), HasSubstr("worker.start.fail"));
  EXPECT_THAT(told(has_none, 20s), HasSubstr("cannot start a process"));
  EXPECT_THAT(told(slow, 100ms), HasSubstr("not ready within 100 ms"));
}

TEST(FaultPlans, WhenAnotherIsInForceThenItIsRefused) {
  {
    const auto first = arm(faults{1});
    EXPECT_THROW(static_cast<void>(arm(faults{2})), exception);
  }
  EXPECT_NO_THROW(static_cast<void>(arm(faults{2})));
}

// One thread and one worker: the same calls meet the same faults.
static std::string trace_of(std::uint64_t seed) {
  faults plan{seed};
  plan.at("call.lost_after", {.percent = 20})
    .at("channel.frame.corrupt", {.percent = 10, .byte = 24})
    .at("call.lost_before", {.percent = 10});
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools[0].restart = {.intensity = 1'000, .period = 1s};
  const sb::bridge bridge{wanted};
  const auto armed = arm(faults::parse(plan.to_string()).value());
  std::string trace;
  for (int i = 0; i < 40; ++i) {
    const auto answer = bridge.call("math", "sqrt", 16);
    trace += answer ? "+" : to_string(answer.error().code()).substr(0, 1);
  }
  return trace;
}

TEST(FaultSeeds, WhenTheSeedIsTheSameThenTheTraceIs) {
  const auto first = trace_of(7);
  EXPECT_EQ(trace_of(7), first);
  EXPECT_NE(trace_of(8), first);
  EXPECT_THAT(first, HasSubstr("i"));
  EXPECT_THAT(first, HasSubstr("+"));
}

} // namespace snakebridge::testing
