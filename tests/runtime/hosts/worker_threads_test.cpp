// A worker that runs several calls at a time: each session on a thread of its
// own, and what is told of one call is not told of another.
#include "tests/runtime/hosts/worker_fixture.hpp"
#include "tests/support/under_tsan.hpp"

#include <set>
#include <thread>

namespace snakebridge::testing {

class WorkerThreads : public worker_test {
protected:
  static constexpr std::size_t threads = 4;

  WorkerThreads() { settings.threads = threads; }

  /// Sessions, and so threads: the first has the main thread.
  void start_with(std::size_t sessions) {
    make();
    const auto started = interpreter->start_and_wait();
    ASSERT_TRUE(started) << started.error();
    for (std::size_t i = 0; i < sessions; ++i) {
      all.push_back(
        interpreter->open(std::string(1, static_cast<char>('a' + i))));
      value_of(all.back().eval("None")); // it has come
    }
  }
  static std::string code_of_barrier(std::size_t parties) {
    return "import threading, builtins\n"
           "builtins.barrier = threading.Barrier("
           + std::to_string(parties) + ")\n";
  }
  promised submit(std::size_t session, const std::string& code,
                  std::chrono::milliseconds time = patience) {
    return all[session].submit(asking(verb::evaluate, {}, code),
                               steady_clock::now() + time);
  }
  /// Runs until it is interrupted, in Python code; once it runs.
  promised spin(std::size_t session,
                std::chrono::milliseconds time = patience) {
    value_of(all[session].exec("import threading\n"
                               "begun, over = threading.Event(), False\n"
                               "def spin():\n"
                               "  import threading, builtins\n"
                               "  builtins.spins = threading.get_ident()\n"
                               "  begun.set()\n"
                               "  while not over: pass\n"));
    value_of(all[session].exec("import builtins\nbuiltins.begun = begun"));
    auto answer = submit(session, "spin()", time);
    const auto other = session == 0 ? 1 : 0;
    EXPECT_EQ(value_of(all[other].eval("begun.wait(30)")), value{true});
    return answer;
  }

  void expect_only_it_is_interrupted(std::size_t late, std::size_t other) {
    auto answer = spin(late, 50ms);
    EXPECT_EQ(code_of(answer_of(answer)), errc::deadline_exceeded);
    // Its thread is free again, its variables are there, and no other call has
    // heard of it.
    EXPECT_EQ(value_of(all[late].eval("over")), value{false});
    EXPECT_EQ(value_of(all[other].eval("1 + 1")), value{2});
    EXPECT_EQ(interpreter->facts().deaths, 0u);
  }

