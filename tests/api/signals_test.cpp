// Signals that are meant for the program reach its workers too: a service
// manager stops a whole control group, a terminal its foreground. Workers end
// with the bridge, and by nothing else; what Python starts has the defaults.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"
#include "tests/support/process_facts.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/under_tsan.hpp"

#include <csignal>
#include <fstream>
#include <future>

#include <unistd.h>

namespace snakebridge::testing {

class ServiceSignals : public ::testing::TestWithParam<int> {
protected:
  static void signal(int pid) { ::kill(pid, GetParam()); }

  /// It has come to Python's handler by then, if it has one.
  static void expect_undisturbed(const sb::bridge& bridge) {
    EXPECT_EQ(bridge.eval("[n for n in range(3)]"), (sb::list{0, 1, 2}));
    EXPECT_EQ(first_of(bridge).deaths, 0U);
  }
};

INSTANTIATE_TEST_SUITE_P(Each, ServiceSignals,
                         ::testing::Values(SIGTERM, SIGINT, SIGHUP),
                         [](const auto& each) {
                           return std::string{::sigabbrev_np(each.param)};
                         });

// The kernel may share the processor out by sessions.
TEST(GroupOfAWorker, GivenOneThenItIsItsOwnInTheSessionOfTheProgram) {
  const sb::bridge bridge{one_pool(sb::placement::worker)};
  const auto pid = first_of(bridge).pid;
  EXPECT_EQ(::getpgid(pid), pid);
  EXPECT_EQ(::getsid(pid), ::getsid(0));
}

TEST_P(ServiceSignals, WhileItIsIdleThenNothingComesOfIt) {
  const sb::bridge bridge{one_pool(sb::placement::worker)};
  for (int n = 0; n < 20; ++n) {
    signal(first_of(bridge).pid);
    expect_undisturbed(bridge);
  }
}

TEST_P(ServiceSignals, WhileACallRunsThenItGoesOn) {
  const sb::bridge bridge{one_pool(sb::placement::worker)};
  gate in_python, in_c;
  auto waits = std::async(std::launch::async, [&] {
    return bridge.eval("[" + in_python.wait_here() + ", "
                       + in_c.wait_here_in_c() + "]");
  });
  ASSERT_TRUE(in_python.has_a_caller());
  signal(first_of(bridge).pid);
  in_python.open();
  ASSERT_TRUE(in_c.has_a_caller());
  signal(first_of(bridge).pid);
  in_c.open();
  EXPECT_EQ(waits.get(), (sb::list{"", 0}));
  expect_undisturbed(bridge);
}

TEST_P(ServiceSignals, WhileItStartsThenItComesUp) {
  gate here;
  const scratch_folder folder;
  std::ofstream{folder / "newcomer.py"} << here.wait_here() << '\n';
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools[0].path = {folder.path()};
  wanted.pools[0].preload = {"newcomer"};
  auto started =
    std::async(std::launch::async, [&] { return sb::bridge::start(wanted); });
  ASSERT_TRUE(here.has_a_caller());
  const auto workers = children_of_this_process();
  ASSERT_EQ(workers.size(), 1U);
  signal(workers[0]);
  here.open();
  const auto bridge = started.get();
  ASSERT_TRUE(bridge) << bridge.error();
  EXPECT_EQ(first_of(**bridge).pid, workers[0]);
  expect_undisturbed(**bridge);
}

TEST_P(ServiceSignals, GivenADefaultOfAPreloadedModuleThenItIsTakenAgain) {
  const scratch_folder folder;
  std::ofstream{folder / "newcomer.py"}
    << "import signal\n"
       "for each in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:\n"
       "  signal.signal(each, signal.SIG_DFL)\n";
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools[0].path = {folder.path()};
  wanted.pools[0].preload = {"newcomer"};
  const sb::bridge bridge{wanted};
  signal(first_of(bridge).pid);
  expect_undisturbed(bridge);
}

TEST_P(ServiceSignals, WhileItIsASpareThenItStaysOne) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools[0].spares = 1;
  const sb::bridge bridge{wanted};
  ASSERT_TRUE(eventually([&] { return bridge.stats().pools[0].spares == 1; }));
  auto spares = children_of_this_process();
  std::erase(spares, first_of(bridge).pid);
  ASSERT_EQ(spares.size(), 1U);
  signal(spares[0]);
  ::kill(first_of(bridge).pid, SIGKILL);
  EXPECT_EQ(bridge.with({.idempotent = true}).eval("1"), 1);
  EXPECT_EQ(first_of(bridge).pid, spares[0]);
}

TEST_P(ServiceSignals, WhileItIsReplacedThenNoCallIsLost) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools[0].recycle.calls = 1;
  const sb::bridge bridge{wanted};
  const auto begin = first_of(bridge).pid;
  EXPECT_TRUE(eventually([&] {
    for (const int each : children_of_this_process())
      signal(each);
    EXPECT_EQ(bridge.eval("1"), 1);
    EXPECT_TRUE(bridge.release_auto_session());
    return first_of(bridge).recycled > 0;
  }));
  EXPECT_NE(first_of(bridge).pid, begin);
  expect_undisturbed(bridge);
}

