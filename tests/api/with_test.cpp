// Context managers of real Python, in both placements.
#include "tests/api/python_fixture.hpp"

#include <csignal>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

using ::testing::HasSubstr;

class With : public EachPlacement {
protected:
  void SetUp() override {
    or_throw(bridge.exec(
      "import asyncio\n"
      "class Manager:\n"
      "  def __init__(self, suppresses=False):\n"
      "    self.suppresses = suppresses\n"
      "    self.seen = []\n"
      "  def __enter__(self):\n"
      "    self.seen.append('enter')\n"
      "    return self\n"
      "  def __exit__(self, kind, raised, frames):\n"
      "    self.kind, self.raised, self.frames = kind, raised, frames\n"
      "    self.seen.append('exit')\n"
      "    return self.suppresses\n"
      "class Async:\n"
      "  def __init__(self): self.seen = []\n"
      "  async def __aenter__(self):\n"
      "    await asyncio.sleep(0)\n"
      "    self.seen.append('aenter')\n"
      "    return 'given'\n"
      "  async def __aexit__(self, kind, raised, frames):\n"
      "    await asyncio.sleep(0)\n"
      "    self.seen.append(kind and kind.__name__)\n"
      "    return True\n"
      "def fails(): raise ValueError('no')\n"));
  }

