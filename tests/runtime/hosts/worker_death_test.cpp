// How a worker dies, and what its callers are told.
#include "tests/runtime/hosts/worker_fixture.hpp"

#include <csignal>

namespace snakebridge::testing {

class WorkerDeath : public worker_test {
protected:
  error death_by(const std::string& code) {
    const auto outcome = session->eval(code);
    EXPECT_EQ(code_of(outcome), errc::interpreter_died);
    return outcome ? error{errc::overloaded, "it lived"} : outcome.error();
  }

  // Runs until it is sent SIGUSR1.
  promised hang_until_signalled() {
    value_of(session->exec("import signal\n"
                           "def stop(*_): raise KeyboardInterrupt\n"
                           "signal.signal(signal.SIGUSR1, stop)"));
    // One long pause would not hear of a signal that comes just before it.
    return hang(patience,
                "[__import__('time').sleep(.001) for _ in iter(int, 1)]");
  }

  // A process that ends only when it is killed.
  int spawn_child() {
    value_of(session->exec("import subprocess\n"
                           "child = subprocess.Popen(['/usr/bin/tail', '-f', "
                           "'/dev/null'])"));
    return value_of(session->eval("child.pid")).as<int>();
  }
};

TEST_F(WorkerDeath, WhenPythonExitsHardThenItsStatusIsTold) {
  start();
  const auto told = death_by("__import__('os')._exit(3)");
  ASSERT_NE(told.post_mortem(), nullptr);
  EXPECT_EQ(told.post_mortem()->exit_status, 3);
  EXPECT_EQ(told.post_mortem()->signal, "");
  EXPECT_TRUE(told.may_have_run());
  EXPECT_THAT(told.message(), HasSubstr("exited with status 3"));
}

TEST_F(WorkerDeath, WhenASignalEndsItThenTheSignalIsToldByName) {
  for (const char* signal : {"SIGKILL", "SIGSEGV", "SIGABRT", "SIGUSR1"}) {
    start();
    const auto told =
      death_by("[os.kill(os.getpid(), signal." + std::string{signal}
               + ") for os, signal in "
                 "[(__import__('os'), __import__('signal'))]]");
    ASSERT_NE(told.post_mortem(), nullptr);
    EXPECT_EQ(told.post_mortem()->signal, signal);
    EXPECT_FALSE(told.post_mortem()->exit_status);
  }
}

TEST_F(WorkerDeath, WhenItCrashesThenThePostMortemTellsAllThatIsKnown) {
  start();
  const auto worker = pid();
  value_of(session->exec("print('before')\nimport ctypes"));
  const auto told = death_by("print('last words') or ctypes.string_at(0)");
  const auto& death = *told.post_mortem();
  EXPECT_EQ(death.pid, worker);
  EXPECT_EQ(death.signal, "SIGSEGV");
  EXPECT_EQ(death.call, "eval");
  EXPECT_EQ(death.session, "a");
  EXPECT_EQ(death.interpreter, 7u);
  EXPECT_EQ(death.epoch, 1u);
  EXPECT_EQ(death.log_lines,
            (std::vector<std::string>{"before", "last words"}));
  EXPECT_THAT(to_string(told), HasSubstr("last words"));
  EXPECT_THAT(told.message(),
              HasSubstr("killed by SIGSEGV while running eval for session "
                        "'a'"));
}

TEST_F(WorkerDeath, WhenItPrintedMuchThenOnlyTheLastLinesAreKept) {
  start();
  const auto told = death_by("[print(i) for i in range(1000)] and "
                             "__import__('os')._exit(1)");
  const auto& lines = told.post_mortem()->log_lines;
  ASSERT_EQ(lines.size(), limits::log_lines_kept_max);
  EXPECT_EQ(lines.back(), "999");
}

TEST_F(WorkerDeath, WhenItDiesThenTheCallsItHadNotStartedRunOnTheNext) {
  start();
  auto running = hang();
  std::vector<promised> waiting;
  for (int i = 0; i < 20; ++i)
    waiting.push_back(
      session->submit(asking(verb::call, "builtins", "abs", -i)));
  ::kill(pid(), SIGKILL);
  EXPECT_EQ(code_of(answer_of(running)), errc::interpreter_died);
  interpreter->wait_end();
  ASSERT_TRUE(interpreter->start_and_wait());
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(value_of(answer_of(waiting[static_cast<std::size_t>(i)])),
              value{i});
}

TEST_F(WorkerDeath, WhenItDiesBetweenCallsThenNoCallIsBlamed) {
  start();
  value_of(session->eval("1"));
  ::kill(pid(), SIGKILL);
  const auto end = interpreter->wait_end();
  EXPECT_FALSE(end.asked);
  EXPECT_EQ(end.why.code(), errc::interpreter_died);
  EXPECT_EQ(end.why.post_mortem()->call, "");
  EXPECT_FALSE(end.why.may_have_run());
  EXPECT_FALSE(interpreter->facts().ready);
}

// ORIGINAL P8
TEST_F(WorkerDeath, WhenItIsKilledThenItsChildrenDieWithIt) {
  start();
  const auto child = spawn_child();
  EXPECT_TRUE(alive(child));
  EXPECT_EQ(interpreter->kill("the test wants it").why.post_mortem()->reason,
            "the test wants it");
  EXPECT_TRUE(eventually([&] { return !alive(child); }));
}

TEST_F(WorkerDeath, WhenItExitsByItselfThenItsChildrenDieWithIt) {
  start();
  const auto child = spawn_child();
  death_by("__import__('os')._exit(0)");
  interpreter->wait_end();
  EXPECT_TRUE(eventually([&] { return !alive(child); }));
}

// ORIGINAL P13
TEST_F(WorkerDeath, GivenAQueuedCallPastItsDeadlineThenItNeverRuns) {
  start();
  const auto proof = folder / "ran";
  auto running = hang_until_signalled();
  std::vector<promised> queued;
  for (int i = 0; i < 10; ++i)
    queued.push_back(session->submit(
      asking(verb::call, "builtins", "open", proof.string(), "w"),
      steady_clock::now() + 10ms));
  for (auto& each : queued) {
    const auto outcome = answer_of(each);
    EXPECT_EQ(code_of(outcome), errc::deadline_exceeded);
    EXPECT_FALSE(outcome.error().may_have_run());
  }
  ::kill(pid(), SIGUSR1);
  EXPECT_EQ(raised_by(answer_of(running)).type, "KeyboardInterrupt");
  EXPECT_EQ(value_of(session->eval("1")), value{1});
  EXPECT_FALSE(std::filesystem::exists(proof));
}

TEST_F(WorkerDeath, WhenTheKernelKillsForMemoryThenThatIsTold) {
  settings.root = folder;
  std::filesystem::create_directory(folder / "proc");
  std::ofstream{folder / "proc/vmstat"} << "oom_kill 3\n";
  start();
  std::ofstream{folder / "proc/vmstat"} << "oom_kill 4\n";
  const auto told = death_by("__import__('os').kill(__import__('os').getpid(), "
                             "9)");
  EXPECT_THAT(told.post_mortem()->reason, HasSubstr("no memory left"));
}

TEST_F(WorkerDeath, WhenItIsStoppedThenWhatRunsEndsAndItExitsInOrder) {
  start();
  value_of(session->exec("import atexit, signal\n"
                         "atexit.register(open, path, 'w')",
                         "path"_a = (folder / "exited").string()));
  const auto worker = pid();
  const auto end = interpreter->stop();
  EXPECT_TRUE(end.asked);
  EXPECT_EQ(end.why.code(), errc::shutting_down);
  EXPECT_FALSE(alive(worker));
  EXPECT_TRUE(std::filesystem::exists(folder / "exited"));
}

TEST_F(WorkerDeath, WhenItIsStoppedDuringACallThenThatIsAnswered) {
  start();
  auto running = hang_until_signalled();
  interpreter->host().stop();
  ::kill(pid(), SIGUSR1);
  EXPECT_EQ(raised_by(answer_of(running)).type, "KeyboardInterrupt");
  EXPECT_TRUE(interpreter->wait_end().asked);
}

// ORIGINAL P7
TEST_F(WorkerDeath, GivenAWorkerThatIgnoresStopThenItIsKilled) {
  settings.stop_timeout = 50ms;
  start();
  const auto worker = pid();
  auto running = hang(patience, deaf);
  const auto end = interpreter->stop();
  EXPECT_TRUE(end.asked);
  EXPECT_EQ(end.why.post_mortem()->signal, "SIGKILL");
  EXPECT_THAT(end.why.post_mortem()->reason, HasSubstr("asked to stop"));
  EXPECT_EQ(code_of(answer_of(running)), errc::interpreter_died);
  EXPECT_FALSE(alive(worker));
}

TEST_F(WorkerDeath, WhenItIsKilledTwiceThenTheFirstReasonStays) {
  start();
  interpreter->host().kill("first");
  EXPECT_EQ(interpreter->kill("second").why.post_mortem()->reason, "first");
}

} // namespace snakebridge::testing
