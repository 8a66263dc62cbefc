// C++ that real Python calls, in both placements.
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <vector>

namespace snakebridge::testing {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Callbacks : public EachPlacement {
protected:
  /// A function of the session, which is let go with it.
  sb::value function(const char* code, const char* name) {
    or_throw(bridge.exec(code));
    return or_throw(bridge.eval(name));
  }
  /// `call(f, *args, **kwargs)` in Python.
  sb::value call = function("def call(f, *a, **k): return f(*a, **k)", "call");
  /// What it raises: type, text, `type`.
  sb::value told = function("def told(f, *a, **k):\n"
                            "  try: return f(*a, **k)\n"
                            "  except Exception as e:\n"
                            "    return [type(e).__name__, str(e),\n"
                            "            getattr(e, 'type', None)]",
                            "told");
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Callbacks);

TEST_P(Callbacks, WhenAThreadOfPythonsCallsOnThenItEndsAsItBegan) {
  auto& here = bridge;
  or_throw(bridge.exec("import threading\n"
                       "def begin(f):\n"
                       "  global thread, answer\n"
                       "  def run():\n"
                       "    global answer\n"
                       "    answer = f(16)\n"
                       "  answer = None\n"
                       "  thread = threading.Thread(target=run)\n"
                       "  thread.start()\n"));
  const auto root = sb::callback([&here](int x) {
    const auto outcome = or_throw(here.call("math", "sqrt", x));
    static_cast<void>(here.release_auto_session());
    return outcome;
  });
  or_throw(bridge.eval("begin(f)", {{"f", root}}));
  EXPECT_TRUE(eventually([&] { return bridge.eval("answer") == 4.0; }));
  EXPECT_EQ(bridge.eval("thread.join(30) or thread.is_alive()"), false);
}

TEST_P(Callbacks, GivenOneThenPythonCallsIt) {
  const auto doubled =
    bridge.call("builtins", "map", sb::callback([](int x) { return x * 2; }),
                sb::list{1, 2, 3});
  EXPECT_EQ(bridge.call("builtins", "list", *doubled), (sb::list{2, 4, 6}));
  EXPECT_EQ(bridge.call("builtins", "sorted", sb::list{3, 1, 2},
                        "key"_a = sb::callback([](int x) { return -x; })),
            (sb::list{3, 2, 1}));
}

TEST_P(Callbacks, GivenAnyValuesThenTheyCrossExactly) {
  const sb::callback same{[](sb::value given) { return given; }};
  const std::vector<sb::value> all{
    nullptr,
    true,
    sb::integer{"99999999999999999999"},
    1.5,
    "ä",
    sb::bytes{"\x00\x01"},
    sb::list{1, sb::tuple{2, "x"}},
    sb::dict{{sb::tuple{1, 2}, sb::set{3}}},
  };
  for (const auto& each : all)
    EXPECT_EQ(bridge.call_object(call, same, each), each);
}

TEST_P(Callbacks, GivenObjectsThenTheyAreRefs) {
  const auto home = path("/tmp");
  const sb::callback name{
    [this](const sb::ref& of) { return or_throw(bridge.attr(of, "name")); }};
  EXPECT_EQ(bridge.call_object(call, name, home), "tmp");
  const sb::callback same{[](sb::ref of) { return of; }};
  const auto returned =
    or_throw(bridge.call_object(call, same, home)).as<sb::ref>();
  EXPECT_EQ(bridge.call("operator", "is_", home, returned), true);
}

TEST_P(Callbacks, GivenNothingReturnedThenItIsNone) {
  int seen = 0;
  EXPECT_EQ(bridge.call_object(call, sb::callback([&](int x) { seen = x; }), 7),
            nullptr);
  EXPECT_EQ(seen, 7);
}

TEST_P(Callbacks, GivenNamesThenArgumentsMayBeNamed) {
  const sb::callback less{[](int x, int y) { return x - y; }, "x"_a, "y"_a = 2};
  EXPECT_EQ(bridge.call_object(call, less, 5), 3);
  EXPECT_EQ(bridge.call_object(call, less, 5, 1), 4);
  EXPECT_EQ(bridge.call_object(call, less, "y"_a = 1, "x"_a = 9), 8);
}

TEST_P(Callbacks, GivenARestThenItTakesWhatIsLeft) {
  const sb::callback all{
    [](int first, const sb::args& rest, const sb::kwargs& named) {
      return sb::list{first, sb::list(rest), sb::dict(named)};
    }};
  EXPECT_EQ(bridge.call_object(call, all, 1, "two", 3.5, "k"_a = 4),
            (sb::list{1, sb::list{"two", 3.5}, sb::dict{{"k", 4}}}));
}

// ORIGINAL T12
TEST_P(Callbacks, WhenArgumentsDoNotFitThenItIsATypeErrorThatNamesThem) {
  const sb::callback less{[](int x, int y) { return x - y; }, "x"_a, "y"_a};
  const auto refused = [&](auto... given) {
    const sb::value answer = or_throw(bridge.call_object(told, less, given...));
    EXPECT_EQ(answer[0], "TypeError");
    return answer[1].as<std::string>();
  };
  EXPECT_THAT(refused(1), HasSubstr("misses argument 'y'"));
  EXPECT_THAT(refused(1, 2, 3),
              HasSubstr("takes 2 positional arguments but 3 were given"));
  EXPECT_THAT(refused(1, 2, "x"_a = 3),
              HasSubstr("multiple values for argument 'x'"));
  EXPECT_THAT(refused(1, 2, "z"_a = 3),
              HasSubstr("unexpected keyword argument 'z'"));
  EXPECT_THAT(refused(1, "two"),
              AllOf(HasSubstr("argument 'y'"), HasSubstr("expected int")));
}

TEST_P(Callbacks, WhenItThrowsThenThatIsACallbackError) {
  EXPECT_EQ(bridge.call_object(
              told, sb::callback([] { throw std::out_of_range{"no more"}; })),
            (sb::list{"CallbackError", "no more", "std::out_of_range"}));
  const auto odd =
    or_throw(bridge.call_object(told, sb::callback([] { throw 5; })));
  EXPECT_EQ(odd[0], "CallbackError");
  EXPECT_EQ(odd[2], "int");
  // Uncaught it comes back as what Python raised.
  const auto failed = bridge.call_object(
    call, sb::callback([] { throw std::runtime_error{"oh"}; }));
  ASSERT_EQ(code_of(failed), sb::errc::python_raised);
  EXPECT_TRUE(failed.error().is("snakebridge.CallbackError"));
  EXPECT_EQ(failed.error().python()->message, "oh");
  // One that answers an error of the bridge as well.
  const auto refused = or_throw(
    bridge.call_object(told, sb::callback([]() -> sb::result<int> {
                         return sb::error{sb::errc::quota_exceeded, "too many"};
                       })));
  EXPECT_EQ(refused[0], "CallbackError");
  EXPECT_THAT(refused[1].as<std::string>(), HasSubstr("too many"));
}

TEST_P(Callbacks, WhenACallOfItRaisesThenThatIsRaisedAgain) {
  or_throw(bridge.exec("class Own(Exception): pass\n"
                       "kept = Own('mine')\n"
                       "def throws(): raise kept\n"
                       "def is_it(f):\n"
                       "  try: f()\n"
                       "  except Own as e: return e is kept"));
  const auto throws = or_throw(bridge.eval("throws"));
  const auto before = bridge.stats().live_objects();
  const sb::callback passes{[&] { or_throw(bridge.call_object(throws)); }};
  EXPECT_EQ(bridge.call_object(or_throw(bridge.eval("is_it")), passes), true);
  const auto uncaught = bridge.call_object(call, passes);
  ASSERT_EQ(code_of(uncaught), sb::errc::python_raised);
  EXPECT_TRUE(uncaught.error().is("Own"));
  // One that it swallows is let go as well.
  const sb::callback swallows{[&] {
    return code_of(bridge.call_object(throws)) == sb::errc::python_raised;
  }};
  EXPECT_EQ(bridge.call_object(call, swallows), true);
  EXPECT_EQ(bridge.stats().live_objects(), before + 1); // is_it
}

TEST_P(Callbacks, GivenOneThatCallsThenItRunsInsideTheCall) {
  const auto session = bridge.current_session();
  const sb::callback root{[&](double square) {
    EXPECT_EQ(bridge.current_session(), session);
    return or_throw(bridge.call("math", "sqrt", square));
  }};
  EXPECT_EQ(bridge.call_object(call, root, 16), 4.0);
  // Of a session that is not this thread's own as well.
  const auto other = bridge.open_session();
  or_throw(other.exec("def call(f, *a): return f(*a)"));
  const sb::callback own{[&] { return bridge.current_session(); }};
  EXPECT_EQ(other.call_object(or_throw(other.eval("call")), own), other.id());
}

// ORIGINAL T9, T10
TEST_P(Callbacks, GivenFiftyInsideEachOtherThenAllAreAnswered) {
  std::function<int(int)> down = [&](int left) {
    if (left == 0)
      return 0;
    const auto below = bridge.call_object(
      call, sb::callback([&](int next) { return down(next); }), left - 1);
    return 1 + or_throw(below).as<int>();
  };
  EXPECT_EQ(down(50), 50);
}

TEST_P(Callbacks, GivenItsCallIsNotWaitedForThenItRunsOnACallbackThread) {
  const auto here = std::this_thread::get_id();
  const sb::callback root{[&](double square) {
    EXPECT_NE(std::this_thread::get_id(), here);
    return or_throw(bridge.call("math", "sqrt", square));
  }};
  EXPECT_EQ(bridge.async().call_object(call, root, 16).get(), 4.0);
}

TEST_P(Callbacks, GivenItsCallIsWaitedForThenItRunsOnThatThread) {
  const auto here = std::this_thread::get_id();
  bool is_here = false;
  or_throw(bridge.call_object(
    call, sb::callback([&] { is_here = std::this_thread::get_id() == here; })));
  EXPECT_TRUE(is_here);
}

TEST_P(Callbacks, GivenThreadsOfPythonThenTheyCallIt) {
  std::atomic<int> sum = 0;
  const auto run = function("import threading\n"
                            "def run(f, n):\n"
                            "  all = [threading.Thread(target=f, args=(i,))\n"
                            "         for i in range(n)]\n"
                            "  for each in all: each.start()\n"
                            "  for each in all: each.join()\n",
                            "run");
  EXPECT_TRUE(
    bridge.call_object(run, sb::callback([&](int item) { sum += item; }), 10));
  EXPECT_EQ(sum, 45);
}

TEST_P(Callbacks, WhenItsCallIsOverThenItCanBeCalledStill) {
  int seen = 0;
  or_throw(bridge.exec("kept = []"));
  const auto kept = or_throw(bridge.eval("kept.append"));
  or_throw(bridge.call_object(kept, sb::callback([&](int x) { seen += x; })));
  EXPECT_TRUE(bridge.eval("kept[0](3)"));
  EXPECT_TRUE(bridge.eval("kept[0](4)"));
  EXPECT_EQ(seen, 7);
}

TEST_P(Callbacks, WhenPythonDropsItThenItIsDestroyed) {
  auto held = std::make_shared<int>(5);
  or_throw(bridge.exec("kept = []"));
  or_throw(
    bridge.call_object(or_throw(bridge.eval("kept.append")),
                       sb::callback([held](int x) { return *held + x; })));
  EXPECT_EQ(bridge.eval("kept[0](1)"), 6);
  EXPECT_EQ(held.use_count(), 2);
  or_throw(bridge.exec("kept.clear()"));
  EXPECT_TRUE(eventually([&] { return held.use_count() == 1; }));
}

TEST_P(Callbacks, WhenItsOwnProxyIsGoneThenWhatItAnsweredLivesAsLongAsItsOwn) {
  auto held = std::make_shared<int>(5);
  or_throw(bridge.exec("kept = []\n"
                       "def take(): kept.append(kept.pop()())"));
  or_throw(bridge.call_object(
    or_throw(bridge.eval("kept.append")), sb::callback([held] {
      return sb::callback([held](int x) { return *held + x; });
    })));
  or_throw(bridge.eval("take()"));
  EXPECT_EQ(bridge.eval("kept[0](1)"), 6);
  EXPECT_TRUE(eventually([&] { return held.use_count() == 2; }));
  or_throw(bridge.exec("kept.clear()"));
  EXPECT_TRUE(eventually([&] { return held.use_count() == 1; }));
}

// ORIGINAL T11
TEST_P(Callbacks, WhenItsSessionEndsThenItIsDestroyed) {
  auto held = std::make_shared<int>(5);
  {
    const auto session = bridge.open_session();
    or_throw(session.exec("import builtins\nbuiltins.sb_kept = []"));
    or_throw(
      session.call_object(or_throw(session.eval("builtins.sb_kept.append")),
                          sb::callback([held] { return *held; })));
    EXPECT_EQ(session.eval("builtins.sb_kept[0]()"), 5);
  }
  EXPECT_TRUE(eventually([&] { return held.use_count() == 1; }));
  const auto late = bridge.call_object(
    told, or_throw(bridge.eval("__import__('builtins').sb_kept[0]")));
  EXPECT_EQ(late->get_if<sb::list>() != nullptr ? (*late)[0] : sb::value{},
            "CallbackError");
  or_throw(bridge.exec("import builtins\ndel builtins.sb_kept"));
}

TEST_P(Callbacks, GivenTheSameTwiceThenTheyAreEqual) {
  const sb::callback one{[] { return 1; }}, other{[] { return 1; }};
  const auto equal =
    function("def equal(a, b): return [a == b, {a: 1}.get(b)]", "equal");
  EXPECT_EQ(bridge.call_object(equal, one, one), (sb::list{true, 1}));
  EXPECT_EQ(bridge.call_object(equal, one, other), (sb::list{false, nullptr}));
  EXPECT_EQ(sb::value{one}, sb::value{one});
  EXPECT_NE(sb::value{one}, sb::value{other});
}

// ORIGINAL T9
TEST_P(Callbacks, GivenOneInsideAContainerAndAsAResultThenItIsCallable) {
  const auto second =
    function("def second(d): return d['all'][1](20)", "second");
  EXPECT_EQ(bridge.call_object(
              second, sb::dict{{"all", sb::list{1, sb::callback([](int x) {
                                                  return x + 1;
                                                })}}}),
            21);
  const sb::callback makes{
    [](int by) { return sb::callback([by](int x) { return x * by; }); }};
  const auto uses = function("def uses(f): return f(3)(5)", "uses");
  EXPECT_EQ(bridge.call_object(uses, makes), 15);
}

TEST_P(Callbacks, WhenItsCallRunsOutOfTimeThenWhatItCallsDoesToo) {
  const sb::callback long_call{[&] { return bridge.exec("while True: pass"); }};
  const auto late =
    bridge.with({.timeout = 200ms}).call_object(call, long_call);
  EXPECT_THAT(code_of(late),
              AnyOf(sb::errc::deadline_exceeded, sb::errc::python_raised));
  EXPECT_EQ(bridge.eval("1 + 1"), 2);
}

TEST_P(Callbacks, WhenItsCallIsCancelledThenPythonGoesOn) {
  sb::cancel_source source;
  std::promise<void> has_begun;
  std::promise<void> may_end;
  auto waits = bridge.async()
                 .with({.cancel = source.token()})
                 .call_object(call, sb::callback([&] {
                                has_begun.set_value();
                                may_end.get_future().wait();
                              }));
  has_begun.get_future().wait();
  source.cancel();
  EXPECT_EQ(code_of(waits.get()), sb::errc::cancelled);
  may_end.set_value();
  EXPECT_EQ(bridge.eval("1 + 1"), 2);
}

TEST_P(Callbacks, WhenItEndsItsOwnSessionThenTheCallEnds) {
  const auto session = bridge.open_session({.id = "ends itself"});
  or_throw(session.exec("def call(f): return f()"));
  const auto ended = session.call_object(
    or_throw(session.eval("call")), sb::callback([&] {
      static_cast<void>(bridge.release_session("ends itself"));
    }));
  EXPECT_FALSE(ended);
  EXPECT_EQ(bridge.eval("1 + 1"), 2);
}

TEST_P(Callbacks, GivenAStreamOfWhatItAnswersThenItemsCome) {
  std::vector<sb::value> got;
  for (sb::result<sb::value> item : bridge.stream(
         "builtins", "map", sb::callback([](int x) { return x + 1; }),
         sb::list{1, 2, 3}))
    got.push_back(or_throw(std::move(item)));
  EXPECT_THAT(got, ElementsAre(sb::value{2}, sb::value{3}, sb::value{4}));
}

TEST_P(Callbacks, GivenWhatLibrariesDoWithThemThenTheyWork) {
  EXPECT_EQ(bridge.call(
              "re", "sub", "a+", sb::callback([&](sb::value match) {
                return or_throw(bridge.method(match, "group")).as<std::string>()
                       + "!";
              }),
              "caab"),
            "caa!b");
  EXPECT_EQ(bridge.call("functools", "reduce",
                        sb::callback([](int a, int b) { return a + b; }),
                        sb::list{1, 2, 3, 4}),
            10);
  or_throw(bridge.exec("import sqlite3, inspect\n"
                       "def ask(f):\n"
                       "  base = sqlite3.connect(':memory:')\n"
                       "  base.create_function('twice', 1, f)\n"
                       "  row = base.execute('select twice(21)').fetchone()\n"
                       "  base.close()\n"
                       "  return row[0]\n"
                       "def names(f): return str(inspect.signature(f))"));
  const sb::callback twice{[](int x) { return 2 * x; }};
  EXPECT_EQ(bridge.call_object(or_throw(bridge.eval("ask")), twice), 42);
  EXPECT_EQ(bridge.call_object(or_throw(bridge.eval("names")), twice),
            "(*args, **kwargs)");
}

TEST_P(Callbacks, GivenManyThreadsThenEachGetsItsOwn) {
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([&, i] {
      or_throw(bridge.exec("def call(f, x): return f(x)"));
      const auto mine = or_throw(bridge.eval("call"));
      for (int n = 0; n < 20; ++n)
        right +=
          bridge.call_object(
            mine, sb::callback([&](int x) {
              return or_throw(bridge.call("operator", "add", x, i)).as<int>();
            }),
            n)
          == i + n;
    });
  for (auto& each : threads)
    each.join();
  EXPECT_EQ(right, 6 * 20);
}

TEST_P(Callbacks, GivenAnotherSessionThenItsTimeIsThatOfTheCall) {
  // There is one interpreter, and it waits for the callback.
  const auto other = bridge.open_session();
  const auto began = std::chrono::steady_clock::now();
  const auto late =
    bridge.with({.timeout = 300ms}).call_object(call, sb::callback([&] {
                                                  return other.call("math",
                                                                    "sqrt", 16);
                                                }));
  // Embedded, its thread runs that call as well.
  EXPECT_EQ(late.has_value(), GetParam() == sb::placement::embedded);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 30s);
  EXPECT_EQ(other.call("math", "sqrt", 16), 4.0);
}

