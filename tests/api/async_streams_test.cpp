// Streams of real Python whose items come as futures, in both placements.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"
#include "tests/support/under_tsan.hpp"

#include <future>
#include <optional>
#include <vector>

namespace snakebridge::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

static_assert(!std::copy_constructible<sb::async_stream<>>);
static_assert(std::movable<sb::async_stream<>>);

class AsyncStreams : public EachPlacement {
protected:
  /// A generator of that code, in which `seen` is a list of the session.
  sb::async_stream<> generator(const std::string& code) {
    or_throw(bridge.exec("seen = []\n"
                         "def make():\n"
                         + code));
    return bridge.async().stream(or_throw(bridge.eval("make()")));
  }
  sb::value seen() { return or_throw(bridge.eval("seen")); }

  /// In a worker what is late is interrupted there; here it waits on.
  static void let_go_on(gate& held) {
    if (GetParam() == sb::placement::embedded) {
      EXPECT_TRUE(held.has_a_caller());
      held.open();
    }
  }

  // Items of a stream that has ended are none.
  static constexpr std::nullopt_t ended = std::nullopt;
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(AsyncStreams);

TEST_P(AsyncStreams, GivenAFunctionThenItsItemsComeInOrder) {
  auto numbers = bridge.async().stream("builtins", "range", 3);
  EXPECT_EQ(or_throw(numbers.next().get()), 0);
  EXPECT_EQ(or_throw(numbers.next().get()), 1);
  EXPECT_EQ(or_throw(numbers.next().get()), 2);
  EXPECT_EQ(or_throw(numbers.next().get()), ended);
  EXPECT_EQ(or_throw(numbers.next().get()), ended);
  EXPECT_EQ(bridge.stats().streams, 0U);
}

TEST_P(AsyncStreams, GivenManyRequestsThenEachHasTheNextItem) {
  auto numbers = bridge.async().stream("builtins", "range", 50);
  std::vector<sb::future<std::optional<sb::value>>> all;
  for (int i = 0; i < 60; ++i)
    all.push_back(numbers.next());
  for (int i = 0; i < 60; ++i) {
    const auto item = or_throw(all[static_cast<std::size_t>(i)].get());
    ASSERT_EQ(item, i < 50 ? std::optional{sb::value{i}} : ended) << i;
  }
}

namespace {

sb::task<std::int64_t> sum_of(const sb::bridge& bridge, std::int64_t count) {
  auto numbers =
    bridge.async().stream("builtins", "range", count).as<std::int64_t>();
  std::int64_t all = 0;
  while (const auto item = or_throw(co_await numbers.next()))
    all += *item;
  co_return all;
}

} // namespace

TEST_P(AsyncStreams, GivenACoroutineThenItReadsThem) {
  EXPECT_EQ(sb::sync_wait(sum_of(bridge, 10'000)), 49'995'000);
}

TEST_P(AsyncStreams, GivenAnItemThatIsNoTThenItGoesOn) {
  auto numbers = bridge.async()
                   .stream(or_throw(bridge.eval("iter([1, 'two', 3])")))
                   .as<int>();
  EXPECT_EQ(or_throw(numbers.next().get()), 1);
  EXPECT_EQ(code_of(numbers.next().get()), sb::errc::not_convertible);
  EXPECT_EQ(or_throw(numbers.next().get()), 3);
  EXPECT_EQ(or_throw(numbers.next().get()), std::optional<int>{});
}

TEST_P(AsyncStreams, WhenItRaisesThenTheItemsBeforeAreKept) {
  auto items = generator("  yield 1\n"
                         "  raise ValueError('no')\n");
  EXPECT_EQ(or_throw(items.next().get()), 1);
  const auto failed = items.next().get();
  ASSERT_EQ(code_of(failed), sb::errc::python_raised);
  EXPECT_TRUE(failed.error().is("ValueError"));
  EXPECT_EQ(or_throw(items.next().get()), ended);
}

TEST_P(AsyncStreams, GivenWhatIsNoIterableThenTheFirstItemSaysSo) {
  auto items = bridge.async().stream("builtins", "int", 5);
  EXPECT_EQ(code_of(items.next().get()), sb::errc::not_iterable);
  auto elsewhere =
    bridge.async().with({.pool = "none"}).stream("builtins", "range", 5);
  EXPECT_EQ(code_of(elsewhere.next().get()), sb::errc::pool_unknown);
}

TEST_P(AsyncStreams, WhenItIsClosedThenFinallyHasRun) {
  auto items = generator("  try:\n"
                         "    while True: yield 1\n"
                         "  finally:\n"
                         "    seen.append('closed')\n");
  EXPECT_EQ(or_throw(items.next().get()), 1);
  EXPECT_TRUE(items.close().get());
  EXPECT_EQ(seen(), (sb::list{"closed"}));
  EXPECT_EQ(or_throw(items.next().get()), ended);
  EXPECT_TRUE(items.close().get());
}

TEST_P(AsyncStreams, WhenItIsDestroyedThenItsGeneratorIsClosed) {
  {
    auto items = generator("  try:\n"
                           "    while True: yield 1\n"
                           "  finally:\n"
                           "    seen.append('closed')\n");
    EXPECT_EQ(or_throw(items.next().get()), 1);
  }
  EXPECT_TRUE(eventually([&] { return seen() == sb::list{"closed"}; }));
}

TEST_P(AsyncStreams, WhenItIsClosedThenThoseWhoWaitAreCancelled) {
  gate held;
  auto running = bridge.async().exec(held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  auto numbers = bridge.async().stream("builtins", "range", 3);
  auto waits = numbers.next();
  auto closed = numbers.close();
  EXPECT_EQ(code_of(waits.get()), sb::errc::cancelled);
  held.open();
  EXPECT_TRUE(running.get());
  EXPECT_TRUE(closed.get());
}

TEST_P(AsyncStreams, WhenARequestIsCancelledThenNoItemIsLost) {
  gate held;
  auto running = bridge.async().exec(held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  auto numbers = bridge.async().stream("builtins", "range", 2);
  auto first = numbers.next();
  auto second = numbers.next();
  EXPECT_TRUE(first.cancel());
  EXPECT_EQ(code_of(first.get()), sb::errc::cancelled);
  held.open();
  EXPECT_TRUE(running.get());
  EXPECT_EQ(or_throw(second.get()), 0);
  EXPECT_EQ(or_throw(numbers.next().get()), 1);
}

TEST_P(AsyncStreams, WhenTooManyWaitThenOneMoreIsOverloaded) {
  gate held;
  auto running = bridge.async().exec(held.wait_here());
  ASSERT_TRUE(held.has_a_caller());
  auto numbers = bridge.async().stream("builtins", "range", 100);
  std::vector<sb::future<std::optional<sb::value>>> all;
  for (int i = 0; i < 64; ++i)
    all.push_back(numbers.next());
  EXPECT_EQ(code_of(numbers.next().get()), sb::errc::overloaded);
  held.open();
  EXPECT_TRUE(running.get());
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(or_throw(all[static_cast<std::size_t>(i)].get()), i);
}

TEST_P(AsyncStreams, WhenNoItemComesInTimeThenItsErrorSaysSo) {
  if (GetParam() == sb::placement::worker)
    SKIP_WHERE_SIGNALS_WAIT();
  gate held;
  auto items =
    generator("  yield 1\n  " + held.wait_here() + "\n").timeout_idle(50ms);
  EXPECT_EQ(or_throw(items.next().get()), 1);
  const auto late = items.next().get();
  EXPECT_EQ(code_of(late), sb::errc::deadline_exceeded);
  EXPECT_THAT(late.error().message(), HasSubstr("timeout_idle"));
  let_go_on(held);
}

TEST_P(AsyncStreams, WhenItsTimeIsShortenedOnTheWayThenTheErrorSaysSo) {
  if (GetParam() == sb::placement::worker)
    SKIP_WHERE_SIGNALS_WAIT();
  gate held;
  auto items = generator("  yield 1\n  yield 2\n  " + held.wait_here() + "\n");
  EXPECT_EQ(or_throw(items.next().get()), 1);
  items.timeout_idle(50ms);
  EXPECT_EQ(or_throw(items.next().get()), 2);
  const auto late = items.next().get();
  EXPECT_EQ(code_of(late), sb::errc::deadline_exceeded);
  EXPECT_THAT(late.error().message(), HasSubstr("timeout_idle"));
  let_go_on(held);
}

TEST_P(AsyncStreams, WhenItIsMadeOfNoItemsThenTheErrorNamesTheSetting) {
  auto numbers = bridge.async().stream("builtins", "range", 3).batch(0);
  const auto refused = numbers.next().get();
  EXPECT_EQ(code_of(refused), sb::errc::config_invalid);
  EXPECT_THAT(refused.error().message(), HasSubstr("stream_batch_items"));
}

TEST_P(AsyncStreams, WhenItWasMovedFromThenItSaysSo) {
  auto numbers = bridge.async().stream("builtins", "range", 3);
  auto mine = std::move(numbers);
  EXPECT_EQ(or_throw(mine.next().get()), 0);
  EXPECT_THROW(static_cast<void>(numbers.next()), std::future_error);
}

TEST_P(AsyncStreams, GivenRefsThenUnreadOnesAreLetGo) {
  auto items = generator("  for _ in range(10): yield object()\n").batch(5);
  EXPECT_TRUE(or_throw(items.next().get())->is_ref());
  EXPECT_TRUE(items.close().get());
  // The one that was read, and the generator; others may be on their way yet.
  EXPECT_TRUE(eventually([&] { return bridge.stats().live_objects() == 2; }));
}

TEST(AsyncStreamsAlone, WhenTheBridgeEndsThenTheStreamHasEnded) {
  std::optional<sb::async_stream<>> items;
  {
    const sb::bridge bridge{one_pool(sb::placement::worker)};
    items.emplace(bridge.async().stream("builtins", "range", 10'000));
    EXPECT_EQ(or_throw(items->next().get()), 0);
  }
  for (;;) {
    const auto item = items->next().get();
    if (!item || !*item)
      break;
  }
  EXPECT_EQ(or_throw(items->next().get()), std::optional<sb::value>{});
}

TEST(AsyncStreamsAlone, WhenTheWorkerDiesThenThoseWhoWaitAreTold) {
  const sb::bridge bridge{one_pool(sb::placement::worker)};
  auto items = bridge.async().stream(
    or_throw(bridge.eval("(__import__('os')._exit(3) for _ in 'a')")));
  EXPECT_EQ(code_of(items.next().get()), sb::errc::interpreter_died);
}

} // namespace snakebridge::testing