// What `python3` would have: SIGINT is a KeyboardInterrupt.
TEST_P(ServiceSignals, GivenProcessesOfItsOwnThenTheyEndByIt) {
  SKIP_WHERE_SIGNALS_WAIT();
  const sb::bridge bridge{one_pool(sb::placement::worker)};
  or_throw(bridge.exec(R"(
    import multiprocessing, os, signal, subprocess, sys
    def wait(ready):
        sys.stderr = open(os.devnull, 'w')
        ready.send(1)
        signal.pause()
    def forked(number):
        ours, theirs = multiprocessing.get_context('fork').Pipe()
        child = multiprocessing.get_context('fork').Process(
            target=wait, args=(theirs,))
        child.start()
        ours.recv()
        os.kill(child.pid, number)
        child.join()
        return child.exitcode
    def started(number):
        child = subprocess.Popen(['sleep', '1000'])
        child.send_signal(number)
        return child.wait()
  )"));
  const auto number = GetParam();
  EXPECT_EQ(bridge.eval("forked(n)", {{"n", number}}),
            number == SIGINT ? 1 : -number);
  EXPECT_EQ(bridge.eval("started(n)", {{"n", number}}), -number);
}

// At once: they have their defaults by then, or what was sent waits for that.
TEST_P(ServiceSignals, GivenAProcessThatHasJustBegunThenItEndsByIt) {
  SKIP_WHERE_SIGNALS_WAIT();
  const sb::bridge bridge{one_pool(sb::placement::worker)};
  or_throw(bridge.exec(R"(
    import multiprocessing, os, signal, sys
    def wait():
        sys.stderr = open(os.devnull, 'w')
        signal.pause()
    def ends(number):
        child = multiprocessing.get_context('fork').Process(target=wait)
        child.start()
        os.kill(child.pid, number)
        child.join()
        return child.exitcode
  )"));
  const auto number = GetParam();
  if (number == SIGINT)
    return; // its KeyboardInterrupt may come before there is anybody to end
  for (int n = 0; n < 20; ++n)
    EXPECT_EQ(bridge.eval("ends(n)", {{"n", number}}), -number);
}

// As libraries do that want one for a while.
TEST_P(ServiceSignals, GivenAHandlerForAWhileThenItIsAsBefore) {
  const sb::bridge bridge{one_pool(sb::placement::worker)};
  or_throw(bridge.exec(R"(
    import asyncio, signal
    def during(number):
        taken = []
        before = signal.signal(number, lambda *_: taken.append(number))
        signal.raise_signal(number)
        signal.signal(number, before)
        signal.raise_signal(number)
        return len(taken)
    async def nothing(number):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(number, lambda: None)
        loop.remove_signal_handler(number)
  )"));
  EXPECT_EQ(bridge.eval("during(n)", {{"n", GetParam()}}), 1);
  or_throw(bridge.eval("asyncio.run(nothing(n))", {{"n", GetParam()}}));
  signal(first_of(bridge).pid);
  expect_undisturbed(bridge);
}

TEST(Signals, WhenAllWorkersAreToldToTerminateThenTheirCallsEndWell) {
  const sb::bridge bridge{one_pool(sb::placement::worker, 3)};
  gate here[3];
  std::vector<std::future<sb::result<sb::value>>> calls;
  for (auto& each : here) {
    calls.push_back(std::async(std::launch::async,
                               [&] { return bridge.eval(each.wait_here()); }));
    ASSERT_TRUE(each.has_a_caller());
  }
  for (const int each : children_of_this_process())
    ::kill(each, SIGTERM);
  for (auto& each : here)
    each.open();
  for (auto& each : calls)
    EXPECT_EQ(each.get(), "");
  EXPECT_EQ(bridge.stats().pools[0].down, "");
}

// What Python does around a fork is code that a cancellation must not meet.
TEST(Forking, WhenCallsThatForkAreGivenUpThenChildrenStillEndByTheSignal) {
  SKIP_WHERE_SIGNALS_WAIT();
  const sb::bridge bridge{one_pool(sb::placement::worker)};
  ASSERT_TRUE(bridge.exec("import os, subprocess\n"
                          "def forks():\n"
                          "  while True:\n"
                          "    pid = os.fork()\n"
                          "    if pid == 0: os._exit(0)\n"
                          "    os.waitpid(pid, 0)\n"));
  for (int n = 0; n < 20; ++n)
    EXPECT_EQ(code_of(bridge.with({.timeout = 20ms}).eval("forks()")),
              sb::errc::deadline_exceeded);
  EXPECT_EQ(bridge.eval("[p.terminate() or p.wait() for p in "
                        "[subprocess.Popen(['sleep', '60'])]]"),
            sb::list{-SIGTERM});
  EXPECT_EQ(first_of(bridge).deaths, 0U);
}

} // namespace snakebridge::testing
