// The tests of a program of somebody else's, by the installed library alone.
#include <gtest/gtest.h>

#include <snakebridge/actors.hpp>
#include <snakebridge/snakebridge.hpp>
#include <snakebridge/testing.hpp>
#include <snakebridge/testing_actors.hpp>

namespace sb = snakebridge;
using namespace std::chrono_literals;

TEST(WithoutPython, WhenAFunctionIsScriptedThenItAnswers) {
  sb::testing::fake_python python;
  python.on("math.sqrt", [](const sb::testing::fake_call&) { return 4.0; });
  const auto bridge = python.start();
  EXPECT_EQ(bridge->call("math", "sqrt", 16)->as<double>(), 4.0);
  EXPECT_NO_LEAKED_REFS(*bridge);
}

class OnVirtualTime : public sb::testing::deterministic {};

TEST_F(OnVirtualTime, WhenPythonTakesALongTimeThenTheTestDoesNot) {
  sb::testing::fake_python python;
  python.on("math.sqrt", [](const sb::testing::fake_call&) {
    return sb::testing::fake_answer{4.0}.after(1h);
  });
  const auto& bridge = start_bridge(python);
  auto client = [&bridge](caf::event_based_actor* self) -> caf::behavior {
    const auto session = sb::open_session(self, bridge);
    return {[self, session](caf::unit_t) {
      return self->delegate(
        session, sb::call_message{"math", "sqrt", {16}, {}, {.timeout = 2h}});
    }};
  };
  const auto asked = ends_with_test(system().spawn(client));
  const auto answered = ask<sb::value>(asked, caf::unit);
  EXPECT_FALSE(answered.arrived());
  advance(1h - 1ms);
  EXPECT_FALSE(answered.arrived());
  advance(1ms);
  EXPECT_EQ(answered.value().as<double>(), 4.0);
}

TEST(WithFaults, WhenAWorkerDiesAfterTheCallThenTheErrorSaysSo) {
  const sb::bridge bridge{sb::config{.pools = {{.size = 1}}}};
  const auto plan = sb::testing::faults::parse("seed=1 call.lost_after:nth=1");
#ifdef HAS_FAULT_POINTS
  const auto armed = sb::testing::arm(plan.value());
  const auto lost = bridge.call("math", "sqrt", 16);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code(), sb::errc::interpreter_died);
  EXPECT_EQ(armed.happened("call.lost_after"), 1U);
#else
  EXPECT_THROW(static_cast<void>(sb::testing::arm(plan.value())),
               sb::exception);
#endif
  EXPECT_EQ(bridge.call("math", "sqrt", 16)->as<double>(), 4.0);
}
