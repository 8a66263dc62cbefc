// A worker program that means harm, or is broken, ends its own host and nothing
// else. Each is a small Python script started in the worker's place: frames are
// written on descriptor 3 (data) and 4 (control), and into the memory behind 5.
#include "tests/runtime/hosts/worker_fixture.hpp"
#include "tests/support/ring_script.hpp"

namespace snakebridge::testing {

class HostileWorker : public worker_test {
protected:
  // A frame's header is words, kind, call, deadline; kinds are those of
  // runtime/wire/channel.hpp. `ready` is a Ready message with nothing in it.
  // `request` takes one from its ring, `put` puts words into the other.
  static std::string script(const std::string& rest,
                            const std::string& before_it_is_ready = {}) {
    return "import mmap, os, struct, signal\n" + ring_reading()
           + "take = request\n"
             "def request(): return take()[0]\n"
             "def frame(kind, call, words, body):\n"
             "  return struct.pack('<IIQq', words, kind, call, 0) + body\n"
             "def message(kind, call, body):\n"
             "  return frame(kind, call, len(body) // 8, body)\n"
             "empty = struct.pack('<IIQ', 0, 1, 0)\n"
             "def ready(): os.write(4, message(5, 0, empty))\n"
           + before_it_is_ready + "\nready()\n" + rest + "\nsignal.pause()\n";
  }

