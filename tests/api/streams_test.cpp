// Streams of real Python, in both placements.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"
#include "tests/support/under_tsan.hpp"

#include <csignal>
#include <future>
#include <iterator>
#include <memory>
#include <ranges>
#include <vector>

namespace snakebridge::testing {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

static_assert(std::input_iterator<sb::stream<>::iterator>);
static_assert(std::ranges::input_range<sb::stream<>>);
static_assert(!std::copy_constructible<sb::stream<>>);

namespace {

/// All items, and how it ended.
struct read {
  std::vector<sb::value> items;
  std::optional<sb::error> failed = {};
};
read all_of(sb::stream<> from) {
  read got;
  for (sb::result<sb::value> item : from)
    if (item)
      got.items.push_back(*std::move(item));
    else
      got.failed = item.error();
  return got;
}

} // namespace

class Streams : public EachPlacement {
protected:
  /// A generator that runs that code, in which `seen` is a list of the session.
  sb::value generator(const std::string& code) {
    or_throw(bridge.exec("seen = []\n"
                         "def make():\n"
                         + code));
    return or_throw(bridge.eval("make()"));
  }
  sb::value seen() { return or_throw(bridge.eval("seen")); }

  std::vector<sb::value> items_of(const sb::value& iterable) {
    auto got = all_of(bridge.stream(iterable));
    EXPECT_FALSE(got.failed) << *got.failed;
    return got.items;
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Streams);

// ORIGINAL P20
TEST_P(Streams, GivenAFunctionThenWhatItReturnsIsIterated) {
  std::int64_t next = 0;
  for (sb::result<sb::value> item : bridge.stream("builtins", "range", 10'000))
    ASSERT_EQ(item, next++);
  EXPECT_EQ(next, 10'000);
  EXPECT_EQ(all_of(bridge.stream("builtins", "enumerate", sb::list{"a", "b"},
                                 "start"_a = 5))
              .items,
            (std::vector<sb::value>{sb::tuple{5, "a"}, sb::tuple{6, "b"}}));
}

TEST_P(Streams, GivenAnyIterableThenItsItemsCome) {
  EXPECT_THAT(items_of(sb::list{1, "two", nullptr}),
              ElementsAre(sb::value{1}, sb::value{"two"}, sb::value{}));
  EXPECT_THAT(items_of("ab"), ElementsAre(sb::value{"a"}, sb::value{"b"}));
  EXPECT_THAT(items_of(sb::dict{{"key", 1}}), ElementsAre(sb::value{"key"}));
  EXPECT_THAT(items_of(generator("  yield from [1, 2.5]")),
              ElementsAre(sb::value{1}, sb::value{2.5}));
  or_throw(bridge.exec("class Old:\n"
                       "  def __getitem__(self, at):\n"
                       "    return [7, 8][at]"));
  EXPECT_THAT(items_of(or_throw(bridge.eval("Old()"))),
              ElementsAre(sb::value{7}, sb::value{8}));
  EXPECT_THAT(items_of(sb::list{}), IsEmpty());
}

// ORIGINAL T22
TEST_P(Streams, GivenAnAsynchronousGeneratorThenItsItemsCome) {
  or_throw(bridge.exec("import asyncio\n"
                       "seen = []\n"
                       "async def ticks(n):\n"
                       "  try:\n"
                       "    for i in range(n):\n"
                       "      await asyncio.sleep(0)\n"
                       "      yield i\n"
                       "  finally:\n"
                       "    await asyncio.sleep(0)\n"
                       "    seen.append('closed')\n"));
  EXPECT_THAT(items_of(or_throw(bridge.eval("ticks(3)"))),
              ElementsAre(sb::value{0}, sb::value{1}, sb::value{2}));
  EXPECT_EQ(seen(), (sb::list{"closed"}));
  for (auto&& item : bridge.stream(or_throw(bridge.eval("ticks(1000)"))))
    if (or_throw(item) == 5)
      break;
  EXPECT_EQ(seen(), (sb::list{"closed", "closed"}));
}

// Numbers of one kind travel together; what else comes among them, at any place
// of a batch, is told as it is.
TEST_P(Streams, GivenNumbersAndAnythingAmongThemThenAllAreExact) {
  const auto huge = or_throw(bridge.eval("2**70"));
  const auto least = or_throw(bridge.eval("-2**63"));
  const std::vector<sb::value> others{
    true,   huge, least,         2.5, or_throw(bridge.eval("-0.0")),
    "text", none, sb::list{1, 2}};
  for (const auto& other : others)
    for (const std::int64_t place : {0, 1, 2, 4, 5, 20, 21, 99, 1'400}) {
      const auto from = or_throw(
        bridge.eval("(other if i == place else i for i in range(place + 40))",
                    {{"other", other}, {"place", place}}));
      std::int64_t at = 0;
      for (auto&& item : bridge.stream(from)) {
        const auto got = or_throw(std::move(item));
        const auto wanted = at == place ? other : sb::value{at};
        ASSERT_EQ(sb::repr(got), sb::repr(wanted)) << "at " << at;
        ASSERT_EQ(got.kind(), wanted.kind());
        ++at;
      }
      ASSERT_EQ(at, place + 40);
    }
}

TEST_P(Streams, GivenFloatsAndIntsByTurnsThenEachStaysWhatItIs) {
  const auto from = or_throw(
    bridge.eval("(float(i) if i // 7 % 2 else i for i in range(3000))"));
  std::int64_t at = 0;
  for (auto&& item : bridge.stream(from)) {
    const auto got = or_throw(std::move(item));
    ASSERT_EQ(got.kind(),
              at / 7 % 2 != 0 ? sb::kind::floating : sb::kind::integer);
    ASSERT_EQ(got, at++);
  }
  EXPECT_EQ(at, 3'000);
  const auto floats = items_of(or_throw(
    bridge.eval("iter([0.5, float('inf'), -0.0, float('nan'), 1e300] * 300)")));
  ASSERT_EQ(floats.size(), 1'500U);
  EXPECT_EQ(sb::repr(sb::list(floats.end() - 5, floats.end())),
            "[0.5, inf, -0.0, nan, 1e+300]");
}

// What has come before was sent off when the rest of the batch is something
// else.
TEST_P(Streams, WhenTheProducerOfNumbersBlocksThenTheRestMayBeAnything) {
  for (const std::string rest : {"7", "7.5", "'text'", "2**70", "None"}) {
    gate here;
    auto items =
      bridge.stream(generator("  yield from range(10)\n  " + here.wait_here()
                              + "\n  for i in range(10): yield " + rest));
    for (int i = 0; i < 10; ++i)
      ASSERT_EQ(*items.next(), i);
    ASSERT_TRUE(here.has_a_caller());
    here.open();
    const auto wanted = or_throw(bridge.eval(rest));
    for (int i = 0; i < 10; ++i)
      ASSERT_EQ(sb::repr(or_throw(*items.next())), sb::repr(wanted));
    EXPECT_FALSE(items.next());
  }
}

TEST_P(Streams, GivenOneThatWasMovedThenItGoesOnAndTheOtherIsEmpty) {
  auto first = bridge.stream("builtins", "range", 100);
  for (int i = 0; i < 10; ++i)
    ASSERT_EQ(*first.next(), i);
  auto second = std::move(first);
  EXPECT_FALSE(first.next()); // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(*second.next(), 10);
  first = std::move(second);
  EXPECT_EQ(std::ranges::distance(first), 89);
}

// Its batches are sent by another thread while Python calls and is called.
TEST_P(Streams, GivenAProducerThatCallsBackThenItsItemsAreExact) {
  const auto& here = bridge;
  const sb::callback asks{[&](std::int64_t i) {
    return or_throw(here.eval("i + 1", {{"i", i}}));
  }};
  or_throw(bridge.exec("def produce(f, n):\n"
                       "  for i in range(n):\n"
                       "    yield i\n"
                       "    assert f(i) == i + 1\n"));
  const auto made = or_throw(bridge.eval("produce(f, 3000)", {{"f", asks}}));
  std::int64_t next = 0;
  for (auto&& item : bridge.stream(made))
    ASSERT_EQ(or_throw(item), next++);
  EXPECT_EQ(next, 3'000);
}

// ORIGINAL P22
TEST_P(Streams, GivenWhatIsNoIterableThenTheErrorSaysWhatItIs) {
  const auto why = all_of(bridge.stream("builtins", "int", 5)).failed;
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code(), sb::errc::not_iterable);
  EXPECT_THAT(why->message(), HasSubstr("'int' object is not iterable"));
}

TEST_P(Streams, WhenNothingIsReadThenNothingRuns) {
  or_throw(bridge.exec("import builtins; builtins.stream_began = 0"));
  {
    const auto unread = bridge.stream(
      "builtins", "exec", "import builtins; builtins.stream_began = 1");
  }
  EXPECT_EQ(bridge.eval("__import__('builtins').stream_began"), 0);
  EXPECT_EQ(bridge.stats().streams, 0U);
}

// ORIGINAL P21
TEST_P(Streams, WhenTheLoopIsLeftThenTheGeneratorIsClosed) {
  const auto endless = generator("  try:\n"
                                 "    while True: yield 1\n"
                                 "  finally:\n"
                                 "    seen.append('closed')\n");
  for (auto&& item : bridge.stream(endless))
    if (item)
      break;
  EXPECT_EQ(seen(), (sb::list{"closed"}));
}

// ORIGINAL P21
TEST_P(Streams, GivenForEachThenItGoesOnUntilToldToStop) {
  int sum = 0;
  EXPECT_TRUE(
    bridge.stream("itertools", "count", 1).for_each([&](const sb::value& item) {
      sum += item.as<int>();
      return sum < 10 ? sb::flow::next : sb::flow::stop;
    }));
  EXPECT_EQ(sum, 10);
  EXPECT_TRUE(bridge.stream(sb::list{1, 2}).as<int>().for_each([&](int item) {
    sum += item;
  }));
  EXPECT_EQ(sum, 13);
  const auto failed = bridge
                        .stream("builtins", "map", or_throw(bridge.eval("int")),
                                sb::list{"1", "x"})
                        .for_each([&](const sb::value&) {});
  EXPECT_EQ(error_of(failed).python()->type, "ValueError");
}

TEST_P(Streams, WhenItRaisesThenWhatCameBeforeIsKept) {
  const auto got = all_of(bridge.stream(generator("  yield 1\n"
                                                  "  yield 2\n"
                                                  "  raise KeyError('no')\n")));
  EXPECT_THAT(got.items, ElementsAre(sb::value{1}, sb::value{2}));
  ASSERT_TRUE(got.failed);
  EXPECT_EQ(got.failed->python()->type, "KeyError");
  EXPECT_THAT(got.failed->python()->traceback, HasSubstr("raise KeyError"));
}

TEST_P(Streams, GivenAStopIterationInsideThenItIsAnError) {
  const auto got =
    all_of(bridge.stream(generator("  yield 1\n  raise StopIteration")));
  EXPECT_THAT(got.items, ElementsAre(sb::value{1}));
  EXPECT_EQ(got.failed.value().python()->type, "RuntimeError");
}

TEST_P(Streams, GivenOneThatHasEndedThenItIsEmpty) {
  auto numbers = bridge.stream("builtins", "range", 3);
  EXPECT_EQ(std::ranges::distance(numbers), 3);
  EXPECT_EQ(std::ranges::distance(numbers), 0);
  EXPECT_FALSE(numbers.next());
  EXPECT_TRUE(numbers.close());
}

TEST_P(Streams, GivenObjectsThenTheyAreRefsAndThoseUnreadAreLetGo) {
  auto paths =
    bridge.stream(or_throw(bridge.eval("(__import__('pathlib').Path(str(i)) "
                                       "for i in range(1000))")));
  std::vector<sb::value> got;
  for (int i = 0; i < 20; ++i)
    got.push_back(or_throw(*paths.next()));
  EXPECT_EQ(bridge.str(got[19]), "19");
  ASSERT_TRUE(paths.close());
  // Those that were read, and the generator, which is the session's.
  EXPECT_TRUE(eventually([&] { return bridge.stats().live_objects() == 21; }))
    << bridge.stats().live_objects();
}

TEST_P(Streams, WhenItIsLeftInTheMiddleOfABatchThenUnreadRefsAreLetGo) {
  const auto from = or_throw(
    bridge.eval("(__import__('pathlib').Path(str(i)) for i in range(1000))"));
  {
    auto paths = bridge.stream(from);
    for (int i = 0; i < 6; ++i)
      or_throw(*paths.next());
  }
  // Those that were read, and the generator.
  EXPECT_TRUE(eventually([&] { return bridge.stats().live_objects() == 7; }))
    << bridge.stats().live_objects();
  // The same where it ends because of a bound that is none.
  auto refused =
    bridge.stream("builtins", "map", or_throw(bridge.get("pathlib", "Path")),
                  or_throw(bridge.eval("['a'] * 1000")));
  or_throw(*refused.next());
  or_throw(*refused.next());
  refused.batch(0);
  EXPECT_EQ(code_of(*refused.next()), sb::errc::config_invalid);
  EXPECT_EQ(bridge.stats().streams, 0U);
  EXPECT_TRUE(eventually([&] { return bridge.stats().live_objects() == 10; }))
    << bridge.stats().live_objects();
}

TEST_P(Streams, GivenATimeoutThenItIsOfTheCallAndNotOfTheFirstItem) {
  gate here;
  auto items = bridge.with({.timeout = 100ms})
                 .stream(generator("  " + here.wait_here()
                                   + "\n"
                                     "  yield 1\n"));
  auto first = std::async(std::launch::async, [&] { return items.next(); });
  ASSERT_TRUE(here.has_a_caller());
  EXPECT_EQ(first.wait_for(300ms), std::future_status::timeout);
  here.open();
  EXPECT_EQ(*first.get(), 1);
}

TEST_P(Streams, WhenAnAsynchronousOneIsLeftInItsAwaitThenItsEndIsAwaited) {
  gate here;
  or_throw(bridge.exec("import asyncio\n"
                       "seen = []\n"
                       "async def make():\n"
                       "  try:\n"
                       "    yield 1\n"
                       "    "
                       + here.pass_here()
                       + "\n"
                         "    await asyncio.Event().wait()\n"
                         "  finally:\n"
                         "    while len(asyncio.all_tasks()) == 1:\n"
                         "      await asyncio.sleep(0)\n"
                         "    for i in range(9): await asyncio.sleep(0)\n"
                         "    seen.append('closed')\n"));
  auto items = bridge.stream(or_throw(bridge.eval("make()")));
  EXPECT_EQ(*items.next(), 1);
  ASSERT_TRUE(here.has_a_caller());
  EXPECT_TRUE(items.close());
  EXPECT_EQ(seen(), (sb::list{"closed"}));
}

TEST_P(Streams, GivenOneInAContainerThenItIsAStream) {
  const auto both = or_throw(bridge.eval("{'rows': iter([1, 2]), 'n': 2}"));
  ASSERT_TRUE(both["rows"].is_stream());
  EXPECT_FALSE(both["n"].is_stream());
  EXPECT_THAT(items_of(both["rows"]), ElementsAre(sb::value{1}, sb::value{2}));
}

TEST_P(Streams, GivenFormsThenItemsComeInThem) {
  const auto got = all_of(
    bridge.with({.leaves = sb::leaves::all_refs}).stream(sb::list{1, 2}));
  ASSERT_EQ(got.items.size(), 2U);
  EXPECT_EQ(bridge.repr(got.items[1]), "2");
}

TEST_P(Streams, GivenATypeThenItemsAreOfIt) {
  auto numbers = bridge.stream(sb::list{1, "two", 3}).as<int>();
  EXPECT_EQ(*numbers.next(), 1);
  EXPECT_EQ(code_of(*numbers.next()), sb::errc::not_convertible);
  EXPECT_EQ(*numbers.next(), 3);
  EXPECT_FALSE(numbers.next());
}

// ORIGINAL P38
TEST_P(Streams, WhenItsConsumerStopsThenItsProducerDoes) {
  auto endless = bridge
                   .stream(generator("  for i in range(10**9):\n"
                                     "    seen.append(i)\n"
                                     "    yield i\n"))
                   .batch(8);
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(*endless.next(), i);
  // What is read, what waits to be, and no more: two batches.
  EXPECT_TRUE(eventually([&] { return bridge.stats().stream_items > 0; }));
  EXPECT_EQ(bridge.stats().streams, 1U);
  EXPECT_LE(bridge.stats().stream_items, 2 * 8U);
  EXPECT_LE(or_throw(bridge.eval("len(seen)")).as<int>(), 100 + 3 * 8);
  ASSERT_TRUE(endless.close());
  EXPECT_EQ(bridge.stats().streams, 0U);
  EXPECT_EQ(bridge.stats().stream_items, 0U);
}

TEST_P(Streams, WhenTheProducerBlocksThenWhatItHasProducedComes) {
  gate here;
  auto items = bridge.stream(generator("  yield from range(10)\n"
                                       "  "
                                       + here.wait_here()
                                       + "\n"
                                         "  yield 'last'\n"));
  for (int i = 0; i < 10; ++i)
    ASSERT_EQ(*items.next(), i);
  ASSERT_TRUE(here.has_a_caller());
  here.open();
  EXPECT_EQ(*items.next(), "last");
  EXPECT_FALSE(items.next());
}

// ORIGINAL T8
TEST_P(Streams, WhenNoItemComesInTimeThenItEndsAndPythonGoesOn) {
  if (GetParam() == sb::placement::worker)
    SKIP_WHERE_SIGNALS_WAIT();
  auto items = bridge
                 .stream(generator("  try:\n"
                                   "    yield 1\n"
                                   "    while True: pass\n"
                                   "  finally:\n"
                                   "    seen.append('closed')\n"))
                 .timeout_idle(100ms);
  EXPECT_EQ(*items.next(), 1);
  const auto why = error_of(*items.next());
  EXPECT_EQ(why.code(), sb::errc::deadline_exceeded);
  EXPECT_THAT(why.message(), HasSubstr("no item came within 100 ms"));
  EXPECT_TRUE(why.may_have_run());
  EXPECT_FALSE(items.next());
  EXPECT_EQ(seen(), (sb::list{"closed"}));
  EXPECT_EQ(first_of(bridge).epoch, 1U);
}

TEST_P(Streams, GivenAnIdleTimeoutThenAllOfItMayTakeLonger) {
  auto items = bridge
                 .stream(generator("  import time\n"
                                   "  for i in range(12):\n"
                                   "    time.sleep(0.05)\n"
                                   "    yield i\n"))
                 .timeout_idle(500ms);
  EXPECT_EQ(std::ranges::distance(items), 12);
}

TEST_P(Streams, GivenBoundsThatAreNoneThenTheErrorNamesThem) {
  auto items = bridge.stream(sb::list{1}).batch(0);
  const auto why = error_of(*items.next());
  EXPECT_EQ(why.code(), sb::errc::config_invalid);
  EXPECT_THAT(why.message(), HasSubstr("stream_batch_items: must be 1 to"));
  EXPECT_FALSE(items.next());
  EXPECT_EQ(code_of(*bridge.stream(sb::list{1}).timeout_idle(0ms).next()),
            sb::errc::config_invalid);
}

TEST_P(Streams, WhenItIsCancelledThenItEnds) {
  if (GetParam() == sb::placement::worker)
    SKIP_WHERE_SIGNALS_WAIT();
  sb::cancel_source source;
  auto items = bridge.with({.cancel = source.token()})
                 .stream(generator("  yield 1\n"
                                   "  while True: pass\n"));
  EXPECT_EQ(*items.next(), 1);
  source.cancel();
  EXPECT_EQ(code_of(*items.next()), sb::errc::cancelled);
  EXPECT_FALSE(items.next());
  EXPECT_EQ(bridge.eval("1 + 1"), 2);
}

TEST_P(Streams, WhenItsSessionEndsThenItDoes) {
  auto mine = bridge.open_session();
  or_throw(mine.exec("import builtins; builtins.stream_closed = 0\n"
                     "def make():\n"
                     "  try:\n"
                     "    while True: yield 1\n"
                     "  finally:\n"
                     "    builtins.stream_closed = 1\n"));
  auto items = mine.stream(or_throw(mine.eval("make()")));
  EXPECT_EQ(*items.next(), 1);
  ASSERT_TRUE(bridge.release_session(mine.id()));
  std::optional<sb::error> why;
  while (auto item = items.next())
    if (!*item)
      why = item->error();
  EXPECT_EQ(why.value().code(), sb::errc::session_closed);
  EXPECT_TRUE(eventually(
    [&] { return bridge.eval("__import__('builtins').stream_closed") == 1; }));
  EXPECT_EQ(bridge.stats().streams, 0U);
}

TEST_P(Streams, GivenTwoOverOneListThenEachHasAllOfIt) {
  const auto numbers =
    or_throw(bridge.with({.leaves = sb::leaves::all_refs}).eval("[1, 2, 3]"));
  auto one = bridge.stream(numbers), other = bridge.stream(numbers);
  EXPECT_EQ(*one.next(), 1);
  EXPECT_EQ(*other.next(), 1);
  EXPECT_EQ(*one.next(), 2);
  EXPECT_EQ(std::ranges::distance(one), 1);
  EXPECT_EQ(std::ranges::distance(other), 2);
}

TEST_P(Streams, GivenAScopeThenRefsInItemsAreReleasedWithIt) {
  {
    sb::ref_scope mine{bridge};
    EXPECT_EQ(std::ranges::distance(bridge.stream(
                "builtins", "map", or_throw(bridge.get("pathlib", "Path")),
                sb::list{"a", "b"})),
              2);
  }
  EXPECT_TRUE(eventually([&] { return bridge.stats().live_objects() == 0; }));
}

class StreamsAlone : public ::testing::TestWithParam<sb::placement> {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(StreamsAlone);

TEST_P(StreamsAlone, WhenItOutlivesItsBridgeThenItHasEnded) {
  auto bridge = std::make_unique<sb::bridge>(one_pool(GetParam()));
  auto unread = bridge->stream("itertools", "count");
  auto left = bridge->stream("itertools", "count");
  EXPECT_EQ(*left.next(), 0);
  auto read = bridge->stream("itertools", "count");
  EXPECT_EQ(*read.next(), 0);
  bridge.reset();
  const auto rest = all_of(std::move(read));
  EXPECT_TRUE(rest.failed);
  EXPECT_TRUE(all_of(std::move(unread)).failed);
}

using StreamsOfAWorker = InAWorker;

TEST_F(StreamsOfAWorker, WhenTheWorkerDiesThenWhatCameBeforeIsKept) {
  or_throw(bridge.exec("import os\n"
                       "def make():\n"
                       "  yield 1\n"
                       "  yield 2\n"
                       "  os._exit(3)\n"));
  auto items = bridge.stream(or_throw(bridge.eval("make()")));
  EXPECT_EQ(*items.next(), 1);
  std::vector<sb::value> rest;
  std::optional<sb::error> why;
  while (auto item = items.next())
    if (*item)
      rest.push_back(**item);
    else
      why = item->error();
  EXPECT_LE(rest.size(), 1U); // the second may have died in its batch
  EXPECT_EQ(why.value().code(), sb::errc::interpreter_died);
  EXPECT_EQ(bridge.stats().streams, 0U);
}

TEST_F(StreamsOfAWorker, WhenTheWorkerDiesBetweenBatchesThenItIsTheSame) {
  auto items = bridge.stream("itertools", "count").batch(2);
  EXPECT_EQ(*items.next(), 0);
  ASSERT_TRUE(eventually([&] {
    return bridge.stats().stream_items > 0 && first_of(bridge).running == 0;
  }));
  ::kill(first_of(bridge).pid, SIGKILL);
  ASSERT_TRUE(eventually([&] { return first_of(bridge).epoch == 2; }));
  const auto rest = all_of(std::move(items));
  ASSERT_FALSE(rest.items.empty());
  EXPECT_EQ(rest.items.front(), 1);
  EXPECT_EQ(rest.failed.value().code(), sb::errc::interpreter_died);
}

TEST_F(StreamsOfAWorker, WhenItsGeneratorForksThenNothingComesOfTheChild) {
  const auto forks = or_throw(bridge.eval(
    "((lambda child: os.waitpid(child, 0)[1] if child else i)(os.fork()) "
    "for i in range(50))",
    {{"os", or_throw(bridge.get("os", ""))}}));
  int ended_well = 0;
  for (auto&& item : bridge.stream(forks)) {
    ASSERT_EQ(item, 0);
    ++ended_well;
  }
  EXPECT_EQ(ended_well, 50);
  EXPECT_EQ(first_of(bridge).epoch, 1U);
}

inline sb::config with_small_messages(sb::placement where) {
  auto wanted = one_pool(where);
  wanted.payload_bytes_max = 4'096;
  return wanted;
}

class SmallMessages : public InAWorker {
protected:
  SmallMessages() : InAWorker{with_small_messages(sb::placement::worker)} {}
};

TEST_F(SmallMessages, GivenItemsOfWhichFewFitThenAllCome) {
  int at = 0;
  for (auto&& item : bridge.stream(
         or_throw(bridge.eval("(bytes([i]) * (1500 if i % 3 else 4) "
                              "for i in range(100))")))) {
    const auto got = or_throw(std::move(item)).as<sb::bytes>();
    ASSERT_EQ(got.size(), at % 3 != 0 ? 1'500U : 4U);
    ASSERT_EQ(got.view()[0], static_cast<char>(at++));
  }
  EXPECT_EQ(at, 100);
}

TEST_F(SmallMessages, GivenNumbersAndWhatDoesNotFitAmongThemThenAllCome) {
  std::int64_t at = 0;
  for (auto&& item : bridge.stream(or_throw(bridge.eval(
         "(bytes(2500) if i % 30 > 27 else i for i in range(600))")))) {
    const auto got = or_throw(std::move(item));
    if (at % 30 > 27)
      ASSERT_EQ(got.size(), 2'500U);
    else
      ASSERT_EQ(got, at);
    ++at;
  }
  EXPECT_EQ(at, 600);
}

TEST_F(SmallMessages, GivenAnEndlessOneThenItsBatchesHaveAnEnd) {
  auto endless = bridge.stream("itertools", "repeat", std::string(100, 'x'));
  for (int i = 0; i < 1'000; ++i)
    ASSERT_TRUE(*endless.next());
  EXPECT_LE(bridge.stats().stream_items, 100U);
  EXPECT_EQ(first_of(bridge).epoch, 1U);
}

// At each length, the one that just fits among them.
TEST_F(SmallMessages, GivenAnItemOfAnyLengthThenItComesOrIsRefused) {
  for (int length = 3'500; length < 4'200; length += 4) {
    auto items =
      bridge.stream(or_throw(bridge.eval("iter([b'x' * n])", {{"n", length}})));
    const auto item = *items.next();
    if (!item) {
      ASSERT_EQ(item.error().code(), sb::errc::payload_too_large);
    }
  }
  EXPECT_EQ(first_of(bridge).epoch, 1U);
}

TEST_F(SmallMessages, GivenAnItemThatDoesNotFitThenItIsTheErrorAtItsPlace) {
  auto items = bridge.stream(
    or_throw(bridge.eval("(b'x' * n for n in [10, 20, 30, 9000, 40])")));
  for (const auto size : {10U, 20U, 30U})
    EXPECT_EQ(or_throw(*items.next()).as<sb::bytes>().size(), size);
  EXPECT_EQ(code_of(*items.next()), sb::errc::payload_too_large);
  EXPECT_FALSE(items.next());
}

} // namespace snakebridge::testing
