// What is awaited in real Python, in both placements.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

class Awaiting : public EachPlacement {
protected:
  void SetUp() override {
    or_throw(
      bridge.exec("import asyncio\n"
                  "async def add(a, b):\n"
                  "  await asyncio.sleep(0)\n"
                  "  return a + b\n"
                  "async def fails(): raise ValueError('no')\n"
                  "class later:\n"
                  "  def __await__(self):\n"
                  "    yield from asyncio.sleep(0).__await__()\n"
                  "    return 'later'\n"
                  "async def endless():\n"
                  "  try: await asyncio.sleep(1000)\n"
                  "  except asyncio.CancelledError:\n"
                  "    seen.append('cancelled')\n"
                  "    raise\n"
                  "async def loop(): return id(asyncio.get_running_loop())\n"
                  "async def nested(): return await add(1, await add(2, 3))\n"
                  "seen = []"));
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Awaiting);

TEST_P(Awaiting, GivenACoroutineThenItsResultIsTheCalls) {
  EXPECT_EQ(bridge.call("asyncio", "sleep", 0, "done"), "done");
  EXPECT_EQ(bridge.eval("add(1, 2)"), 3);
  EXPECT_EQ(bridge.eval("nested()"), 6);
  EXPECT_EQ(bridge.call_object(or_throw(bridge.eval("add")), 1, 2), 3);
}

TEST_P(Awaiting, WhenItRaisesThenTheCallDoes) {
  const auto failed = bridge.eval("fails()");
  ASSERT_EQ(code_of(failed), sb::errc::python_raised);
  EXPECT_TRUE(failed.error().is("ValueError"));
}

TEST_P(Awaiting, WhenItIsNotToBeAwaitedThenItIsAnObject) {
  const auto kept = or_throw(bridge.with({.awaits = false}).eval("add(1, 2)"));
  ASSERT_TRUE(kept.is_ref());
  EXPECT_EQ(bridge.await(kept), 3);
}

TEST_P(Awaiting, GivenAnyAwaitableThenItIsAwaitedWhenAskedFor) {
  const auto made = or_throw(bridge.eval("later()"));
  ASSERT_TRUE(made.is_ref());
  EXPECT_EQ(bridge.await(made), "later");
  const auto refused = bridge.await(sb::value{5});
  ASSERT_EQ(code_of(refused), sb::errc::python_raised);
  EXPECT_TRUE(refused.error().is("TypeError"));
}

TEST_P(Awaiting, GivenSeveralThenTheyAreOnOneLoop) {
  const auto first = or_throw(bridge.eval("loop()"));
  EXPECT_EQ(bridge.eval("loop()"), first);
  // And one of its own still runs in a call.
  EXPECT_EQ(bridge.eval("asyncio.run(add(3, 4))"), 7);
}

TEST_P(Awaiting, WhenItsTimeIsOverThenTheTaskIsCancelled) {
  const auto late = bridge.with({.timeout = 200ms}).eval("endless()");
  EXPECT_EQ(code_of(late), sb::errc::deadline_exceeded);
  EXPECT_TRUE(eventually(
    [&] { return bridge.eval("seen") == sb::value{sb::list{"cancelled"}}; }));
}

TEST_P(Awaiting, WhileOneWaitsThenOthersAreServed) {
  or_throw(bridge.exec("async def opened():\n"
                       "  global gate\n"
                       "  gate = asyncio.Event()\n"
                       "  await gate.wait()\n"
                       "  return 'opened'\n"
                       "async def open(): gate.set()\n"));
  auto waits = bridge.async().eval("opened()");
  EXPECT_TRUE(
    eventually([&] { return bridge.eval("'gate' in globals()") == true; }));
  EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
  EXPECT_FALSE(waits.ready());
  or_throw(bridge.eval("open()"));
  EXPECT_EQ(waits.get(), "opened");
}

TEST_P(Awaiting, GivenAThousandThenTheyAwaitTogether) {
  or_throw(bridge.exec("arrived = 0\n"
                       "async def meet(n):\n"
                       "  global arrived, all_here\n"
                       "  if arrived == 0: all_here = asyncio.Event()\n"
                       "  arrived += 1\n"
                       "  if arrived == 1000: all_here.set()\n"
                       "  await all_here.wait()\n"
                       "  return n\n"));
  std::vector<sb::future<sb::value>> all;
  for (int n = 0; n < 1'000; ++n)
    all.push_back(
      bridge.with({.timeout = 60s}).async().eval("meet(n)", {{"n", n}}));
  for (int n = 0; n < 1'000; ++n)
    ASSERT_EQ(all[static_cast<std::size_t>(n)].get(), n);
}

TEST_P(Awaiting, WhenOneIsCancelledThenItsTaskIsAndNoOther) {
  auto lost = bridge.async().eval("endless()");
  auto kept = bridge.async().eval("asyncio.sleep(0.2, 'kept')");
  lost.cancel();
  EXPECT_EQ(code_of(lost.get()), sb::errc::cancelled);
  EXPECT_EQ(kept.get(), "kept");
}

TEST_P(Awaiting, WhenItCancelsItselfThenThatIsWhatItRaises) {
  or_throw(bridge.exec("async def gives_up():\n"
                       "  asyncio.current_task().cancel()\n"
                       "  await asyncio.sleep(1000)\n"));
  const auto failed = bridge.eval("gives_up()");
  ASSERT_EQ(code_of(failed), sb::errc::python_raised);
  EXPECT_TRUE(failed.error().is("asyncio.exceptions.CancelledError")) << failed;
}

TEST_P(Awaiting, WhenItsSessionEndsThenItsTaskIsCancelled) {
  or_throw(bridge.exec("import builtins\nbuiltins.ended = []\n"));
  {
    auto session = bridge.open_session({.id = "short"});
    or_throw(session.exec("import asyncio\n"
                          "async def endless():\n"
                          "  ended.append('begun')\n"
                          "  try: await asyncio.sleep(1000)\n"
                          "  finally: ended.append('over')\n"));
    auto waits = session.async().eval("endless()");
    EXPECT_TRUE(eventually([&] { return bridge.eval("len(ended)") == 1; }));
    or_throw(bridge.release_session("short"));
    EXPECT_EQ(code_of(waits.get()), sb::errc::session_closed);
  }
  EXPECT_TRUE(eventually([&] { return bridge.eval("len(ended)") == 2; }));
  or_throw(bridge.exec("del builtins.ended"));
}

TEST_P(Awaiting, GivenObjectsThenTheyAreOfTheSession) {
  or_throw(bridge.exec("import pathlib\n"
                       "async def folder(): return pathlib.Path('/tmp')\n"));
  const auto made = or_throw(bridge.eval("folder()")).as<sb::ref>();
  EXPECT_EQ(bridge.attr(made, "name"), "tmp");
  EXPECT_EQ(bridge.release(made), true);
}

TEST_P(Awaiting, GivenContextVariablesThenTheyHold) {
  or_throw(
    bridge.exec("import contextvars, snakebridge, decimal\n"
                "mine = contextvars.ContextVar('mine', default=0)\n"
                "mine.set(7)\n"
                "decimal.getcontext().prec = 5\n"
                "async def told():\n"
                "  before = snakebridge.session_id.get(), mine.get()\n"
                "  await asyncio.sleep(0)\n"
                "  other = await asyncio.to_thread(snakebridge.session_id)\n"
                "  return [*before, snakebridge.session_id(), other]\n"));
  const auto id = bridge.current_session();
  EXPECT_EQ(bridge.eval("told()"), (sb::value{sb::list{id, 7, id, id}}));
  EXPECT_EQ(
    bridge.eval(
      "mine.get(), snakebridge.session_id(), decimal.getcontext().prec"),
    (sb::value{sb::tuple{7, id, 5}}));
  auto other = bridge.open_session({.id = "other"});
  EXPECT_EQ(other.eval("__import__('snakebridge').session_id()"), "other");
  EXPECT_EQ(other.eval("__import__('decimal').getcontext().prec"), 28);
}

TEST_P(Awaiting, GivenAContextManagerThenItIsEnteredAndLeft) {
  or_throw(
    bridge.exec("class resource:\n"
                "  async def __aenter__(self):\n"
                "    await asyncio.sleep(0); seen.append('in'); return self\n"
                "  async def __aexit__(self, *why):\n"
                "    await asyncio.sleep(0); seen.append('out')\n"));
  const auto made = or_throw(bridge.eval("resource()")).as<sb::ref>();
  EXPECT_TRUE(bridge.method(made, "__aenter__"));
  EXPECT_TRUE(bridge.method(made, "__aexit__", nullptr, nullptr, nullptr));
  EXPECT_EQ(bridge.eval("seen"), (sb::value{sb::list{"in", "out"}}));
}

TEST_P(Awaiting, WhenATaskCallsBackThenItIsAnswered) {
  or_throw(bridge.exec("async def asks(f):\n"
                       "  await asyncio.sleep(0)\n"
                       "  return f(20) + f(1)\n"));
  auto& here = bridge;
  const auto doubled = sb::callback([&here](int x) {
    return or_throw(here.eval("x * 2", {{"x", x}}));
  });
  EXPECT_EQ(bridge.eval("asks(f)", {{"f", doubled}}), 42);
}

TEST_P(Awaiting, WhenItEndsTheProgramThenTheLoopGoesOn) {
  or_throw(bridge.exec("async def leaves(): raise SystemExit(3)\n"));
  const auto left = bridge.with({.timeout = 30s}).eval("leaves()");
  ASSERT_EQ(code_of(left), sb::errc::python_raised);
  EXPECT_TRUE(left.error().is("SystemExit"));
  EXPECT_EQ(bridge.eval("add(1, 2)"), 3);
}

TEST_P(Awaiting, WhenACallbackAwaitsThenItsCallGoesOn) {
  auto& here = bridge;
  const auto added = sb::callback([&here](int x) {
    return or_throw(here.eval("add(x, 1)", {{"x", x}}));
  });
  EXPECT_EQ(bridge.call("builtins", "list",
                        or_throw(bridge.call("builtins", "map", added,
                                             sb::list{1, 2, 3}))),
            (sb::value{sb::list{2, 3, 4}}));
}

class AwaitingInAWorker : public InAWorker {};

TEST_F(AwaitingInAWorker, WhenItDiesThenAllThatAwaitHearOfIt) {
  or_throw(bridge.exec("import asyncio, os"));
  auto first = bridge.async().eval("asyncio.sleep(1000)");
  auto second = bridge.async().eval("asyncio.sleep(1000)");
  EXPECT_TRUE(eventually([&] { return first_of(bridge).running == 2; }));
  const auto died = bridge.call("os", "_exit", 3);
  EXPECT_EQ(code_of(died), sb::errc::interpreter_died);
  for (auto* each : {&first, &second}) {
    const auto failed = error_of(each->get());
    EXPECT_EQ(failed.code(), sb::errc::interpreter_died);
    EXPECT_TRUE(failed.may_have_run());
  }
  EXPECT_TRUE(is_ready(bridge));
  EXPECT_EQ(bridge.call("asyncio", "sleep", 0, "again"), "again");
}

class WatchedAwaits : public ::testing::TestWithParam<sb::placement> {
protected:
  sb::config watched() {
    auto wanted = one_pool(GetParam());
    wanted.pools.front().stall_report = 50ms;
    wanted.on_event = [this](const sb::interpreter_event& event) {
      if (event.what != sb::event_kind::stalled)
        return;
      const std::lock_guard lock{mutex_};
      told_.push_back(event);
    };
    return wanted;
  }

  std::mutex mutex_;
  std::vector<sb::interpreter_event> told_;
  sb::bridge bridge{watched()};
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(WatchedAwaits);

TEST_P(WatchedAwaits, WhenATaskBlocksTheLoopThenThatIsTold) {
  or_throw(bridge.exec("import asyncio, time\n"
                       "go_on = False\n"
                       "async def blocks():\n"
                       "  while not go_on: time.sleep(0.001)\n"
                       "  return 'done'\n"));
  auto blocks = bridge.async().eval("blocks()");
  // What prepares it may stall, too.
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock{mutex_};
    return std::any_of(told_.begin(), told_.end(), [](const auto& each) {
      return each.call == "eval"
             && each.stacks.find(" in blocks") != std::string::npos;
    });
  }));
  or_throw(bridge.exec("go_on = True"));
  EXPECT_EQ(blocks.get(), "done");
}

class HurriedAwaits : public InAWorker {
protected:
  HurriedAwaits() : InAWorker{hurried()} {}