  /// Starts it, calls it, and expects its host to end, saying `why`.
  void expect_end(const std::string& code, const std::string& why) {
    settings.program = program(script(code));
    start();
    // It never says that it has started the call, which so waits for the next.
    auto answer = session->submit(asking(verb::evaluate, {}, "1"));
    const auto end = interpreter->wait_end();
    EXPECT_NE(answer.wait_for(0s), std::future_status::ready);
    EXPECT_FALSE(end.asked);
    EXPECT_EQ(end.why.code(), errc::interpreter_died);
    ASSERT_NE(end.why.post_mortem(), nullptr);
    EXPECT_THAT(end.why.post_mortem()->reason, HasSubstr(why));
  }
};

TEST_F(HostileWorker, GivenNoiseOnTheDataChannelThenItsHostEnds) {
  expect_end("os.write(3, b'\\xff' * 4096)", "no frame");
}

TEST_F(HostileWorker, GivenTextOnTheDataChannelThenItsHostEnds) {
  expect_end("os.write(3, b'Hello, this is no protocol at all\\n' * 9)",
             "no frame");
}

TEST_F(HostileWorker, GivenAFrameOfAnAbsurdSizeThenItsHostEnds) {
  expect_end("os.write(3, frame(3, 1, 0xffffffff, b''))", "no frame");
}

TEST_F(HostileWorker, GivenNoiseInItsRingThenItsHostEnds) {
  expect_end("request(); put([0xffffffffffffffff] * 8)", "no frame");
}

TEST_F(HostileWorker, WhenItSaysThatMoreIsInItsRingThanCanBeThenItsHostEnds) {
  expect_end("request(); put([], 1 << 60)", "no frame");
}

TEST_F(HostileWorker, GivenPartOfAHeaderInItsRingThenItsHostEnds) {
  expect_end("request(); put([3 << 32, 64])", "no frame");
}

TEST_F(HostileWorker, GivenAFrameInItsRingThatGoesOnBeyondItThenItsHostEnds) {
  expect_end("request(); put([3 << 32 | 100, 64, 0, 1])", "no frame");
}

TEST_F(HostileWorker, GivenDescriptorsInItsRingThenItsHostEnds) {
  expect_end("request(); put([1 << 48 | 3 << 32, 64, 0])", "no frame");
}

// They are for the socket: a ring full of them would keep its reader for ever.
TEST_F(HostileWorker, GivenABellInItsRingThenItsHostEnds) {
  expect_end("request(); put([10 << 32, 0, 0] * 100)", "no frame");
}

TEST_F(HostileWorker, WhenItSendsDescriptorsWithPartsOfAFrameThenItsHostEnds) {
  expect_end("import socket, time\n"
             "call, data = request(), socket.socket(fileno=3)\n"
             "def send(part): socket.send_fds(data, [part], [0] * 16)\n"
             "send(frame(3, call, 100000, b'x' * 8))\n"
             "for each in range(100): send(b'x' * 8)",
             "no frame");
}

// What it says of what it has taken is not believed either.
TEST_F(HostileWorker, WhenItHasTakenMoreThanThereWasThenTheSocketIsUsed) {
  settings.program =
    program(script("kind = 10\n"
                   "while kind == 10:\n"
                   "  head = os.read(3, 24)\n"
                   "  words, kind, call, _ = struct.unpack('<IIQq', head)\n"
                   "os.write(3, message(3, call, empty))",
                   "set_word(theirs + taken_at, 1 << 60)"));
  start();
  EXPECT_EQ(value_of(session->eval("1")), value{});
  interpreter->kill("over");
}

TEST_F(HostileWorker, GivenAnAnswerToNoCallThenItsHostEnds) {
  expect_end("os.write(3, message(3, 99, empty))",
             "answered a call it was not given");
}

TEST_F(HostileWorker, GivenTwoAnswersToOneCallThenItsHostEnds) {
  settings.program =
    program(script("call = request()\n"
                   "os.write(3, message(3, call, empty) * 2)"));
  start();
  EXPECT_EQ(value_of(session->eval("1")), value{});
  EXPECT_THAT(interpreter->wait_end().why.post_mortem()->reason,
              HasSubstr("answered a call it was not given"));
}

TEST_F(HostileWorker, GivenAnAnswerThatDoesNotParseThenItsHostEnds) {
  settings.program =
    program(script("os.write(3, message(3, request(), b'\\xff' * 64))"));
  start();
  EXPECT_EQ(code_of(session->eval("1")), errc::message_malformed);
  EXPECT_THAT(interpreter->wait_end().why.post_mortem()->reason,
              HasSubstr("does not parse"));
}

// They would be counted against what the session holds elsewhere.
TEST_F(HostileWorker, WhenItTellsOfMoreRefsThanThereMayBeThenItsHostEnds) {
  settings.program = program(
    script("def told(refs): return struct.pack('<IIIIII', 0, 3, 0, 1 | 1 << "
           "16, 0, refs) + bytes(8)\n"
           "os.write(3, message(3, request(), told(5)))\n"
           "os.write(3, message(3, request(), told(0xffffffff)))"));
  start();
  EXPECT_EQ(value_of(session->eval("1")), value{});
  const auto outcome = session->eval("1");
  EXPECT_EQ(code_of(outcome), errc::message_malformed);
  EXPECT_THAT(outcome.error().message(), HasSubstr("more refs"));
  EXPECT_THAT(interpreter->wait_end().why.post_mortem()->reason,
              HasSubstr("more refs"));
}

TEST_F(HostileWorker, GivenARequestInsteadOfAnAnswerThenItsHostEnds) {
  expect_end("os.write(3, message(1, request(), empty))",
             "answered a call it was not given");
}

TEST_F(HostileWorker, WhenItClosesItsChannelAndLivesOnThenItIsKilled) {
  expect_end("os.close(3)", "closed its channel and lived on");
}

TEST_F(HostileWorker, WhenItStopsInTheMiddleOfAFrameThenItIsKilled) {
  settings.cancel_grace = settings.kill_grace = 10ms;
  settings.program =
    program(script("os.write(3, frame(3, request(), 1000, b'x' * 80))"));
  start();
  const auto outcome =
    session->run(asking(verb::evaluate, {}, "1"),
                 steady_clock::now() + std::chrono::milliseconds{50});
  EXPECT_EQ(code_of(outcome), errc::deadline_exceeded);
  // It never said it had started the call.
  EXPECT_FALSE(outcome.error().may_have_run());
  EXPECT_THAT(interpreter->wait_end().why.post_mortem()->reason,
              HasSubstr("stuck between calls"));
}

TEST_F(HostileWorker, WhenItCutsItsStatusPageThenThatIsRefused) {
  settings.program = program(script("try: os.ftruncate(5, 0)\n"
                                    "except PermissionError: pass\n"
                                    "os.write(3, message(3, request(), "
                                    "empty))"));
  start();
  EXPECT_EQ(value_of(session->eval("1")), value{});
  EXPECT_EQ(interpreter->host().stats().live_objects, 0U); // we live
  interpreter->kill("over");
}

TEST_F(HostileWorker, GivenNoiseOnTheControlChannelThenItDoesNotStart) {
  settings.program = program("import os, signal\n"
                             "os.write(4, b'\\xff' * 100)\n"
                             "signal.pause()");
  EXPECT_EQ(start_failure().code(), errc::startup_failed);
}

TEST_F(HostileWorker, GivenAFailureThatDoesNotParseThenItDoesNotStart) {
  settings.program =
    program("import os, signal, struct\n"
            "os.write(4, struct.pack('<IIQq', 8, 6, 0, 0) + b'\\xff' * 64)\n"
            "signal.pause()");
  EXPECT_EQ(start_failure().code(), errc::startup_failed);
}

TEST_F(HostileWorker, WhenItSaysReadyTwiceThenTheSecondIsNoNews) {
  settings.program = program(script("ready()\n"
                                    "os.write(3, message(3, request(), "
                                    "empty))"));
  start();
  EXPECT_EQ(value_of(session->eval("1")), value{});
  EXPECT_EQ(interpreter->kill("over").why.code(), errc::interpreter_died);
}

TEST_F(HostileWorker, WhenItExitsBeforeItIsReadyThenItsLastWordsAreTold) {
  settings.program = program("import sys\nsys.exit('no such module')");
  const auto why = start_failure();
  EXPECT_EQ(why.code(), errc::startup_failed);
  ASSERT_NE(why.post_mortem(), nullptr);
  EXPECT_EQ(why.post_mortem()->exit_status, 1);
  EXPECT_THAT(why.post_mortem()->log_lines, Contains("no such module"));
}

TEST_F(HostileWorker, WhenItIsNeverReadyThenItIsKilledAtItsStartTimeout) {
  settings.start_timeout = 300ms;
  settings.program = program("import signal\nsignal.pause()");
  const auto why = start_failure();
  EXPECT_EQ(why.code(), errc::startup_failed);
  EXPECT_THAT(why.message(), HasSubstr("start_timeout_ms"));
}

TEST_F(HostileWorker, WhenOneHostEndsThenAnotherServesOn) {
  start();
  test_interpreter other{worker_of([&] {
    auto hostile = settings;
    hostile.program = program(script("os.write(3, b'\\xff' * 4096)"));
    return hostile;
  }())};
  ASSERT_TRUE(other.start_and_wait());
  // Nobody reads the data channel while no call is there.
  auto theirs = other.open("b");
  auto answer = theirs.submit(asking(verb::evaluate, {}, "1"));
  EXPECT_EQ(other.wait_end().why.code(), errc::interpreter_died);
  EXPECT_EQ(value_of(session->eval("1 + 1")), value{2});
}

} // namespace snakebridge::testing
