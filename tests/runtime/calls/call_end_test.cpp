// How calls end that nobody wants any more: cancelled, past their deadline, of
// a session that has ended. The worker goes on where Python lets it.
#include "tests/runtime/hosts/worker_fixture.hpp"
#include "tests/support/under_tsan.hpp"

#include <csignal>

namespace snakebridge::testing {

namespace {

// Ways to be in a call, each until it is interrupted.
constexpr auto* ways = R"(
import ctypes, os, select, socket, threading, time, snakebridge
pipe, other_end = os.pipe()
near, far = socket.socketpair()
c = ctypes.PyDLL(None) # keeps the GIL
def here(): open(gate, 'w').close()
def sleep(): time.sleep(60)
def begin(): # what follows has been interrupted
  here()
  sleep()
def spin():
  while True: pass
def spin_in_c(): return sum(1 for _ in iter(int, 1))
def hold_gil():
  while True: c.usleep(200_000)
def read(): os.read(pipe, 1)
def receive(): near.recv(1)
def poll(): select.select([pipe], [], [])
def lock():
  held = threading.Lock()
  held.acquire()
  held.acquire()
def join():
  other = threading.Thread(target=time.sleep, args=(60,), daemon=True)
  other.start()
  other.join()
def catch_all():
  try: begin()
  except BaseException: pass
  while True:
    try: time.sleep(60)
    except BaseException: pass
def deadlock(): # holding the GIL, and no signal ends it
  mutex = ctypes.create_string_buffer(64)
  c.pthread_mutex_lock(mutex)
  try: begin()
  except BaseException: pass
  c.pthread_mutex_lock(mutex)
)";

} // namespace

class CallEnd : public worker_test {
protected:
  void begin() {
    start();
    prepare();
  }
  void prepare() {
    const auto gate = (folder / "gate").string();
    ::mkfifo(gate.c_str(), 0600);
    value_of(session->exec(ways, "gate"_a = gate));
    before = pid();
  }

  /// The code has called `here()`.
  promised running(const std::string& code, cancel_token cancel) {
    return running_in(*session, code, std::move(cancel));
  }
  promised running_in(test_session& in, const std::string& code,
                      cancel_token cancel = {}) {
    auto asked = asking(verb::evaluate, {}, code);
    asked.cancel = std::move(cancel);
    auto answer = in.submit(std::move(asked));
    std::ifstream wait_until_it_runs{folder / "gate"};
    return answer;
  }

  void expect_same_worker() {
    EXPECT_EQ(value_of(session->eval("1 + 1")), value{2});
    EXPECT_EQ(pid(), before);
  }

  /// The code is cancelled, does not end, and is killed in the end.
  post_mortem killed_in(const std::string& code) {
    // Long enough for it to come from the first interruption to where it stays:
    // another could end it on the way.
    settings.cancel_grace = 500ms;
    settings.kill_grace = 50ms; // until one more
    begin();
    auto answer = running(code, source.token());
    source.cancel();
    EXPECT_EQ(code_of(answer_of(answer)), errc::cancelled);
    const auto end = interpreter->wait_end();
    EXPECT_FALSE(end.asked);
    EXPECT_FALSE(alive(before));
    EXPECT_TRUE(interpreter->start_and_wait());
    EXPECT_EQ(value_of(session->eval("1 + 1")), value{2});
    return end.why.post_mortem() ? *end.why.post_mortem() : post_mortem{};
  }

  /// The worker, stuck between calls, is killed for a call that is given up
  /// there; one that waits runs on the next.
  post_mortem killed_between_calls() {
    const auto given_up =
      session->run(asking(verb::evaluate, {}, "1"), steady_clock::now() + 20ms);
    EXPECT_EQ(code_of(given_up), errc::deadline_exceeded);
    EXPECT_FALSE(given_up.error().may_have_run());
    auto waiting = session->submit(asking(verb::evaluate, {}, "1 + 1"));
    const auto end = interpreter->wait_end();
    EXPECT_FALSE(end.asked);
    EXPECT_TRUE(interpreter->start_and_wait());
    EXPECT_EQ(value_of(answer_of(waiting)), value{2});
    return end.why.post_mortem() ? *end.why.post_mortem() : post_mortem{};
  }