  sb::object make(const std::string& code) {
    return bridge.adopt(
      or_throw(bridge.with({.leaves = sb::leaves::all_refs}).eval(code)));
  }
  static sb::value seen(const sb::object& manager) {
    return manager.attr("seen").as<sb::value>();
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(With);

// ORIGINAL SB-E21
TEST_P(With, GivenAFileThenItIsClosedAfterTheBody) {
  const scratch_folder folder;
  const auto path = (folder / "f");
  std::optional<sb::object> file;
  sb::with(bridge.import("builtins").attr("open")(std::string{path}, "w"),
           [&](sb::object f) {
             f.attr("write")("hi");
             file = f;
           });
  EXPECT_TRUE(file->attr("closed"));
  std::string text;
  std::ifstream{path} >> text;
  EXPECT_EQ(text, "hi");
}

TEST_P(With, WhenTheBodyAnswersThenThatIsTheAnswer) {
  const auto manager = make("Manager()");
  EXPECT_EQ(sb::with(manager, [](sb::object) { return 7; }), 7);
  EXPECT_EQ(sb::with(manager, [] { return std::string{"none taken"}; }),
            "none taken");
  EXPECT_EQ(seen(manager), (sb::list{"enter", "exit", "enter", "exit"}));
  EXPECT_TRUE(manager.attr("raised").is_none());
}

TEST_P(With, WhenPythonRaisesThenExitGetsTheSameObjectWithItsFrames) {
  const auto manager = make("Manager()");
  or_throw(bridge.exec("made = []\n"
                       "def raises():\n"
                       "  made.append(ValueError('no'))\n"
                       "  raise made[0]\n"));
  try {
    sb::with(manager, [&] { or_throw(bridge.eval("raises()")); });
    FAIL();
  } catch (const sb::python_exception& raised) {
    EXPECT_TRUE(raised.error().is("ValueError"));
  }
  EXPECT_TRUE(sb::is(manager.attr("raised"), make("made")[0]));
  EXPECT_TRUE(sb::is(manager.attr("kind"), make("ValueError")));
  EXPECT_THAT(bridge.import("traceback")
                .attr("format_tb")(manager.attr("frames"))
                .attr("__str__")()
                .as<std::string>(),
              HasSubstr("raises"));
}

TEST_P(With, WhenAnObjectsCallRaisesThenItIsTheSame) {
  const auto manager = make("Manager(suppresses=True)");
  const auto fails = make("fails");
  sb::with(manager, [&](sb::object) { fails(); });
  EXPECT_EQ(manager.attr("raised").attr("args").as<sb::value>(),
            (sb::tuple{"no"}));
}

TEST_P(With, WhenExitAnswersTrueThenTheExceptionIsSuppressed) {
  const auto manager = make("Manager(suppresses=True)");
  EXPECT_NO_THROW(sb::with(manager, [&] { or_throw(bridge.eval("fails()")); }));
  EXPECT_EQ(
    sb::with(manager, [&]() -> int { throw std::runtime_error{"own"}; }), 0);
  EXPECT_EQ(seen(manager), (sb::list{"enter", "exit", "enter", "exit"}));
}

TEST_P(With, WhenTheBodyThrowsItsOwnThenPythonGetsItsTextAndType) {
  const auto manager = make("Manager()");
  EXPECT_THROW(sb::with(manager, [&] { throw std::out_of_range{"too far"}; }),
               std::out_of_range);
  EXPECT_EQ(manager.attr("kind").attr("__name__").as<std::string>(),
            "CallbackError");
  EXPECT_EQ(manager.attr("raised").str(), "too far");
  EXPECT_EQ(manager.attr("raised").attr("type").as<std::string>(),
            "std::out_of_range");
}

TEST_P(With, GivenOneInAnotherThenTheInnerIsLeftFirst) {
  or_throw(bridge.exec("order = []\n"
                       "class Named(Manager):\n"
                       "  def __init__(self, name): self.name = name\n"
                       "  def __enter__(self): return self.name\n"
                       "  def __exit__(self, kind, *rest):\n"
                       "    order.append((self.name, kind and kind.__name__))\n"
                       "    return self.name == 'inner'\n"));
  const auto outer = make("Named('outer')"), inner = make("Named('inner')");
  sb::with(outer, [&](sb::object name) {
    EXPECT_EQ(name.as<std::string>(), "outer");
    sb::with(inner, [&] { or_throw(bridge.eval("fails()")); });
  });
  EXPECT_EQ(bridge.eval("order"), (sb::list{sb::tuple{"inner", "ValueError"},
                                            sb::tuple{"outer", nullptr}}));
}

TEST_P(With, GivenAnAsynchronousManagerThenItIsAwaited) {
  const auto manager = make("Async()");
  sb::with(manager, [&](sb::object given) {
    EXPECT_EQ(given.as<std::string>(), "given");
    or_throw(bridge.eval("fails()"));
  });
  EXPECT_EQ(seen(manager), (sb::list{"aenter", "ValueError"}));
}

TEST_P(With, WhenExceptionsAreCaughtInsideThenNothingIsKept) {
  const auto manager = make("Manager()");
  sb::with(manager, [&] {
    for (int i = 0; i < 50; ++i)
      EXPECT_FALSE(bridge.eval("fails()"));
  });
  EXPECT_TRUE(eventually([&] { return bridge.stats().live_objects() == 1; }));
  // After it nothing is kept at all.
  EXPECT_FALSE(bridge.eval("fails()").error().python()->object);
}

TEST_P(With, GivenWhatIsNoManagerThenItThrows) {
  try {
    sb::with(make("object()"), [] {});
    FAIL();
  } catch (const sb::python_exception& raised) {
    EXPECT_TRUE(raised.error().is("TypeError"));
    EXPECT_THAT(raised.error().message(), HasSubstr("context manager"));
  }
}

TEST_P(With, WhenExitRaisesThenThatIsThrown) {
  or_throw(
    bridge.exec("class Bad(Manager):\n"
                "  def __exit__(self, *what): raise KeyError('exit')\n"));
  try {
    sb::with(make("Bad()"), [&] { throw std::runtime_error{"body"}; });
    FAIL();
  } catch (const sb::python_exception& raised) {
    EXPECT_TRUE(raised.error().is("KeyError"));
  }
  EXPECT_THROW(sb::with(make("Bad()"), [] {}), sb::python_exception);
}

TEST_P(With, WhenTheBodyIsCancelledThenItIsLeftAllTheSame) {
  const auto manager = make("Manager()");
  sb::cancel_source source;
  const sb::runtime_scope inside{{.cancel = source.token()}};
  try {
    sb::with(manager, [&] {
      source.cancel();
      or_throw(bridge.eval("1"));
    });
    FAIL();
  } catch (const sb::exception& cancelled) {
    EXPECT_EQ(cancelled.error().code(), sb::errc::cancelled);
  }
  const sb::cancel_source never;
  const sb::runtime_scope again{{.cancel = never.token()}};
  EXPECT_EQ(seen(manager), (sb::list{"enter", "exit"}));
}

TEST_P(With, WhenABodyThatEndsWellIsCancelledThenItIsLeftAllTheSame) {
  const auto manager = make("Manager()");
  sb::cancel_source source;
  {
    const sb::runtime_scope inside{{.cancel = source.token()}};
    sb::with(manager, [&] { source.cancel(); });
  }
  EXPECT_EQ(seen(manager), (sb::list{"enter", "exit"}));
}

TEST_P(With, WhenTheManagersCallerIsCancelledThenItIsLeftAllTheSame) {
  sb::cancel_source source;
  const auto manager =
    bridge.with({.cancel = source.token()})
      .adopt(or_throw(
        bridge.with({.leaves = sb::leaves::all_refs}).eval("Manager()")));
  sb::with(manager, [&] { source.cancel(); });
  EXPECT_EQ(or_throw(bridge.attr(manager.held(), "seen")),
            (sb::list{"enter", "exit"}));
}

TEST_P(With, WhenNothingElseIsAwaitedThenAnAsynchronousManagerIs) {
  const auto manager = make("Async()");
  {
    const sb::runtime_scope inside{{.awaits = false}};
    sb::with(manager, [&] { or_throw(bridge.eval("fails()")); });
  }
  EXPECT_EQ(seen(manager), (sb::list{"aenter", "ValueError"}));
}

TEST_P(With, WhenATextIsNoUtf8ThenItIsShownByteByByte) {
  const auto manager = make("Manager(suppresses=True)");
  sb::with(manager, [] { throw std::runtime_error{"bad \xff byte"}; });
  EXPECT_EQ(manager.attr("raised").str(), "bad \\xff byte");
  sb::with(manager, [] {
    throw std::runtime_error{std::string(std::size_t{1} << 20U, 'x')};
  });
  EXPECT_EQ(manager.attr("raised.args")[0].len(), 64U * 1024U);
}

TEST(WithAlone, WhenTheWorkerDiesInTheBodyThenThatIsThrown) {
  const sb::bridge bridge{one_pool(sb::placement::worker)};
  const auto lock = bridge.import("threading").attr("Lock")();
  try {
    sb::with(lock, [&] { or_throw(bridge.call("os", "_exit", 3)); });
    FAIL();
  } catch (const sb::exception& died) {
    EXPECT_EQ(died.error().code(), sb::errc::interpreter_died);
  }
}

} // namespace snakebridge::testing