TEST_P(Callbacks, GivenAnExceptionOfAnotherPlaceThenItIsACallbackError) {
  const auto other = bridge.open_session();
  const auto kept =
    error_of(other.with({.keep_exception = true}).call("builtins", "int", "x"));
  ASSERT_TRUE(kept.python()->object);
  const auto answer = or_throw(bridge.call_object(
    told, sb::callback([&] { throw sb::python_exception{kept}; })));
  EXPECT_EQ(answer[0], "CallbackError");
  EXPECT_THAT(answer[1].as<std::string>(), HasSubstr("invalid literal"));
}

TEST_P(Callbacks, WhenItsCallIsRefusedThenItIsDestroyed) {
  auto held = std::make_shared<int>(5);
  for (int i = 0; i < 3; ++i) {
    const sb::list too_deep = [] {
      sb::value inner;
      for (int depth = 0; depth < 300; ++depth)
        inner = sb::list{std::move(inner)};
      return sb::list{inner};
    }();
    EXPECT_FALSE(bridge.call_object(
      call, sb::callback([held](sb::value) { return *held; }), too_deep));
  }
  EXPECT_TRUE(eventually([&] { return held.use_count() == 1; }));
}

// Refused before Python's side came to it: nothing of it is dropped there.
TEST_P(Callbacks, WhenWhatIsBeforeItIsGoneThenItIsDestroyed) {
  const auto gone =
    or_throw(bridge.call("pathlib", "Path", "gone")).as<sb::ref>();
  ASSERT_EQ(bridge.release(gone), true);
  auto held = std::make_shared<int>(5);
  const auto given = [&] { return sb::callback([held] { return *held; }); };
  EXPECT_EQ(code_of(bridge.call_object(gone, given())), sb::errc::ref_released);
  EXPECT_EQ(code_of(bridge.call_object(call, given(), gone, given())),
            sb::errc::ref_released);
  EXPECT_EQ(code_of(bridge.call_object(call, sb::list{given(), gone, given()})),
            sb::errc::ref_released);
  const auto same = given();
  EXPECT_EQ(code_of(bridge.call_object(call, same, gone, same)),
            sb::errc::ref_released);
  // What Python has by another call stays.
  or_throw(bridge.exec("def keep(f): global kept; kept = f"));
  or_throw(bridge.call_object(or_throw(bridge.eval("keep")), same));
  EXPECT_EQ(code_of(bridge.call_object(gone, same)), sb::errc::ref_released);
  EXPECT_EQ(bridge.eval("kept()"), 5);
  or_throw(bridge.exec("del kept"));
  EXPECT_TRUE(eventually([&] { return held.use_count() == 2; }))
    << held.use_count(); // ours, and that of `same`
}

