// What Python code finds of the program: its tools and its log, in both
// placements.
#include <future>
#include <mutex>

#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

using ::testing::HasSubstr;

class Tools : public ::testing::TestWithParam<sb::placement> {
protected:
  void SetUp() override {
    or_throw(bridge.exec("import snakebridge"));
    or_throw(bridge.tool("add", sb::callback([](int x, int y) { return x + y; },
                                             "x"_a, "y"_a = 1)));
  }
  void TearDown() override {
    ASSERT_TRUE(bridge.release_auto_session());
    EXPECT_TRUE(is_empty(bridge));
  }

  sb::config logging() {
    auto wanted = one_pool(GetParam());
    wanted.on_output = [this](const sb::log_line& line) {
      if (line.level == 0)
        return;
      const std::lock_guard lock{mutex_};
      logged_.push_back(line);
    };
    return wanted;
  }

  std::mutex mutex_;
  std::vector<sb::log_line> logged_;
  sb::bridge bridge{logging()};
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Tools);

TEST_P(Tools, GivenOneThenPythonCallsItByName) {
  EXPECT_EQ(bridge.eval("snakebridge.call('add', 2, y=3)"), 5);
  EXPECT_EQ(bridge.eval("snakebridge.call('add', 2)"), 3);
  auto other = bridge.open_session({.id = "other"});
  EXPECT_EQ(other.eval("__import__('snakebridge').call('add', 1, 1)"), 2);
}

TEST_P(Tools, GivenSomeThenPythonFindsThemWithTheirSignatures) {
  or_throw(bridge.tool(
    "say", sb::callback([](const std::string& text, double, sb::args,
                           sb::kwargs) { return sb::list{text}; })));
  or_throw(bridge.tool("note", sb::callback([](const sb::value&) {})));
  const auto found = or_throw(bridge.eval("snakebridge.tools()"));
  EXPECT_EQ(found, (sb::value{sb::dict{
                     {"add", "(x: int, y: int = 1) -> int"},
                     {"note", "(arg1: Any, /) -> None"},
                     {"say", "(arg1: str, arg2: float, /, *args, **kwargs) -> "
                             "list"}}}));
}

TEST_P(Tools, GivenArgumentsThatDoNotFitThenItIsATypeError) {
  const auto refused = bridge.eval("snakebridge.call('add', 'two')");
  ASSERT_EQ(code_of(refused), sb::errc::python_raised);
  EXPECT_TRUE(refused.error().is("TypeError"));
  EXPECT_THAT(refused.error().message(), HasSubstr("'x'"));
}

TEST_P(Tools, GivenNoSuchNameThenItSaysWhichThereAre) {
  const auto refused = bridge.eval("snakebridge.call('subtract', 2)");
  ASSERT_EQ(code_of(refused), sb::errc::python_raised);
  EXPECT_TRUE(refused.error().is("snakebridge.CallbackError"));
  EXPECT_THAT(refused.error().message(), HasSubstr("no tool 'subtract'"));
  EXPECT_THAT(refused.error().message(), HasSubstr("it has add"));
}

TEST_P(Tools, WhenAToolCallsOnThenThatRunsInsideTheCall) {
  auto& here = bridge;
  or_throw(bridge.tool("root", sb::callback([&here](int x) {
                         return or_throw(here.call("math", "sqrt", x));
                       })));
  or_throw(bridge.tool(
    "where", sb::callback([&here] { return here.current_session(); })));
  EXPECT_EQ(bridge.eval("snakebridge.call('root', 16)"), 4.0);
  EXPECT_EQ(bridge.eval("snakebridge.call('where')"), bridge.current_session());
}

TEST_P(Tools, GivenATaskOrAThreadInItsContextThenTheyFindThem) {
  or_throw(bridge.exec("import asyncio, contextvars, threading\n"
                       "async def task():\n"
                       "  await asyncio.sleep(0)\n"
                       "  return snakebridge.call('add', 20, 1)\n"
                       "def on_thread():\n"
                       "  got = []\n"
                       "  here = contextvars.copy_context()\n"
                       "  t = threading.Thread(target=lambda: got.append(\n"
                       "    here.run(snakebridge.session_id)))\n"
                       "  t.start(); t.join()\n"
                       "  return got[0]\n"));
  EXPECT_EQ(bridge.eval("task()"), 21);
  EXPECT_EQ(bridge.eval("on_thread()"), bridge.current_session());
}