  std::vector<test_session> all;
};

// They meet in Python, so all of them run at once.
TEST_F(WorkerThreads, WhenSessionsCallThenTheirCallsRunSideBySide) {
  start_with(threads);
  value_of(all[0].exec(code_of_barrier(threads)));
  std::vector<promised> met;
  for (std::size_t i = 0; i < threads; ++i)
    met.push_back(submit(i, "barrier.wait(30)"));
  std::set<std::int64_t> places;
  for (auto& each : met)
    places.insert(value_of(answer_of(each)).as<std::int64_t>());
  EXPECT_EQ(places.size(), threads);
}

TEST_F(WorkerThreads, GivenMoreSessionsThanThreadsThenAllAreServed) {
  start_with(3 * threads);
  std::vector<promised> sums;
  for (std::int64_t round = 0; round < 20; ++round)
    for (std::size_t i = 0; i < all.size(); ++i)
      sums.push_back(submit(i, std::to_string(round) + " + 1"));
  for (std::size_t i = 0; i < sums.size(); ++i)
    EXPECT_EQ(value_of(answer_of(sums[i])),
              value{static_cast<std::int64_t>(i / all.size()) + 1});
}

TEST_F(WorkerThreads, WhenASessionCallsAgainThenItIsOnTheSameThread) {
  start_with(threads);
  for (auto& each : all)
    value_of(each.exec("import threading\n"
                       "mine = threading.local()\n"
                       "mine.name = threading.current_thread().name\n"));
  std::set<std::string> names;
  for (int round = 0; round < 3; ++round)
    for (auto& each : all)
      names.insert(value_of(each.eval("mine.name")).as<std::string>());
  EXPECT_EQ(names.size(), threads);
  EXPECT_TRUE(names.contains("MainThread"));
  EXPECT_TRUE(names.contains("snakebridge-3"));
}

TEST_F(WorkerThreads, WhenASessionHasManyCallsThenTheyNeverOverlap) {
  start_with(2);
  value_of(all[1].exec("inside = 0\n"
                       "def enter():\n"
                       "  global inside\n"
                       "  import time\n"
                       "  inside += 1\n"
                       "  time.sleep(0.001)\n"
                       "  inside -= 1\n"
                       "  return inside\n"));
  std::vector<promised> calls;
  for (int i = 0; i < 20; ++i)
    calls.push_back(submit(1, "enter()"));
  for (auto& each : calls)
    EXPECT_EQ(value_of(answer_of(each)), value{0});
}

TEST_F(WorkerThreads, WhenACallIsLateThenItAloneIsInterrupted) {
  start_with(3);
  expect_only_it_is_interrupted(2, 0);
}

TEST_F(WorkerThreads, WhenTheMainThreadsCallIsLateThenItAloneIsInterrupted) {
  SKIP_WHERE_SIGNALS_WAIT();
  start_with(3);
  expect_only_it_is_interrupted(0, 1);
}

TEST_F(WorkerThreads, WhenASessionEndsThenItsCallIsInterruptedAndFreed) {
  start_with(3);
  value_of(all[1].eval("object()"));
  auto answer = spin(2);
  value_of(all[0].eval("object()"));
  all.pop_back();
  EXPECT_EQ(code_of(answer_of(answer)), errc::session_closed);
  all.pop_back();
  EXPECT_TRUE(eventually([&] { return interpreter->live_objects() == 1; }));
  EXPECT_EQ(value_of(all[0].eval("1 + 1")), value{2});
}

// What does not come back from C costs the worker; whose call that was is told.
TEST_F(WorkerThreads, WhenACallDoesNotComeBackThenItIsNamed) {
  settings.cancel_grace = settings.kill_grace = 50ms;
  start_with(3);
  value_of(all[0].exec(code_of_barrier(2)));
  auto waits = submit(1, "[barrier.wait(30), __import__('time').sleep(30)]");
  value_of(all[0].eval("barrier.wait(30)")); // it runs
  auto stuck = submit(2, "__import__('time').sleep(30)", 100ms);
  EXPECT_EQ(code_of(answer_of(stuck)), errc::deadline_exceeded);
  const auto outcome = answer_of(waits);
  ASSERT_EQ(code_of(outcome), errc::interpreter_died);
  EXPECT_TRUE(outcome.error().may_have_run());
  EXPECT_EQ(outcome.error().post_mortem()->session, "c");
  EXPECT_THAT(outcome.error().post_mortem()->reason, HasSubstr("given up"));
  interpreter->wait_end();
}

TEST_F(WorkerThreads, WhenACallCrashesThenItAloneIsNamed) {
  start_with(3);
  value_of(all[0].exec(code_of_barrier(2)));
  auto waits = submit(0, "[barrier.wait(30), __import__('time').sleep(30)]");
  auto crash = submit(2, "[barrier.wait(30), __import__('ctypes').string_at("
                         "0)]");
  for (auto* each : {&waits, &crash}) {
    const auto outcome = answer_of(*each);
    ASSERT_EQ(code_of(outcome), errc::interpreter_died);
    EXPECT_EQ(outcome.error().post_mortem()->session, "c");
    EXPECT_EQ(outcome.error().post_mortem()->signal, "SIGSEGV");
  }
  interpreter->wait_end();
}

TEST_F(WorkerThreads, WhenNobodyKnowsWhichCallItWasThenAllAreNamed) {
  start_with(3);
  value_of(all[0].exec(code_of_barrier(2)));
  auto waits = submit(1, "[barrier.wait(30), __import__('time').sleep(30)]");
  auto leaves = submit(2, "[barrier.wait(30), __import__('os')._exit(3)]");
  for (auto* each : {&waits, &leaves}) {
    const auto outcome = answer_of(*each);
    ASSERT_EQ(code_of(outcome), errc::interpreter_died);
    EXPECT_EQ(outcome.error().post_mortem()->session, "b, c");
    EXPECT_EQ(outcome.error().post_mortem()->exit_status, 3);
  }
  interpreter->wait_end();
}

TEST_F(WorkerThreads, WhenItDiesThenWhatItHadNotStartedRunsOnTheNext) {
  start_with(2);
  value_of(all[0].exec(code_of_barrier(3)));
  auto one = submit(0, "[barrier.wait(30), __import__('time').sleep(30)]");
  auto two = submit(1, "[barrier.wait(30), __import__('time').sleep(30)]");
  auto third = interpreter->open("c");
  value_of(third.eval("barrier.wait(30)")); // both run
  auto next_of_one = submit(0, "1"), next_of_two = submit(1, "2");
  interpreter->kill("for a test");
  EXPECT_EQ(code_of(answer_of(one)), errc::interpreter_died);
  EXPECT_EQ(code_of(answer_of(two)), errc::interpreter_died);
  ASSERT_TRUE(interpreter->start_and_wait());
  EXPECT_EQ(value_of(answer_of(next_of_one)), value{1});
  EXPECT_EQ(value_of(answer_of(next_of_two)), value{2});
}

TEST_F(WorkerThreads, WhenOneCallRunsAloneThenWhatItPrintsIsIts) {
  start_with(3);
  value_of(all[2].eval("print('alone')"));
  EXPECT_EQ(printed.find("alone").session, "c");
}

// Both run: to say whose it is would be a guess.
TEST_F(WorkerThreads, WhenSeveralRunThenWhatTheyPrintIsNobodysForSure) {
  start_with(3);
  value_of(
    all[0].exec(code_of_barrier(3) + "builtins.both = threading.Barrier(2)"));
  auto one = submit(1, "[both.wait(30), barrier.wait(30)]");
  auto two = submit(2, "[both.wait(30), print('which', flush=True), "
                       "barrier.wait(30)]");
  const auto line = printed.find("which");
  value_of(all[0].eval("barrier.wait(30)")); // they have run until now
  value_of(answer_of(one));
  value_of(answer_of(two));
  EXPECT_EQ(line.session, "");
  EXPECT_EQ(line.call, "");
}

TEST_F(WorkerThreads, WhenACallStallsThenItsOwnLineIsTold) {
  SKIP_WHERE_SIGNALS_WAIT();
  std::mutex mutex;
  std::vector<interpreter_event> told;
  settings.stall_report = 100ms;
  settings.on_event = [&](const interpreter_event& event) {
    const std::lock_guard lock{mutex};
    told.push_back(event);
  };
  start_with(2);
  value_of(all[0].exec("import builtins\nbuiltins.waits = True"));
  value_of(all[1].exec("def nap():\n  while waits: pass\n"));
  auto nap = submit(1, "nap()");
  // On a slow machine other calls may be told of as well.
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock{mutex};
    return std::any_of(told.begin(), told.end(), [](const auto& each) {
      return each.what == event_kind::stalled && each.session == "b"
             && each.message.find("in nap") != std::string::npos;
    });
  }));
  value_of(all[0].exec("builtins.waits = False"));
  value_of(answer_of(nap));
  interpreter->stop();
}

