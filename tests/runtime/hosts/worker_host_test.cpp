// What a worker process is given, what it prints, how it starts, and that it
// leaves nothing behind.
#include "tests/runtime/hosts/worker_fixture.hpp"
#include "tests/support/process_facts.hpp"

#include <thread>

namespace snakebridge::testing {

class WorkerHost : public worker_test {};

TEST_F(WorkerHost, WhenPythonPrintsThenLinesAreToldOfTheirCallAndSession) {
  start();
  auto other = interpreter->open("b");
  value_of(session->call("builtins", "print", "of a"));
  value_of(other.eval("print('of b', file=__import__('sys').stderr)"));
  const auto first = printed.find("of a");
  EXPECT_EQ(first.session, "a");
  EXPECT_EQ(first.call, "builtins.print");
  EXPECT_FALSE(first.is_error);
  EXPECT_EQ(first.pool, "test");
  EXPECT_EQ(first.interpreter, 7u);
  const auto second = printed.find("of b");
  EXPECT_EQ(second.session, "b");
  EXPECT_EQ(second.call, "eval");
  EXPECT_TRUE(second.is_error);
}

TEST_F(WorkerHost, WhenManyCallsPrintThenEveryLineHasItsCall) {
  start();
  auto other = interpreter->open("b");
  // A worker waits until its lines are read, but not for ever; these calls do.
  for (auto* who : {&*session, &other})
    value_of(who->exec("import array, fcntl, os, termios\n"
                       "def tell(number):\n"
                       "  print(number, flush=True)\n"
                       "  unread = array.array('i', [1])\n"
                       "  while unread[0]:\n"
                       "    os.sched_yield()\n"
                       "    fcntl.ioctl(1, termios.FIONREAD, unread)\n"));
  for (int i = 0; i < 200; ++i) {
    auto& who = i % 2 == 0 ? *session : other;
    value_of(who.eval("tell(i)", "i"_a = i));
  }
  printed.find("199");
  for (const auto& line : printed.all())
    EXPECT_EQ(line.session, std::stoi(line.text) % 2 == 0 ? "a" : "b")
      << line.text;
}

TEST_F(WorkerHost, WhenAnythingWritesToStdoutThenTheProtocolDoesNotSuffer) {
  start();
  value_of(session->eval("__import__('os').write(1, b'\\0\\0raw\\n')"));
  value_of(session->eval("__import__('os').system('echo child')"));
  value_of(session->eval("__import__('os').write(2, b'no newline')"));
  EXPECT_EQ(value_of(session->eval("1 + 1")), value{2});
  EXPECT_EQ(printed.find(std::string{"\0\0raw", 5}).session, "a");
  EXPECT_EQ(printed.find("child").call, "eval");
  interpreter->stop();
  EXPECT_TRUE(printed.find("no newline").is_error);
}

TEST_F(WorkerHost, WhenALineIsEndlessThenItIsCut) {
  start();
  value_of(session->eval("print('x' * 20_000)"));
  interpreter->stop();
  std::size_t bytes = 0;
  for (const auto& line : printed.all()) {
    EXPECT_LE(line.text.size(), limits::log_line_bytes_max);
    bytes += line.text.size();
  }
  EXPECT_EQ(bytes, 20'000u);
}

TEST_F(WorkerHost, WhenPythonReadsStdinThenItIsAtItsEnd) {
  start();
  EXPECT_EQ(raised_by(session->call("builtins", "input")).type, "EOFError");
}

TEST_F(WorkerHost, GivenEnvironmentVariablesThenTheyReachPython) {
  settings.environment = {{"SNAKEBRIDGE_TEST", "a=b c"}, {"HOME", "/nowhere"}};
  start();
  EXPECT_EQ(value_of(session->call("os", "getenv", "SNAKEBRIDGE_TEST")),
            value{"a=b c"});
  EXPECT_EQ(value_of(session->call("os", "getenv", "HOME")), value{"/nowhere"});
  EXPECT_EQ(value_of(session->call("os", "getenv", "PATH")),
            value{std::string{std::getenv("PATH")}});
}

TEST_F(WorkerHost, GivenOurDescriptorsThenTheWorkerInheritsNone) {
  const descriptor ours{::dup(1)}; // without O_CLOEXEC
  start();
  EXPECT_EQ(value_of(session->eval(
              "[f for f in __import__('os').listdir('/proc/self/fd')"
              " if int(f) == "
              + std::to_string(ours.get()) + " and int(f) > 5]")),
            (value{list{}}));
}

TEST_F(WorkerHost, GivenAVenvThenPythonIsWhatItsOwnPythonWouldBe) {
  const auto venv = folder / "venv";
  ASSERT_EQ(
    std::system(
      ("/usr/bin/python3 -m venv --without-pip " + venv.string()).c_str()),
    0);
  const auto told = folder / "told";
  const std::string show =
    "'\\n'.join([sys.executable, sys.prefix, sys.base_prefix, "
    "*(p for p in sys.path if 'site' in p)])";
  ASSERT_EQ(std::system((venv.string() + "/bin/python3 -c \"import sys; print("
                         + show + ", end='')\" > " + told.string())
                          .c_str()),
            0);
  std::ifstream file{told};
  const std::string expected{std::istreambuf_iterator<char>{file}, {}};
  EXPECT_THAT(expected, HasSubstr(venv.string() + "/lib"));
  for (const auto& named : {venv, venv / "bin/python3"}) {
    settings.python = named;
    start();
    value_of(session->exec("import sys"));
    EXPECT_EQ(value_of(session->eval(show)), value{expected});
  }
}

TEST_F(WorkerHost, GivenNoSuchPythonThenTheEnvironmentIsInvalid) {
  settings.python = "/no/such/python";
  const auto why = start_failure();
  EXPECT_EQ(why.code(), errc::environment_invalid);
  EXPECT_THAT(why.message(), HasSubstr("/no/such/python"));
}

TEST_F(WorkerHost, GivenAVenvOfAnotherVersionThenTheEnvironmentIsInvalid) {
  std::filesystem::create_directories(folder / "bin");
  std::filesystem::create_symlink("/usr/bin/python3", folder / "bin/python3");
  std::ofstream{folder / "pyvenv.cfg"} << "home = /usr/bin\nversion = 3.4.5\n";
  settings.python = folder;
  const auto why = start_failure();
  EXPECT_EQ(why.code(), errc::environment_invalid);
  EXPECT_THAT(why.message(), HasSubstr("3.4"));
}

TEST_F(WorkerHost, GivenAProgramThatIsNoPythonThenTheEnvironmentIsInvalid) {
  settings.python = "/bin/ls";
  const auto why = start_failure();
  EXPECT_EQ(why.code(), errc::environment_invalid);
  EXPECT_THAT(why.message(), HasSubstr("python = '/bin/ls': /bin/ls is no "
                                       "CPython"));
}

TEST_F(WorkerHost, GivenAPythonOfAnotherVersionThenTheEnvironmentIsInvalid) {
  settings.python = program("print('snakebridge', 'cpython', '3.4.5 (old)', "
                            "'/no', 'cpython-34', '/no', '', "
                            "sep='\\0', end='')");
  const auto why = start_failure();
  EXPECT_EQ(why.code(), errc::environment_invalid);
  EXPECT_THAT(why.message(), HasSubstr("is Python 3.4.5 (cpython-34), but the "
                                       "bridge was built with"));
}

TEST_F(WorkerHost, GivenNoWorkerProgramThenItSaysWhereItLooked) {
  settings.program = "/no/such/worker";
  const auto why = start_failure();
  EXPECT_EQ(why.code(), errc::startup_failed);
  EXPECT_THAT(why.message(), HasSubstr("/no/such/worker"));
}

TEST_F(WorkerHost, GivenAFileThatIsNoProgramThenTheStartFails) {
  settings.program = folder / "text";
  std::ofstream{settings.program} << "no program";
  std::filesystem::permissions(settings.program,
                               std::filesystem::perms::owner_all);
  EXPECT_EQ(start_failure().code(), errc::startup_failed);
}

// ORIGINAL P9
TEST_F(WorkerHost, WhenItIsStoppedBeforeItIsReadyThenItEndsAsAsked) {
  settings.program = program("import signal; signal.pause()");
  make();
  interpreter->start();
  EXPECT_TRUE(interpreter->stop().asked);
}

TEST_F(WorkerHost, WhenThreadsAndSubmissionsMixThenEachGetsItsOwnResult) {
  start();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([this, thread] {
      auto mine = interpreter->open(std::to_string(thread));
      std::vector<std::pair<int, promised>> submitted;
      for (int i = 0; i < 250; ++i) {
        const int number = thread * 1'000 + i;
        if (i % 3 == 0)
          submitted.emplace_back(
            number,
            mine.submit(asking(verb::call, "builtins", "abs", -number)));
        else
          EXPECT_EQ(value_of(mine.call("builtins", "abs", -number)),
                    value{number});
      }
      for (auto& [number, answer] : submitted)
        EXPECT_EQ(value_of(answer_of(answer)), value{number});
    });
  for (auto& each : threads)
    each.join();
  EXPECT_TRUE(interpreter->calls().wait_idle(passed()));
}

TEST_F(WorkerHost, WhenRepliesAreLargeThenTheOthersGetTheirsToo) {
  start();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([this, thread] {
      auto mine = interpreter->open(std::to_string(thread));
      auto submitted =
        mine.submit(asking(verb::evaluate, {}, "b'y' * (8 << 20)"));
      for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(value_of(mine.eval("b'x' * (8 << 20)")).size(), 8U << 20U);
        EXPECT_EQ(value_of(mine.eval("i", "i"_a = i)), value{i});
      }
      EXPECT_EQ(value_of(answer_of(submitted)).size(), 8U << 20U);
    });
  for (auto& each : threads)
    each.join();
}

TEST_F(WorkerHost, WhenRequestsAreLargeThenTheyAllArrive) {
  start();
  const value large{bytes{std::string(8U << 20U, 'z')}};
  std::vector<promised> answers;
  for (int i = 0; i < 8; ++i)
    answers.push_back(
      session->submit(asking(verb::call, "builtins", "len", large)));
  for (auto& each : answers)
    EXPECT_EQ(value_of(answer_of(each)), value{8 << 20});
}

TEST_F(WorkerHost, GivenALimitThenLargerPayloadsAreRefusedBothWays) {
  settings.payload_bytes_max = 64 * 1'024;
  start();
  const value large{std::string(70'000, 'x')};
  EXPECT_EQ(code_of(session->eval("x", "x"_a = large)),
            errc::payload_too_large);
  EXPECT_EQ(code_of(session->eval("[object(), 'x' * 70_000]")),
            errc::payload_too_large);
  EXPECT_EQ(interpreter->live_objects(), 0u);
  EXPECT_EQ(value_of(session->eval("len('x' * 70_000)")), value{70'000});
  const auto raised =
    raised_by(session->eval("(_ for _ in ()).throw(ValueError("
                            "'x' * 70_000))"));
  EXPECT_EQ(raised.type, "ValueError");
  EXPECT_THAT(raised.message, HasSubstr("payload_bytes_max"));
}

TEST_F(WorkerHost, WhenWorkersComeAndGoThenNothingIsLeftOfThem) {
  const auto round = [this](int number) {
    start();
    value_of(session->eval("print('x')"));
    if (number % 2 == 0)
      interpreter->stop();
    else
      interpreter->kill("the test wants it");
    session.reset();
    interpreter.reset();
  };
  round(0); // what is made once and kept
  const auto before = look_at_this_process();
  for (int i = 1; i <= 20; ++i)
    round(i);
  const auto after = look_at_this_process();
  EXPECT_EQ(after.descriptors, before.descriptors);
  EXPECT_EQ(after.children, 0U);
  // Fewer when the thread of the first round was still ending.
  EXPECT_TRUE(eventually(
    [&] { return look_at_this_process().threads <= before.threads; }));
}

} // namespace snakebridge::testing