// Also between calls, when nothing else makes the host listen.
TEST_P(Tools, WhenAThreadCallsOneThenItIsAnsweredThoughNoCallRuns) {
  std::promise<int> asked;
  or_throw(bridge.tool("tell", sb::callback([&](int x) {
                         asked.set_value(x);
                         return x + 1;
                       })));
  or_throw(
    bridge.exec("import contextvars, threading, time\n"
                "def work():\n"
                "  time.sleep(0.05)\n"
                "  global answer\n"
                "  answer = snakebridge.call('tell', 4)\n"
                "  snakebridge.log.info('told')\n"
                "thread = threading.Thread(\n"
                "  target=contextvars.copy_context().run, args=(work,))\n"
                "thread.start()\n"));
  auto told = asked.get_future();
  ASSERT_EQ(told.wait_for(30s), std::future_status::ready);
  EXPECT_EQ(told.get(), 4);
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock{mutex_};
    return logged_.size() == 1;
  }));
  EXPECT_EQ(bridge.eval("thread.join() or answer"), 5);
}

TEST_P(Tools, WhenNobodyWaitsForTheCallThenAToolMayStillCallOn) {
  auto& here = bridge;
  or_throw(bridge.tool("root", sb::callback([&here](int x) {
                         return or_throw(here.call("math", "sqrt", x));
                       })));
  auto answer = bridge.async().eval("snakebridge.call('root', 16)");
  EXPECT_EQ(answer.get(), 4.0);
}

TEST_P(Tools, GivenANameThatIsNoneOrTakenThenItIsRefused) {
  const auto nothing = sb::callback([] {});
  EXPECT_EQ(code_of(bridge.tool("add", nothing)), sb::errc::config_invalid);
  for (const auto* each : {"", "a b", "é"})
    EXPECT_EQ(code_of(bridge.tool(each, nothing)), sb::errc::config_invalid);
  EXPECT_EQ(code_of(bridge.tool(std::string(65, 'a'), nothing)),
            sb::errc::config_invalid);
}

TEST_P(Tools, WhenOneIsRemovedThenItIsGone) {
  const auto alive = std::make_shared<int>(1);
  or_throw(bridge.tool("kept", sb::callback([alive] { return *alive; })));
  EXPECT_EQ(bridge.eval("snakebridge.call('kept')"), 1);
  EXPECT_EQ(bridge.remove_tool("kept"), true);
  EXPECT_EQ(bridge.remove_tool("kept"), false);
  EXPECT_EQ(code_of(bridge.eval("snakebridge.call('kept')")),
            sb::errc::python_raised);
  EXPECT_TRUE(eventually([&] { return alive.use_count() == 1; }));
}

TEST_P(Tools, WhenTheBridgeEndsThenTheyAreDestroyed) {
  const auto alive = std::make_shared<int>(1);
  {
    const sb::bridge other{one_pool(GetParam())};
    or_throw(other.tool("kept", sb::callback([alive] { return *alive; })));
    EXPECT_EQ(other.eval("__import__('snakebridge').call('kept')"), 1);
  }
  EXPECT_TRUE(eventually([&] { return alive.use_count() == 1; }));
}

TEST_P(Tools, WhenPythonLogsThenTheProgramHearsOfIt) {
  or_throw(bridge.exec("snakebridge.log.warning('%d apples', 3)\n"
                       "snakebridge.log.debug('not told')\n"
                       "snakebridge.log.error('two\\nlines')\n"));
  const std::lock_guard lock{mutex_};
  ASSERT_EQ(logged_.size(), 2U);
  EXPECT_EQ(logged_[0].text, "3 apples");
  EXPECT_EQ(logged_[0].level, 30);
  EXPECT_FALSE(logged_[0].is_error);
  EXPECT_EQ(logged_[0].pool, "default");
  EXPECT_EQ(logged_[0].session, bridge.current_session());
  EXPECT_EQ(logged_[0].call, "exec");
  EXPECT_EQ(logged_[1].text, "two\nlines");
  EXPECT_TRUE(logged_[1].is_error);
}

// In a worker it would wait for the executor, which waits for the tool.
TEST(ToolsHere, WhenOneUsesAnotherSessionThenThatFindsThemToo) {
  const sb::bridge bridge{one_pool(sb::placement::embedded)};
  const auto other = bridge.open_session({.id = "other"});
  or_throw(bridge.tool(
    "id", sb::callback([&bridge] { return bridge.current_session(); })));
  or_throw(bridge.tool("ask", sb::callback([&other] {
                         return or_throw(
                           other.eval("__import__('snakebridge').call('id')"));
                       })));
  EXPECT_EQ(bridge.eval("__import__('snakebridge').call('ask')"), "other");
}

} // namespace snakebridge::testing
