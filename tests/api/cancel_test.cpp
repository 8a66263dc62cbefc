// Cancelling from C++, in both placements: `cancel_source`, and clients that
// end with a call in flight.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"
#include "tests/support/under_tsan.hpp"

#include <atomic>
#include <future>
#include <thread>

#include <caf/actor_system.hpp>

#include <snakebridge/actors.hpp>

namespace snakebridge::testing {

class Cancelling : public EachPlacement {
protected:
  /// A call that spins in Python from `here` on until it is interrupted.
  static std::string spin_from(const gate& here) {
    return here.wait_here() + " or sum(1 for _ in iter(int, 1))";
  }
  std::future<sb::result<sb::value>> spin(gate& here, sb::call_options with) {
    auto answer = std::async(std::launch::async, [this, &here, with] {
      return bridge.with(with).eval(spin_from(here));
    });
    EXPECT_TRUE(here.has_a_caller());
    return answer;
  }
  void expect_goes_on() {
    EXPECT_EQ(bridge.eval("1 + 1"), 2);
    EXPECT_EQ(first_of(bridge).epoch, 1U);
  }

  sb::cancel_source source;
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Cancelling);

TEST_P(Cancelling, WhenTheSourceCancelsThenTheCallAnswersAndPythonGoesOn) {
  if (GetParam() == sb::placement::worker)
    SKIP_WHERE_SIGNALS_WAIT();
  gate here;
  auto answer = spin(here, {.cancel = source.token()});
  EXPECT_TRUE(source.cancel());
  here.open();
  const auto why = error_of(answer.get());
  EXPECT_EQ(why.code(), sb::errc::cancelled);
  EXPECT_TRUE(why.may_have_run());
  expect_goes_on();
}

TEST_P(Cancelling, WhenTimeRunsOutThenPythonCodeIsInterrupted) {
  if (GetParam() == sb::placement::worker)
    SKIP_WHERE_SIGNALS_WAIT();
  EXPECT_EQ(
    code_of(
      bridge.with({.timeout = 100ms}).eval("sum(1 for _ in iter(int, 1))")),
    sb::errc::deadline_exceeded);
  expect_goes_on();
}

TEST_P(Cancelling, GivenACallThatWaitsThenItIsCancelledAtOnceAndNeverRuns) {
  gate here;
  auto held = std::async(std::launch::async,
                         [&] { return bridge.eval(here.wait_here()); });
  ASSERT_TRUE(here.has_a_caller());
  const auto before = first_of(bridge).calls;
  auto waiting = std::async(std::launch::async, [&] {
    return bridge.with({.cancel = source.token()})
      .exec("import builtins; builtins.cancelled_call_ran = True");
  });
  ASSERT_TRUE(eventually([&] { return first_of(bridge).calls > before; }));
  source.cancel();
  const auto why = error_of(waiting.get());
  EXPECT_EQ(why.code(), sb::errc::cancelled);
  EXPECT_FALSE(why.may_have_run());
  here.open();
  EXPECT_EQ(held.get(), "");
  EXPECT_EQ(
    bridge.eval("hasattr(__import__('builtins'), 'cancelled_call_ran')"),
    false);
}

TEST_P(Cancelling, GivenACancelledSourceThenItsCallsAnswerAtOnce) {
  source.cancel();
  EXPECT_TRUE(source.cancelled());
  EXPECT_FALSE(source.cancel());
  const auto cancelled = bridge.with({.cancel = source.token()});
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(code_of(cancelled.eval("1")), sb::errc::cancelled);
  EXPECT_EQ(bridge.eval("1"), 1);
}

TEST_P(Cancelling, GivenAScopeThenItsTokenHoldsForItsCalls) {
  source.cancel();
  {
    const sb::runtime_scope in{{.cancel = source.token()}};
    EXPECT_EQ(code_of(bridge.eval("1")), sb::errc::cancelled);
  }
  EXPECT_EQ(bridge.eval("1"), 1);
}

TEST_P(Cancelling, GivenAThreadWithAStopTokenThenThatCancelsToo) {
  if (GetParam() == sb::placement::worker)
    SKIP_WHERE_SIGNALS_WAIT();
  gate here;
  std::promise<sb::result<sb::value>> answer;
  std::jthread caller{[&](const std::stop_token& stop) {
    answer.set_value(bridge.with({.cancel = stop}).eval(spin_from(here)));
  }};
  ASSERT_TRUE(here.has_a_caller());
  caller.request_stop();
  here.open();
  EXPECT_EQ(code_of(answer.get_future().get()), sb::errc::cancelled);
  expect_goes_on();
}

// It is flushed after each call, and as a part of it.
TEST_P(Cancelling, GivenAStreamThatIsSlowToFlushThenItsCallIsInterrupted) {
  if (GetParam() == sb::placement::embedded)
    return; // the program's own streams are not flushed
  SKIP_WHERE_SIGNALS_WAIT();
  or_throw(bridge.exec(R"(
    import sys
    class slow:
        def __init__(self): self.armed = False
        def write(self, text): return len(text)
        def flush(self):
            while self.armed: pass
        def arm(self): self.armed = True
    sys.stdout = slow()
  )"));
  EXPECT_EQ(code_of(bridge.with({.timeout = 300ms}).eval("sys.stdout.arm()")),
            sb::errc::deadline_exceeded);
  EXPECT_EQ(code_of(bridge.with({.timeout = 300ms}).eval("1")),
            sb::errc::deadline_exceeded);
  EXPECT_TRUE(bridge.with({.timeout = 10s}).exec("sys.stdout.armed = False"));
  or_throw(bridge.exec("sys.stdout = sys.__stdout__"));
  EXPECT_EQ(first_of(bridge).deaths, 0U);
}

// ORIGINAL P18
TEST_P(Cancelling, WhenAnActorDiesWithACallInFlightThenPythonIsFreed) {
  gate here;
  const auto code = spin_from(here);
  auto asker = bridge.system().spawn(
    [this, code](caf::event_based_actor* self) -> caf::behavior {
      const auto session = sb::open_session(self, bridge);
      self
        ->request(session, caf::infinite,
                  sb::call_message{"builtins", "eval", {code, sb::dict{}}})
        .then([](const sb::value&) {});
      return {[](caf::unit_t) {}};
    });
  ASSERT_TRUE(here.has_a_caller());
  caf::anon_send_exit(asker, caf::exit_reason::kill);
  ASSERT_TRUE(eventually([&] { return bridge.stats().sessions == 0; }));
  here.open();
  expect_goes_on();
}

// As many as the original's test had: each is answered, none runs, and nothing
// of them is left.
class ManyCancelled : public InAWorker {
protected:
  static constexpr int many = 1'200;

  ManyCancelled()
      : InAWorker{[] {
          auto wanted = one_pool(sb::placement::worker);
          wanted.pools[0].queue_max = many;
          return wanted;
        }()} {}

  std::size_t under_way() const {
    const auto now = first_of(bridge);
    return now.running + now.waiting;
  }

  sb::cancel_source source;
  std::atomic<int> answered = 0, cancelled = 0;
};

// ORIGINAL P14
TEST_F(ManyCancelled, WhenTheyAllWaitThenEachIsAnsweredAndNothingIsLeft) {
  gate here;
  const scratch_folder folder;
  auto held = std::async(std::launch::async,
                         [&] { return bridge.eval(here.wait_here()); });
  ASSERT_TRUE(here.has_a_caller());
  const auto name = (folder / "ran").string();
  auto asker = bridge.system().spawn([&](caf::event_based_actor* self) {
    const auto session = sb::open_session(self, bridge);
    for (int i = 0; i < many; ++i)
      self
        ->request(session, caf::infinite,
                  sb::call_message{
                    "os", "mkdir", {name}, {}, {.cancel = source.token()}})
        .then([this](const sb::value&) { ++answered; },
              [this](const caf::error& why) {
                const auto told = sb::to_error(why);
                ++answered;
                cancelled +=
                  told.code() == sb::errc::cancelled && !told.may_have_run()
                    ? 1
                    : 0;
              });
    return caf::behavior{[](caf::unit_t) {}};
  });
  ASSERT_TRUE(eventually([&] { return under_way() == 1 + many; }));
  source.cancel();
  EXPECT_TRUE(eventually([&] { return answered == many; }));
  EXPECT_EQ(cancelled, many);
  here.open();
  EXPECT_EQ(held.get(), "");
  EXPECT_TRUE(eventually([&] { return under_way() == 0; }));
  EXPECT_EQ(bridge.call("os.path", "exists", name), false);
  EXPECT_EQ(first_of(bridge).epoch, 1U);
  caf::anon_send_exit(asker, caf::exit_reason::kill);
}

} // namespace snakebridge::testing