  cancel_source source;
  int before = 0;
};

TEST_F(CallEnd, WhenACallIsCancelledThenItEndsAndItsWorkerLives) {
  SKIP_WHERE_SIGNALS_WAIT();
  begin();
  for (const char* way :
       {"sleep()", "spin()", "spin_in_c()", "hold_gil()", "read()", "receive()",
        "poll()", "lock()", "join()"}) {
    SCOPED_TRACE(way);
    cancel_source here;
    auto answer = running("[here(), " + std::string{way} + "]", here.token());
    here.cancel();
    const auto outcome = answer_of(answer);
    ASSERT_EQ(code_of(outcome), errc::cancelled);
    EXPECT_TRUE(outcome.error().may_have_run());
    EXPECT_THAT(outcome.error().message(), HasSubstr("while Python ran it"));
    expect_same_worker();
  }
}

TEST_F(CallEnd, WhenItsTimeIsOverThenItEndsAndItsWorkerLives) {
  SKIP_WHERE_SIGNALS_WAIT();
  begin();
  for (const char* way : {"sleep()", "spin()", "hold_gil()", "read()"}) {
    SCOPED_TRACE(way);
    const auto outcome = session->run(asking(verb::evaluate, {}, way),
                                      steady_clock::now() + 100ms);
    ASSERT_EQ(code_of(outcome), errc::deadline_exceeded);
    expect_same_worker();
  }
}

TEST_F(CallEnd, WhenAThreadWaitsForItThenThatIsAnsweredAtOnce) {
  begin();
  auto asked = asking(verb::evaluate, {}, "begin()");
  asked.cancel = source.token();
  std::thread canceller{[this] {
    std::ifstream wait_until_it_runs{folder / "gate"};
    source.cancel();
  }};
  EXPECT_EQ(code_of(session->run(std::move(asked))), errc::cancelled);
  canceller.join();
  expect_same_worker();
}

TEST_F(CallEnd, WhenItCleansUpThenItIsNotDisturbedByAnotherInterruption) {
  begin();
  value_of(session->exec("def clean_up():\n"
                         "  global raised, cleaned\n"
                         "  try: begin()\n"
                         "  except BaseException as e:\n"
                         "    raised = type(e)\n"
                         "    for _ in range(100): time.sleep(0.001)\n"
                         "    cleaned = True\n"
                         "    raise\n"));
  auto answer = running("clean_up()", source.token());
  source.cancel();
  EXPECT_EQ(code_of(answer_of(answer)), errc::cancelled);
  EXPECT_EQ(value_of(session->eval("raised is snakebridge.Cancelled and not "
                                   "issubclass(raised, Exception)")),
            value{true});
  EXPECT_EQ(value_of(session->eval("cleaned")), value{true});
  expect_same_worker();
}

TEST_F(CallEnd, GivenCodeThatCatchesItThenItIsInterruptedAgain) {
  settings.cancel_grace = 10ms;
  begin();
  value_of(session->exec("def catch_twice():\n"
                         "  for run in begin, sleep:\n"
                         "    try: run()\n"
                         "    except BaseException: pass\n"
                         "  sleep()\n"));
  auto answer = running("catch_twice()", source.token());
  source.cancel();
  EXPECT_EQ(code_of(answer_of(answer)), errc::cancelled);
  expect_same_worker();
}

TEST_F(CallEnd, GivenCodeThatCatchesAllThenItIsKilledAndItsLineIsTold) {
  const auto death = killed_in("catch_all()");
  EXPECT_EQ(death.signal, "SIGKILL");
  EXPECT_THAT(death.reason, HasSubstr("kill_grace_ms"));
  EXPECT_THAT(death.stacks, HasSubstr("in catch_all"));
  EXPECT_EQ(death.call, "eval");
}

TEST_F(CallEnd, GivenACFunctionThatKeepsTheGilThenItIsKilledAndItsLineTold) {
  SKIP_WHERE_SIGNALS_WAIT();
  EXPECT_THAT(killed_in("deadlock()").stacks, HasSubstr("in deadlock"));
}