TEST_F(WorkerThreads, WhenItIsStoppedThenWhatRunsIsAnsweredOnAllThreads) {
  start_with(3);
  std::vector<promised> answers;
  value_of(all[0].exec(code_of_barrier(4)));
  for (std::size_t i = 0; i < 3; ++i)
    answers.push_back(submit(i, "[barrier.wait(30), __import__('time').sleep("
                                "0.05), 7][-1]"));
  auto fourth = interpreter->open("d");
  value_of(fourth.eval("barrier.wait(30)"));
  EXPECT_TRUE(interpreter->stop().asked);
  for (auto& each : answers)
    EXPECT_EQ(value_of(answer_of(each)), value{7});
}

// Its reply may be in the hands of the thread that sends the large one.
TEST_F(WorkerThreads, WhenOneAnswersMuchThenTheAnswersOfAnotherStayWhole) {
  settings.payload_bytes_max = std::size_t{256} << 20U;
  start_with(2);
  for (int round = 0; round < 8; ++round) {
    auto large = submit(0, "b'x' * (20 << 20)");
    std::vector<promised> small;
    for (int i = 0; i < 200; ++i)
      small.push_back(submit(1, "'" + std::to_string(i) + "' * 500"));
    for (int i = 0; i < 200; ++i) {
      std::string expected;
      for (int n = 0; n < 500; ++n)
        expected += std::to_string(i);
      EXPECT_EQ(value_of(answer_of(small[static_cast<std::size_t>(i)])),
                value{expected});
    }
    EXPECT_EQ(value_of(answer_of(large)).as<bytes>().size(), 20U << 20U);
  }
}

// Callers that wait read for those that do not, and the other way round.
TEST_F(WorkerThreads, GivenCallsThatWaitAndThatDoNotThenAllAreAnswered) {
  start_with(threads);
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < all.size(); ++i)
    callers.emplace_back([&, i] {
      for (int n = 0; n < 300; ++n) {
        auto later = submit(i, "1");
        EXPECT_EQ(value_of(all[i].eval("2")), value{2});
        EXPECT_EQ(value_of(answer_of(later)), value{1});
      }
    });
  for (auto& each : callers)
    each.join();
}

TEST_F(WorkerThreads, WhenARefExpiresThenItGoesThoughNobodyCalls) {
  start_with(2);
  auto brief = interpreter->open("brief", {.ttl = 20ms});
  value_of(brief.eval("object()"));
  EXPECT_TRUE(interpreter->ends_empty());
}

} // namespace snakebridge::testing
