// Futures of real Python, in both placements: answers that come later, what
// goes on with them, coroutines.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"

#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace snakebridge::testing {

using ::testing::AnyOf;
using ::testing::HasSubstr;

static_assert(!std::copy_constructible<sb::future<int>>);
static_assert(std::movable<sb::future<int>>);

class Futures : public EachPlacement {
protected:
  sb::future<sb::value> root_of(double square) {
    return bridge.async().call("math", "sqrt", square);
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Futures);

TEST_P(Futures, GivenEachVerbThenItsAnswerComes) {
  const auto later = bridge.async();
  EXPECT_EQ(root_of(16).get(), 4.0);
  EXPECT_EQ(later.call("builtins", "round", 3.14159, "ndigits"_a = 2).get(),
            3.14);
  EXPECT_EQ(later.get("math", "inf").get(),
            std::numeric_limits<double>::infinity());
  EXPECT_EQ(later.method("abc", "upper").get(), "ABC");
  EXPECT_EQ(later.attr(sb::value{5}, "numerator").get(), 5);
  EXPECT_EQ(later.item(sb::list{1, 2}, 1).get(), 2);
  EXPECT_EQ(later.len(sb::list{1, 2, 3}).get(), 3U);
  EXPECT_EQ(later.str(sb::value{5}).get(), "5");
  EXPECT_EQ(later.repr(sb::value{"a"}).get(), "'a'");
  EXPECT_TRUE(later.exec("class box: pass\ndef twice(x): return 2 * x").get());
  EXPECT_EQ(later.eval("twice(x)", {{"x", 21}}).get(), 42);
  const auto twice = or_throw(bridge.eval("twice"));
  EXPECT_EQ(later.call_object(twice, 4).get(), 8);
  const auto box = or_throw(later.eval("box()").get());
  EXPECT_TRUE(later.set_attr(box, "x", 1).get());
  EXPECT_EQ(bridge.attr(box, "x"), 1);
  const auto kept =
    or_throw(bridge.with({.leaves = sb::leaves::all_refs}).eval("{}"));
  EXPECT_TRUE(later.set_item(kept, "k", 2).get());
  EXPECT_EQ(later.item(kept, "k").get(), 2);
  EXPECT_EQ(later.release(kept).get(), true);
  EXPECT_EQ(later.release(kept).get(), false);
  EXPECT_EQ(later.release(box).get(), true);
  EXPECT_EQ(later.release(twice).get(), true);
}

TEST_P(Futures, WhenItFailsThenTheAnswerIsTheError) {
  auto failed = bridge.async().call("builtins", "int", "no number").get();
  ASSERT_EQ(code_of(failed), sb::errc::python_raised);
  EXPECT_TRUE(failed.error().is("ValueError"));
  EXPECT_EQ(code_of(bridge.async().eval("1", {{2, 3}}).get()),
            sb::errc::not_convertible);
  EXPECT_EQ(code_of(bridge.async().with({.pool = "none"}).eval("1").get()),
            sb::errc::pool_unknown);
  EXPECT_EQ(code_of(bridge.async().len(sb::value{5}).get()),
            sb::errc::python_raised);
}

TEST_P(Futures, GivenManyOnTheirWayThenEachHasItsOwnAnswer) {
  std::vector<sb::future<sb::value>> all;
  for (int i = 0; i < 200; ++i)
    all.push_back(bridge.async().call("builtins", "str", i));
  for (int i = 199; i >= 0; --i)
    EXPECT_EQ(all[static_cast<std::size_t>(i)].get(), std::to_string(i));
}

TEST_P(Futures, WhenMoreAreMadeThanMayWaitThenTheyAreOverloaded) {
  gate held;
  auto first = bridge.async().exec(held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  std::vector<sb::future<sb::value>> all;
  for (int i = 0; i < 1'100; ++i)
    all.push_back(bridge.async().call("builtins", "str", i));
  EXPECT_TRUE(all.back().ready());
  EXPECT_EQ(code_of(all.back().get()), sb::errc::overloaded);
  all.pop_back();
  held.open();
  EXPECT_TRUE(first.get());
  EXPECT_EQ(all.front().get(), "0");
}

TEST_P(Futures, WhenItIsNotThereThenAWaitEnds) {
  gate held;
  auto waits = bridge.async().exec(held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  EXPECT_FALSE(waits.wait_for(1ms));
  EXPECT_FALSE(waits.ready());
  held.open();
  EXPECT_TRUE(waits.wait_for(30s));
  EXPECT_TRUE(waits.ready());
  EXPECT_TRUE(waits.get());
  EXPECT_FALSE(waits.valid());
  EXPECT_THROW(static_cast<void>(waits.ready()), std::future_error);
  EXPECT_THROW(static_cast<void>(waits.get()), std::future_error);
}

TEST_P(Futures, WhenItIsCancelledThenItsCallIs) {
  gate held;
  auto running = bridge.async().exec(held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  auto queued = root_of(4);
  EXPECT_TRUE(queued.cancel());
  EXPECT_EQ(code_of(queued.get()), sb::errc::cancelled);
  EXPECT_TRUE(running.cancel());
  EXPECT_FALSE(running.cancel());
  EXPECT_EQ(code_of(running.get()), sb::errc::cancelled);
  held.open(); // embedded, nothing interrupts C code
  EXPECT_EQ(root_of(9).get(), 3.0);
}

TEST_P(Futures, WhenItsTimeIsOverThenItIsAnswered) {
  gate held;
  auto late = bridge.async().with({.timeout = 200ms}).exec(held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  EXPECT_EQ(code_of(late.get()), sb::errc::deadline_exceeded);
}

TEST_P(Futures, WhenItIsDroppedThenItsCallGoesOn) {
  gate held;
  static_cast<void>(bridge.async().exec(held.wait_here() + "\ndone = 1"));
  ASSERT_TRUE(held.has_a_caller());
  held.open();
  EXPECT_EQ(bridge.eval("done"), 1);
}

TEST_P(Futures, WhenTheSessionEndsThenItIsAnswered) {
  auto session = std::make_optional(bridge.open_session());
  gate held;
  auto waits = session->async().exec(
    held.wait_here() + "\nimport time\nwhile True: time.sleep(0.001)");
  ASSERT_TRUE(held.has_a_caller());
  held.open();
  session.reset();
  EXPECT_EQ(code_of(waits.get()), sb::errc::session_closed);
}

// --- then --------------------------------------------------------------------

TEST_P(Futures, GivenAContinuationThenItsAnswerIsTheNext) {
  const auto here = std::this_thread::get_id();
  std::atomic<bool> elsewhere = false;
  auto text =
    root_of(16)
      .then([&](sb::result<sb::value> root) {
        elsewhere = std::this_thread::get_id() != here;
        return or_throw(root).as<double>() + 1;
      })
      .then([](sb::result<double> sum) -> sb::result<std::string> {
        return sum.transform([](double item) { return std::to_string(item); });
      });
  EXPECT_EQ(text.get(), "5.000000");
  EXPECT_TRUE(elsewhere);
}

TEST_P(Futures, GivenAContinuationThatCallsThenItsAnswerIsWaitedFor) {
  auto chain = root_of(16).then([this](sb::result<sb::value> root) {
    return bridge.async().call("math", "sqrt", or_throw(root));
  });
  EXPECT_EQ(chain.get(), 2.0);
}

TEST_P(Futures, GivenAContinuationThatWaitsForACallThenItGetsItsAnswer) {
  auto chain = root_of(16).then([this](sb::result<sb::value> root) {
    return bridge.call("math", "sqrt", or_throw(root));
  });
  EXPECT_EQ(chain.get(), 2.0);
}

TEST_P(Futures, GivenAContinuationThenItIsInTheSessionOfItsCall) {
  EXPECT_TRUE(bridge.exec("class box: size = 5"));
  auto size = bridge.async().eval("box()").then(
    [this](const sb::result<sb::value>& made) {
      const auto of = or_throw(bridge.attr(or_throw(made), "size"));
      EXPECT_EQ(bridge.current_session(), or_throw(made).as<sb::ref>().session);
      or_throw(bridge.release(*made));
      return of;
    });
  EXPECT_EQ(size.get(), 5);

  const auto session = bridge.open_session();
  auto inside = session.async().eval("1").then(
    [this](const sb::result<sb::value>&) { return bridge.current_session(); });
  EXPECT_EQ(inside.get(), session.id());
}

TEST_P(Futures, GivenAContinuationOfNothingThenItsEndIsTold) {
  std::atomic<int> seen = 0;
  auto ended = root_of(4).then([&](const sb::result<sb::value>& root) {
    seen = static_cast<int>(root->as<double>());
  });
  EXPECT_TRUE(ended.get());
  EXPECT_EQ(seen, 2);
}

TEST_P(Futures, WhenAContinuationThrowsThenThatIsItsAnswer) {
  const auto throwing = [this](auto what) {
    return root_of(4).then(
      [what](const sb::result<sb::value>&) -> int { throw what; });
  };
  auto plain = throwing(std::runtime_error{"no more"}).get();
  EXPECT_EQ(code_of(plain), sb::errc::callback_failed);
  EXPECT_THAT(plain.error().message(), HasSubstr("no more"));
  EXPECT_EQ(code_of(throwing(5).get()), sb::errc::callback_failed);
  auto ours = bridge.async()
                .call("builtins", "int", "x")
                .then([](sb::result<sb::value> failed) {
                  return or_throw(failed).as<int>();
                });
  EXPECT_TRUE(ours.get().error().is("ValueError"));
}

TEST_P(Futures, GivenWhatCannotBeCopiedThenAContinuationMayHoldIt) {
  auto sum = root_of(4).then(
    [held = std::make_unique<int>(40)](sb::result<sb::value> root) mutable {
      *held += static_cast<int>(root->as<double>());
      return std::move(held);
    });
  EXPECT_EQ(**sum.get(), 42);
}

TEST_P(Futures, WhenAChainIsCancelledThenWhatItWaitsForIs) {
  gate held;
  auto first =
    bridge.async()
      .exec(held.wait_here())
      .then([](const sb::result<void>& ended) { return code_of(ended); });
  ASSERT_TRUE(held.has_a_caller());
  EXPECT_TRUE(first.cancel());
  EXPECT_EQ(first.get(), sb::errc::cancelled);
  held.open();

  gate inner;
  auto second = root_of(4).then([&](const sb::result<sb::value>&) {
    return bridge.async().exec(inner.wait_here());
  });
  ASSERT_TRUE(inner.has_a_caller());
  EXPECT_TRUE(second.cancel());
  EXPECT_EQ(code_of(second.get()), sb::errc::cancelled);
}

// --- when_all ----------------------------------------------------------------

TEST_P(Futures, GivenSeveralThenTheirAnswersComeInOrder) {
  std::vector<sb::future<sb::value>> all;
  for (const double square : {1, 4, 9})
    all.push_back(root_of(square));
  all.push_back(bridge.async().call("builtins", "int", "x"));
  auto answers = or_throw(sb::when_all(std::move(all)).get());
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[0], 1.0);
  EXPECT_EQ(answers[2], 3.0);
  EXPECT_EQ(code_of(answers[3]), sb::errc::python_raised);
  EXPECT_THROW(
    static_cast<void>(sb::when_all(std::vector<sb::future<sb::value>>{})),
    std::future_error);
}

TEST_P(Futures, GivenSeveralTypesThenTheirAnswersAreATuple) {
  auto [root, length, nothing] =
    or_throw(sb::when_all(root_of(4), bridge.async().len("abc"),
                          bridge.async().exec("x = 1"))
               .get());
  EXPECT_EQ(root, 2.0);
  EXPECT_EQ(length, 3U);
  EXPECT_TRUE(nothing);
}

TEST_P(Futures, WhenAllAreCancelledThenEachIs) {
  gate held;
  auto running = bridge.async().exec(held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  auto both = sb::when_all(std::move(running), root_of(4));
  EXPECT_TRUE(both.cancel());
  auto [first, second] = or_throw(both.get());
  EXPECT_EQ(code_of(first), sb::errc::cancelled);
  EXPECT_EQ(code_of(second), sb::errc::cancelled);
  held.open();
}

// --- Coroutines --------------------------------------------------------------

namespace {

sb::task<double> mean_of(const sb::bridge& bridge, sb::list numbers) {
  const auto sum = co_await bridge.async().call("math", "fsum", numbers);
  const auto count = co_await bridge.async().len(numbers);
  co_return or_throw(sum).as<double>() / static_cast<double>(or_throw(count));
}

sb::task<> wrong(const sb::bridge& bridge) {
  or_throw(co_await bridge.async().call("builtins", "int", "x"));
}

sb::task<std::string> both(const sb::bridge& bridge) {
  sb::list numbers{1, 2, 6}; // gcc 12 has no temporary of them here
  const auto mean = co_await mean_of(bridge, std::move(numbers));
  std::string text = std::to_string(static_cast<int>(mean));
  try {
    co_await wrong(bridge);
  } catch (const sb::python_exception& raised) {
    text += raised.error().python()->type;
  }
  co_return text;
}

} // namespace

TEST_P(Futures, GivenACoroutineThenItGoesOnWithEachAnswer) {
  EXPECT_EQ(sb::sync_wait(mean_of(bridge, {1, 2, 6})), 3.0);
  EXPECT_EQ(sb::sync_wait(both(bridge)), "3ValueError");
  EXPECT_THROW(sb::sync_wait(wrong(bridge)), sb::python_exception);
}

TEST_P(Futures, GivenACoroutineThatHasEndedThenWhatItHeldIsGone) {
  auto held = std::make_shared<int>(7);
  const auto hold = [this](std::shared_ptr<int> mine) -> sb::task<int> {
    static_cast<void>(co_await root_of(4));
    co_return *mine;
  };
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(sb::sync_wait(hold(held)), 7);
    EXPECT_EQ(held.use_count(), 1);
  }
  { const auto never_begun = hold(held); }
  EXPECT_EQ(held.use_count(), 1);
}

TEST_P(Futures, GivenManyCoroutinesThenTheyGoOnSideBySide) {
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int n = 0; n < 20; ++n)
        right += sb::sync_wait(mean_of(bridge, {i, i + n})) == i + n / 2.0;
    });
  for (auto& each : threads)
    each.join();
  EXPECT_EQ(right, 8 * 20);
}

// --- Who waits brings in the answers -----------------------------------------

TEST_P(Futures, WhenOneInLineIsCancelledThenWhoWaitsForItHearsOfIt) {
  gate held;
  auto first = bridge.async().exec(held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  sb::cancel_source source;
  std::vector<sb::future<sb::value>> all;
  for (int i = 0; i < 20; ++i)
    all.push_back(bridge.async()
                    .with({.cancel = source.token()})
                    .call("builtins", "str", i));
  std::vector<std::future<sb::errc>> told;
  for (auto& each : all)
    told.push_back(
      std::async(std::launch::async, [&each] { return code_of(each.get()); }));
  EXPECT_TRUE(source.cancel());
  for (auto& each : told)
    EXPECT_EQ(each.get(), sb::errc::cancelled);
  held.open();
  EXPECT_TRUE(first.get());
}

TEST_P(Futures, GivenManyThreadsThenEachHasItsOwnAnswers) {
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      std::deque<sb::future<sb::value>> sent;
      for (int i = 0; i < 200; ++i) {
        sent.push_back(bridge.async().call("builtins", "str", t * 1'000 + i));
        if (sent.size() < 8)
          continue;
        right += sent.front().get() == std::to_string(t * 1'000 + i - 7);
        sent.pop_front();
        if (t % 4 == 0) // one that waits beside them
          right += bridge.call("builtins", "abs", -i) == i;
      }
    });
  for (auto& each : threads)
    each.join();
  EXPECT_EQ(right, 8 * 193 + 2 * 193);
}

// Replies are brought in some at a time where calls stand in line.
TEST_P(Futures, GivenALineBehindASlowCallThenWhatCameBeforeItIsTold) {
  gate held;
  std::vector<sb::future<sb::value>> quick, behind;
  for (int i = 0; i < 5; ++i)
    quick.push_back(bridge.async().call("builtins", "str", i));
  auto slow = bridge.async().exec(held.wait_here());
  for (int i = 0; i < 100; ++i)
    behind.push_back(bridge.async().call("builtins", "str", i));
  std::vector<std::future<sb::result<sb::value>>> told, later;
  const auto ask = [](sb::future<sb::value>& of) {
    return std::async(std::launch::async, [&of] { return of.get(); });
  };
  for (auto& each : behind)
    later.push_back(ask(each));
  for (auto& each : quick)
    told.push_back(ask(each));
  for (std::size_t i = 0; i < told.size(); ++i)
    EXPECT_EQ(told[i].get(), std::to_string(i));
  ASSERT_TRUE(held.has_a_caller());
  held.open();
  EXPECT_TRUE(slow.get());
  for (std::size_t i = 0; i < later.size(); ++i)
    EXPECT_EQ(later[i].get(), std::to_string(i));
}

TEST(FuturesOfTwoExecutors, WhileAThreadWaitsForOneThenAContinuationRuns) {
  const sb::bridge bridge{sb::config{.pools = {{.size = 1, .threads = 2}}}};
  const auto slow = bridge.open_session(), quick = bridge.open_session();
  gate held;
  auto waits = slow.async().exec(held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  auto reader =
    std::async(std::launch::async, [&waits] { return waits.get(); });
  for (int i = 0; i < 50; ++i) {
    std::promise<sb::result<sb::value>> next;
    quick.async()
      .call("builtins", "str", i)
      .then([&next](auto answered) { next.set_value(std::move(answered)); })
      .wait_for(0s);
    EXPECT_EQ(next.get_future().get(), std::to_string(i));
  }
  held.open();
  EXPECT_TRUE(reader.get());
}

TEST(FuturesWaitedForShortly, GivenThreadsThatGiveUpThenTheirWorkerStays) {
  const sb::bridge bridge{one_pool(sb::placement::worker)};
  or_throw(bridge.eval("1"));
  const auto epoch = [&] {
    return bridge.stats().pools.at(0).interpreters.at(0).epoch;
  };
  const auto first = epoch();
  std::vector<std::thread> threads;
  std::atomic<int> answered = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        auto later = bridge.async().call("time", "sleep", 0.001);
        later.wait_for(500us);
        static_cast<void>(
          bridge.with({.timeout = 1ms}).call("time", "sleep", 0.0005));
        later.wait_for(100us);
        answered += later.get().has_value();
      }
    });
  for (auto& each : threads)
    each.join();
  EXPECT_EQ(answered, 4 * 100);
  EXPECT_EQ(epoch(), first);
}

// --- Its end -----------------------------------------------------------------

class FuturesAlone : public ::testing::TestWithParam<sb::placement> {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(FuturesAlone);

TEST_P(FuturesAlone, WhenTheBridgeEndsThenEachHasItsAnswer) {
  sb::future<sb::value> done;
  sb::future<void> running;
  sb::future<sb::errc> goes_on;
  {
    sb::bridge bridge{one_pool(GetParam())};
    done = bridge.async().call("math", "sqrt", 4);
    ASSERT_TRUE(done.wait_for(30s));
    gate held;
    running = bridge.async().exec(
      held.wait_here() + "\nimport time\nwhile True: time.sleep(0.001)");
    ASSERT_TRUE(held.has_a_caller());
    held.open();
    goes_on = bridge.async()
                .call("math", "sqrt", 4)
                .then([](const sb::result<sb::value>& ended) {
                  return code_of(ended);
                });
  }
  EXPECT_EQ(done.get(), 2.0);
  EXPECT_FALSE(running.get());
  EXPECT_THAT(goes_on.get().value(),
              AnyOf(sb::errc::session_closed, sb::errc::shutting_down));
}

TEST_P(FuturesAlone, WhenAContinuationUsesABridgeThatEndsThenItIsRefused) {
  std::promise<void> has_begun;
  sb::future<sb::errc> refused;
  {
    const sb::bridge bridge{one_pool(GetParam())};
    refused = bridge.async()
                .call("math", "sqrt", 4)
                .then([&, later = bridge.async()](auto answered) {
                  has_begun.set_value();
                  while (answered)
                    answered = later.call("math", "sqrt", 9).get();
                  return code_of(answered);
                });
    has_begun.get_future().wait();
  }
  EXPECT_THAT(refused.get().value(),
              AnyOf(sb::errc::shutting_down, sb::errc::session_closed));
}

} // namespace snakebridge::testing