TEST_F(CallEnd, WhenItIsCancelledBeforeItWasStartedThenItNeverRuns) {
  begin();
  const auto proof = folder / "ran";
  cancel_source first;
  auto held = running("begin()", first.token());
  auto asked = asking(verb::call, "builtins", "open", proof.string(), "w");
  asked.cancel = source.token();
  auto answer = session->submit(std::move(asked));
  source.cancel();
  const auto outcome = answer_of(answer);
  EXPECT_EQ(code_of(outcome), errc::cancelled);
  EXPECT_FALSE(outcome.error().may_have_run());
  EXPECT_THAT(outcome.error().message(), HasSubstr("before it started"));
  first.cancel();
  EXPECT_EQ(code_of(answer_of(held)), errc::cancelled);
  expect_same_worker();
  EXPECT_FALSE(std::filesystem::exists(proof));
}

TEST_F(CallEnd, GivenACancelledSourceThenACallIsRefusedAtOnce) {
  begin();
  source.cancel();
  auto asked = asking(verb::evaluate, {}, "sleep()");
  asked.cancel = source.token();
  const auto outcome = session->run(asked);
  EXPECT_EQ(code_of(outcome), errc::cancelled);
  EXPECT_FALSE(outcome.error().may_have_run());
  auto submitted = session->submit(asked);
  EXPECT_EQ(code_of(answer_of(submitted)), errc::cancelled);
  expect_same_worker();
}

TEST_F(CallEnd, WhenOneIsCancelledAsItEndsThenTheNextIsNotInterrupted) {
  begin();
  for (int round = 0; round < 300; ++round) {
    cancel_source here;
    auto asked = asking(verb::evaluate, {}, "sum(range(2_000))");
    asked.cancel = here.token();
    auto answer = session->submit(std::move(asked));
    auto next = session->submit(
      asking(verb::evaluate, {}, "[i for i in range(1_000)][-1]"));
    here.cancel();
    ASSERT_EQ(value_of(answer_of(next)), value{999});
    const auto outcome = answer_of(answer);
    ASSERT_TRUE(outcome || outcome.error().code() == errc::cancelled);
  }
  EXPECT_EQ(pid(), before);
}

TEST_F(CallEnd, WhenPythonAsksThenItHearsWhetherItsCallIsCancelled) {
  begin();
  value_of(session->exec("def ask():\n"
                         "  global heard\n"
                         "  heard = [snakebridge.cancelled()]\n"
                         "  try: begin()\n"
                         "  except BaseException: pass\n"
                         "  heard.append(snakebridge.cancelled())\n"));
  auto answer = running("ask()", source.token());
  source.cancel();
  EXPECT_EQ(code_of(answer_of(answer)), errc::cancelled);
  EXPECT_EQ(value_of(session->eval("heard")), (value{list{false, true}}));
  EXPECT_EQ(value_of(session->eval("snakebridge.cancelled()")), value{false});
}

TEST_F(CallEnd, WhenAThreadItStartedAsksThenThatHearsItToo) {
  begin();
  value_of(session->exec("def ask():\n"
                         "  while not snakebridge.cancelled():\n"
                         "    time.sleep(0.001)\n"
                         "def ask_elsewhere():\n"
                         "  other = threading.Thread(target=ask)\n"
                         "  other.start()\n"
                         "  try: begin()\n"
                         "  finally: other.join()\n"));
  auto answer = running("ask_elsewhere()", source.token());
  source.cancel();
  EXPECT_EQ(code_of(answer_of(answer)), errc::cancelled);
  expect_same_worker();
}

TEST_F(CallEnd, WhenItReturnsAnObjectNeverthelessThenThatIsNotKept) {
  begin();
  value_of(session->exec("def return_late():\n"
                         "  try: begin()\n"
                         "  except BaseException: return object()\n"));
  auto answer = running("return_late()", source.token());
  source.cancel();
  EXPECT_EQ(code_of(answer_of(answer)), errc::cancelled);
  expect_same_worker();
  EXPECT_EQ(interpreter->live_objects(), 0U);
}