  static sb::config hurried() {
    auto wanted = one_pool(sb::placement::worker);
    wanted.pools.front().cancel_grace = 200ms;
    wanted.pools.front().kill_grace = 200ms;
    return wanted;
  }
};

// A task calls back, and that calls on, behind a call of another session.
class AwaitsBesideCalls : public HurriedAwaits {
protected:
  void SetUp() override {
    or_throw(
      bridge.exec("import asyncio, builtins\n"
                  "builtins.asked = None\n"
                  "async def asks(f):\n"
                  "  event = asyncio.Event()\n"
                  "  builtins.asked = asyncio.get_running_loop(), event\n"
                  "  await event.wait()\n"
                  "  return f()\n"));
    or_throw(other->exec("import time, builtins\n"
                         "def nap(s):\n"
                         "  while builtins.asked is None: time.sleep(0.001)\n"
                         "  loop, event = builtins.asked\n"
                         "  loop.call_soon_threadsafe(event.set)\n"
                         "  end = time.monotonic() + s\n"
                         "  while time.monotonic() < end: time.sleep(0.001)\n"
                         "  return 'slept'\n"));
  }
  void TearDown() override {
    or_throw(bridge.exec("del builtins.asked"));
    other.reset();
    HurriedAwaits::TearDown();
  }

