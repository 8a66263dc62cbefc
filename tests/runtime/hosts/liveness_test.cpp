// Alive, busy, stalled, dead: what a host sees of its worker, and what it tells
// of it when it has died.
#include "tests/runtime/hosts/worker_fixture.hpp"
#include "tests/support/under_tsan.hpp"

#include <csignal>

namespace snakebridge::testing {

class Liveness : public worker_test {
protected:
  Liveness() {
    settings.on_event = [this](const interpreter_event& happened) {
      const std::lock_guard lock{mutex};
      events.push_back(happened);
    };
  }
  // Before what its host uses till then.
  ~Liveness() override { interpreter.reset(); }

  /// The first that says so, once it has come; a test fails without it.
  interpreter_event event(event_kind what, const std::string& says = {}) {
    interpreter_event found;
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock{mutex};
      for (const auto& each : events)
        if (each.what == what && each.message.find(says) != std::string::npos) {
          found = each;
          return true;
        }
      return false;
    }));
    return found;
  }

  std::mutex mutex;
  std::vector<interpreter_event> events;
};

// ORIGINAL P23
TEST_F(Liveness, WhenAWorkerIsStoppedThenItIsKilledAtTheHeartbeatLimit) {
  settings.heartbeat_limit = 200ms;
  start();
  const auto worker = pid();
  ::kill(worker, SIGSTOP);
  const auto end = interpreter->wait_end();
  EXPECT_FALSE(end.asked);
  EXPECT_THAT(end.why.post_mortem()->reason, HasSubstr("heartbeat_limit_ms"));
  EXPECT_FALSE(alive(worker));
}

// ORIGINAL P24
TEST_F(Liveness, WhenACallKeepsTheGilThenItIsBusyAndNotDead) {
  settings.heartbeat_limit = 500ms;
  start();
  const auto worker = pid();
  // A library loaded so keeps the GIL; longer than the limit and two beats.
  value_of(session->eval("[c.poll(None, 0, 2_000) for c in "
                         "[__import__('ctypes').PyDLL(None)]]"));
  EXPECT_EQ(pid(), worker);
}

TEST_F(Liveness, WhenACallTakesLongThenItsPythonLineIsTold) {
  SKIP_WHERE_SIGNALS_WAIT();
  settings.stall_report = 50ms;
  start();
  const auto worker = pid();
  value_of(session->exec("def wait_for_long(path):\n"
                         "  return open(path).read()\n"));
  const auto gate = (folder / "gate").string();
  ::mkfifo(gate.c_str(), 0600);
  auto answer = session->submit(
    asking(verb::evaluate, {}, "wait_for_long(p)", "p"_a = gate));
  // What prepares it may stall, too.
  const auto told = event(event_kind::stalled, "running eval");
  EXPECT_EQ(told.pid, worker);
  EXPECT_EQ(told.call, "eval");
  EXPECT_EQ(told.session, "a");
  EXPECT_THAT(told.message, HasSubstr("line 2 in wait_for_long"));
  EXPECT_THAT(told.stacks, HasSubstr("wait_for_long"));
  std::ofstream{gate} << "done";
  EXPECT_EQ(value_of(answer_of(answer)), value{"done"});
  EXPECT_EQ(pid(), worker);
}

TEST_F(Liveness, WhenACallIsReportedThenItsSystemCallsGoOn) {
  settings.stall_report = 50ms;
  start();
  value_of(session->exec("import ctypes, os\n"
                         "c = ctypes.CDLL(None)\n"
                         "def read_in_c(path):\n"
                         "  file = os.open(path, os.O_RDONLY)\n"
                         "  read = ctypes.create_string_buffer(8)\n"
                         "  return [c.read(file, read, 8), read.value]\n"));
  const auto gate = (folder / "gate").string();
  ::mkfifo(gate.c_str(), 0600);
  auto answer =
    session->submit(asking(verb::evaluate, {}, "read_in_c(p)", "p"_a = gate));
  std::ofstream writer{gate};
  event(event_kind::stalled, "running eval");
  writer << "done" << std::flush;
  EXPECT_EQ(value_of(answer_of(answer)), (value{list{4, bytes{"done"}}}));
}

TEST_F(Liveness, WhenItIsStuckBetweenCallsThenItsPythonLineIsTold) {
  SKIP_WHERE_SIGNALS_WAIT();
  settings.stall_report = 50ms;
  start();
  const auto gate = (folder / "gate").string();
  ::mkfifo(gate.c_str(), 0600);
  auto other = interpreter->open("b");
  value_of(other.exec("class Slow:\n"
                      "  def __del__(self): open(gate).read()\n",
                      "gate"_a = gate));
  value_of(other.eval("Slow()"));
  other.close();
  auto answer = session->submit(asking(verb::evaluate, {}, "1 + 1"));
  const auto told = event(event_kind::stalled, "in __del__");
  EXPECT_EQ(told.call, "");
  EXPECT_THAT(told.message, HasSubstr("stuck between calls"));
  EXPECT_THAT(told.message, HasSubstr("line 2 in __del__"));
  std::ofstream{gate};
  EXPECT_EQ(value_of(answer_of(answer)), value{2});
}