TEST_P(Callbacks, WhenAFinaliserEndsTheSessionThenTheReleaseGoesOn) {
  const auto mine = bridge.open_session();
  or_throw(mine.exec("class Last:\n"
                     "  def __init__(self, f): self.f = f\n"
                     "  def __del__(self): self.f()"));
  const auto last = or_throw(mine.eval("Last"));
  std::atomic<int> ended = 0;
  {
    const sb::ref_scope all{mine};
    for (int i = 0; i < 4; ++i)
      or_throw(mine.call_object(last, sb::callback([&] {
                                  ++ended;
                                  static_cast<void>(
                                    bridge.release_session(mine.id()));
                                })));
  }
  EXPECT_TRUE(eventually([&] { return ended > 0; }));
  EXPECT_EQ(code_of(mine.eval("1")), sb::errc::session_closed);
  EXPECT_EQ(bridge.eval("1 + 1"), 2);
}

TEST_P(Callbacks, GivenAThreadThatOutlivesItsCallThenItIsAnsweredToo) {
  // Nobody else reads what it asks.
  std::promise<int> called;
  auto told_of = called.get_future();
  or_throw(bridge.exec("import threading\n"
                       "go = threading.Event()\n"
                       "def later(f):\n"
                       "  threading.Thread(target=lambda: (go.wait(), f(7)),\n"
                       "                   daemon=True).start()\n"
                       "  threading.Timer(0.05, go.set).start()"));
  or_throw(
    bridge.call_object(or_throw(bridge.eval("later")),
                       sb::callback([&](int x) { called.set_value(x); })));
  ASSERT_EQ(told_of.wait_for(30s), std::future_status::ready);
  EXPECT_EQ(told_of.get(), 7);
}