  std::optional<sb::session> other = bridge.open_session();
};

TEST_F(AwaitsBesideCalls, WhenWhatItCallsIsLateThenTheOtherCallGoesOn) {
  auto& here = bridge;
  std::atomic<int> late = 0;
  const auto hurries = sb::callback([&] {
    const auto outcome = here.with({.timeout = 50ms}).eval("1 + 1");
    late = code_of(outcome) == sb::errc::deadline_exceeded ? 1 : 2;
    return 5;
  });
  auto task = bridge.async().eval("asks(f)", {{"f", hurries}});
  EXPECT_EQ(other->eval("nap(1)"), "slept"); // longer than both graces
  EXPECT_EQ(task.get(), 5);
  EXPECT_EQ(late, 1);
}

TEST_F(AwaitsBesideCalls, WhenTheOtherCallIsGivenUpThenWhatItCallsGoesOn) {
  auto& here = bridge;
  const auto asks = sb::callback([&] { return or_throw(here.eval("6 * 7")); });
  auto task = bridge.async().eval("asks(f)", {{"f", asks}});
  EXPECT_EQ(code_of(other->with({.timeout = 150ms}).eval("nap(1000)")),
            sb::errc::deadline_exceeded);
  EXPECT_EQ(task.get(), 42);
}

TEST_F(HurriedAwaits, WhenATaskKeepsOnThenItsWorkerIsReplaced) {
  or_throw(bridge.exec("import asyncio\n"
                       "async def keeps_on():\n"
                       "  while True:\n"
                       "    try: await asyncio.sleep(1000)\n"
                       "    except asyncio.CancelledError: pass\n"));
  const auto pid = first_of(bridge).pid;
  const auto late = bridge.with({.timeout = 100ms}).eval("keeps_on()");
  EXPECT_EQ(code_of(late), sb::errc::deadline_exceeded);
  EXPECT_TRUE(eventually(
    [&] { return first_of(bridge).ready && first_of(bridge).pid != pid; }));
}

// Here there is nothing to kill: it is cancelled again and again.
class HurriedAwaitsHere : public ::testing::Test {
protected:
  static sb::config hurried() {
    auto wanted = one_pool(sb::placement::embedded);
    wanted.pools.front().cancel_grace = 20ms;
    return wanted;
  }
  bool nothing_runs() {
    return eventually([&] { return first_of(bridge).running == 0; });
  }