TEST_F(CallEnd, WhenItsSessionEndsThenItEndsAndItsWorkerLives) {
  begin();
  auto other = interpreter->open("b");
  value_of(other.exec(ways, "gate"_a = (folder / "gate").string()));
  auto answer = running_in(other, "begin()");
  auto waiting = other.submit(asking(verb::evaluate, {}, "1"));
  other.close();
  const auto outcome = answer_of(answer);
  EXPECT_EQ(code_of(outcome), errc::session_closed);
  EXPECT_TRUE(outcome.error().may_have_run());
  const auto unstarted = answer_of(waiting);
  EXPECT_EQ(code_of(unstarted), errc::session_closed);
  EXPECT_FALSE(unstarted.error().may_have_run());
  expect_same_worker();
}

TEST_F(CallEnd, GivenAFinaliserThatNeverEndsThenItsWorkerIsReplaced) {
  SKIP_WHERE_SIGNALS_WAIT();
  settings.cancel_grace = settings.kill_grace = 10ms;
  begin();
  auto other = interpreter->open("b");
  value_of(other.exec("class Endless:\n"
                      "  def __del__(self):\n"
                      "    open(gate, 'w').close()\n"
                      "    while True: pass\n",
                      "gate"_a = (folder / "gate").string()));
  value_of(other.eval("Endless()"));
  other.close();
  std::ifstream wait_until_it_runs{folder / "gate"};
  const auto death = killed_between_calls();
  EXPECT_THAT(death.reason, HasSubstr("stuck between calls"));
  EXPECT_THAT(death.stacks, HasSubstr("in __del__"));
  EXPECT_EQ(death.call, "");
}

TEST_F(CallEnd, GivenAThreadThatKeepsTheGilForEverThenItsWorkerIsReplaced) {
  settings.cancel_grace = settings.kill_grace = 10ms;
  begin();
  value_of(session->exec("def keep_it():\n"
                         "  open(gate).read()\n"
                         "  c.system(f': > {gate}; cat {gate}'.encode())\n"
                         "threading.Thread(target=keep_it, "
                         "daemon=True).start()\n"));
  std::ofstream{folder / "gate"};
  // The call that keeps it opens this, and then waits for a second writer.
  { std::ifstream wait_until_it_has_it{folder / "gate"}; }
  const auto death = killed_between_calls();
  EXPECT_THAT(death.reason, HasSubstr("stuck between calls"));
  EXPECT_THAT(death.stacks, HasSubstr("in keep_it"));
}

TEST_F(CallEnd, WhenACallIsGivenUpWhileAnotherRunsThenThatIsNotKilled) {
  settings.cancel_grace = settings.kill_grace = 0ms;
  begin();
  value_of(session->exec("def wait(): return open(gate).read()"));
  auto wanted = running("[here(), wait()][1]", {});
  EXPECT_EQ(code_of(session->run(asking(verb::evaluate, {}, "1"),
                                 steady_clock::now() + 10ms)),
            errc::deadline_exceeded);
  std::ofstream{folder / "gate"} << "done";
  EXPECT_EQ(value_of(answer_of(wanted)), value{"done"});
  expect_same_worker();
}

TEST_F(CallEnd, WhenItIsGivenUpAtItsVeryEndThenWhatItMadeIsFreed) {
  begin();
  // What a call printed is flushed after its last line.
  value_of(session->exec("import sys\n"
                         "class held_up:\n"
                         "  def __init__(self):\n"
                         "    self.before, sys.stdout = sys.stdout, self\n"
                         "  def write(self, text): pass\n"
                         "  def flush(self):\n"
                         "    sys.stdout = self.before\n"
                         "    here()\n"
                         "    open(gate).read()\n"));
  for (const char* code :
       {"held_up() and [object(), {'a': object()}]", "held_up() and 1 / 0"}) {
    SCOPED_TRACE(code);
    cancel_source here;
    auto asked = asking(verb::evaluate, {}, code);
    asked.cancel = here.token();
    asked.keep_exception = true;
    auto answer = session->submit(std::move(asked));
    { std::ifstream wait_until_it_has_run{folder / "gate"}; }
    EXPECT_GT(interpreter->live_objects(), 0U);
    here.cancel();
    EXPECT_EQ(code_of(answer_of(answer)), errc::cancelled);
    expect_same_worker(); // the flush is interrupted, as a part of the call
    EXPECT_TRUE(interpreter->ends_empty());
  }
}

} // namespace snakebridge::testing