TEST_F(Liveness, GivenALimitThenACallThatTakesLongerCostsItsWorker) {
  SKIP_WHERE_SIGNALS_WAIT();
  settings.stall_kill = 100ms;
  start();
  auto answer = hang(patience, deaf);
  EXPECT_EQ(code_of(answer_of(answer)), errc::interpreter_died);
  const auto end = interpreter->wait_end();
  EXPECT_THAT(end.why.post_mortem()->reason, HasSubstr("stall_kill_ms"));
  EXPECT_THAT(end.why.post_mortem()->stacks, HasSubstr("Current thread"));
}

TEST_F(Liveness, WhenItCrashesThenThePythonStacksAreTold) {
  start();
  value_of(session->exec("import ctypes, threading\n"
                         "waiting = threading.Event()\n"
                         "def wait_there(): waiting.wait()\n"
                         "threading.Thread(target=wait_there, "
                         "daemon=True).start()\n"
                         "def crash_here(): ctypes.string_at(0)\n"));
  const auto outcome = session->eval("crash_here()");
  ASSERT_EQ(code_of(outcome), errc::interpreter_died);
  const auto& death = *outcome.error().post_mortem();
  EXPECT_EQ(death.signal, "SIGSEGV");
  EXPECT_THAT(death.stacks, HasSubstr("Segmentation fault"));
  EXPECT_THAT(death.stacks, HasSubstr("in crash_here"));
  EXPECT_THAT(death.stacks, HasSubstr("in wait_there"));
  EXPECT_THAT(to_string(outcome.error()), HasSubstr("in crash_here"));
}

TEST_F(Liveness, WhenItDiesThenWhatItUsedIsTold) {
  start();
  const auto outcome =
    session->eval("sum(range(10_000_000)) and bytearray(50 << 20) and "
                  "__import__('os')._exit(1)");
  ASSERT_EQ(code_of(outcome), errc::interpreter_died);
  const auto& death = *outcome.error().post_mortem();
  EXPECT_GT(death.user_time + death.system_time, 0ms);
  EXPECT_GT(death.resident_bytes_max, std::uint64_t{50} << 20U);
}

TEST_F(Liveness, WhenItComesAndDiesThenBothAreEvents) {
  start();
  const auto ready = event(event_kind::ready);
  EXPECT_EQ(ready.pool, "test");
  EXPECT_EQ(ready.interpreter, 7U);
  EXPECT_EQ(ready.epoch, 1U);
  EXPECT_EQ(ready.pid, pid());
  EXPECT_EQ(code_of(session->eval("__import__('os')._exit(3)")),
            errc::interpreter_died);
  const auto ended = event(event_kind::ended);
  EXPECT_EQ(ended.call, "eval");
  EXPECT_EQ(ended.session, "a");
  ASSERT_TRUE(ended.death);
  EXPECT_EQ(ended.death->exit_status, 3);
}

TEST_F(Liveness, WhenItIsStoppedAsAskedThenThatIsNoEvent) {
  start();
  interpreter->stop();
  const std::lock_guard lock{mutex};
  for (const auto& each : events)
    EXPECT_NE(each.what, event_kind::ended);
}

TEST_F(Liveness, WhenItDiesWhileItStopsThenThatIsAnEvent) {
  start();
  value_of(session->exec("import atexit, os\n"
                         "atexit.register(os._exit, 3)"));
  EXPECT_TRUE(interpreter->stop().asked);
  const auto ended = event(event_kind::ended);
  EXPECT_EQ(ended.call, "");
  ASSERT_TRUE(ended.death);
  EXPECT_EQ(ended.death->exit_status, 3);
}

TEST_F(Liveness, WhenItDoesNotStopInTimeThenThatIsAnEvent) {
  settings.stop_timeout = 50ms;
  start();
  value_of(session->exec("import atexit, threading\n"
                         "atexit.register(threading.Event().wait)"));
  EXPECT_TRUE(interpreter->stop().asked);
  const auto ended = event(event_kind::ended);
  ASSERT_TRUE(ended.death);
  EXPECT_EQ(ended.death->signal, "SIGKILL") << ended.message;
  EXPECT_THAT(ended.death->reason, HasSubstr("asked to stop"));
}

TEST_F(Liveness, WhenNobodyKnowsWhoKilledItThenNoReasonIsInvented) {
  start();
  auto running = hang();
  ::kill(pid(), SIGKILL);
  const auto outcome = answer_of(running);
  ASSERT_EQ(code_of(outcome), errc::interpreter_died);
  EXPECT_EQ(outcome.error().post_mortem()->reason, "");
}

} // namespace snakebridge::testing