TEST_P(Callbacks, GivenACoroutineInItThenItGoesOnInsideTheCall) {
  const auto twice = [&](double x) -> sb::task<double> {
    const auto root = co_await bridge.async().call("math", "sqrt", x);
    const auto again =
      co_await bridge.async().call("math", "sqrt", or_throw(root));
    co_return or_throw(again).as<double>();
  };
  EXPECT_EQ(bridge.call_object(call, sb::callback([&](double x) {
                                 return sb::sync_wait(twice(x));
                               }),
                               16),
            2.0);
}

// --- Their end ---------------------------------------------------------------

class CallbacksAlone : public ::testing::TestWithParam<sb::placement> {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(CallbacksAlone);

TEST_P(CallbacksAlone, WhenTheBridgeEndsThenTheyAreDestroyed) {
  auto held = std::make_shared<int>(1);
  {
    const sb::bridge bridge{one_pool(GetParam())};
    or_throw(bridge.exec("import builtins\nbuiltins.sb_after = []"));
    or_throw(
      bridge.call_object(or_throw(bridge.eval("builtins.sb_after.append")),
                         sb::callback([held] { return *held; })));
  }
  EXPECT_EQ(held.use_count(), 1);
  if (GetParam() == sb::placement::worker)
    return;
  // Python goes on in this process, and still has it.
  const sb::bridge next{one_pool(GetParam())};
  const auto late = next.eval("__import__('builtins').sb_after[0]()");
  ASSERT_EQ(code_of(late), sb::errc::python_raised);
  EXPECT_TRUE(late.error().is("snakebridge.CallbackError"));
  or_throw(next.exec("import builtins\ndel builtins.sb_after"));
}

class CallbacksOfWorkers : public InAWorker {};

TEST_F(CallbacksOfWorkers, WhenItsWorkerDiesInItThenTheCallFails) {
  or_throw(bridge.exec("def call(f): return f()"));
  const auto call = or_throw(bridge.eval("call"));
  const auto failed =
    bridge.call_object(call, sb::callback([&] {
                         const auto died = bridge.call("os", "_exit", 3);
                         EXPECT_EQ(code_of(died), sb::errc::interpreter_died);
                       }));
  EXPECT_EQ(code_of(failed), sb::errc::interpreter_died);
  EXPECT_EQ(bridge.eval("1 + 1"), 2);
}

// Whose thread has come to no host before it is called back.
TEST_F(CallbacksOfWorkers,
       WhenOneThatHadWaitedInLineLosesItsWorkerThenItFails) {
  const auto mine = bridge.open_session();
  or_throw(mine.exec("def call(f): return f()"));
  const auto call = or_throw(mine.eval("call"));
  gate here;
  std::vector<sb::future<sb::value>> before;
  before.push_back(bridge.async().eval(here.wait_here()));
  ASSERT_TRUE(here.has_a_caller());
  for (int i = 0; i < 20; ++i)
    before.push_back(bridge.async().eval("1"));
  const auto waiting = first_of(bridge).waiting;
  EXPECT_GT(waiting, 0U);
  auto waits = std::async(std::launch::async, [&] {
    return mine.call_object(
      call, sb::callback([&] {
        static_cast<void>(mine.call("os", "_exit", 3));
        EXPECT_TRUE(eventually([&] { return first_of(bridge).epoch == 2; }));
      }));
  });
  EXPECT_TRUE(eventually([&] { return first_of(bridge).waiting > waiting; }));
  here.open();
  EXPECT_EQ(code_of(waits.get()), sb::errc::interpreter_died);
  EXPECT_EQ(bridge.eval("1 + 1"), 2);
}

TEST(CallbacksOfPools, GivenTwoSessionsThatCallEachOtherThenBothAreAnswered) {
  const sb::bridge bridge{one_pool(sb::placement::worker, 2)};
  const auto one = bridge.open_session(), two = bridge.open_session();
  for (const auto& each : {one, two})
    or_throw(each.exec("def call(f): return f()"));
  const auto across = [](const sb::session& from, const sb::session& to) {
    return from.call_object(
      or_throw(from.eval("call")), sb::callback([&to] {
        return or_throw(to.with({.timeout = 500ms}).call("math", "sqrt", 16));
      }));
  };
  auto first = std::async(std::launch::async, [&] { return across(one, two); });
  auto second =
    std::async(std::launch::async, [&] { return across(two, one); });
  for (const auto& answer : {first.get(), second.get()})
    EXPECT_TRUE(answer == sb::value{4.0}
                || code_of(answer) == sb::errc::python_raised);
}

} // namespace snakebridge::testing