  sb::bridge bridge{hurried()};
};

TEST_F(HurriedAwaitsHere, WhenATaskKeepsOnThenItIsCancelledUntilItEnds) {
  or_throw(bridge.exec("import asyncio\n"
                       "times = 0\n"
                       "async def keeps_on():\n"
                       "  global times\n"
                       "  while times < 3:\n"
                       "    try: await asyncio.sleep(1000)\n"
                       "    except asyncio.CancelledError: times += 1\n"));
  const auto late = bridge.with({.timeout = 50ms}).eval("keeps_on()");
  EXPECT_EQ(code_of(late), sb::errc::deadline_exceeded);
  EXPECT_TRUE(nothing_runs());
  EXPECT_EQ(bridge.eval("times"), 3);
}

TEST_F(HurriedAwaitsHere, WhenATaskBlocksTheLoopThenCodeInItIsInterrupted) {
  or_throw(bridge.exec("import asyncio, time, snakebridge\n"
                       "seen = []\n"
                       "async def blocks():\n"
                       "  try:\n"
                       "    while True: time.sleep(0.001)\n"
                       "  except snakebridge.Cancelled:\n"
                       "    seen.append('interrupted')\n"
                       "    raise\n"));
  auto other = bridge.async().eval("asyncio.sleep(0.2, 'slept')");
  const auto late = bridge.with({.timeout = 50ms}).eval("blocks()");
  EXPECT_EQ(code_of(late), sb::errc::deadline_exceeded);
  EXPECT_TRUE(nothing_runs() || other.ready());
  EXPECT_EQ(bridge.eval("seen"), (sb::list{"interrupted"}));
  EXPECT_EQ(other.get(), "slept");
  EXPECT_EQ(bridge.eval("asyncio.sleep(0, 'again')"), "again");
}

TEST_F(HurriedAwaits, WhenATaskBlocksTheLoopThenItsWorkerIsReplaced) {
  or_throw(bridge.exec("import asyncio, time\n"
                       "async def blocks(): time.sleep(1000)\n"));
  const auto pid = first_of(bridge).pid;
  const auto late = bridge.with({.timeout = 100ms}).eval("blocks()");
  EXPECT_EQ(code_of(late), sb::errc::deadline_exceeded);
  EXPECT_TRUE(eventually(
    [&] { return first_of(bridge).ready && first_of(bridge).pid != pid; }));
}

} // namespace snakebridge::testing
