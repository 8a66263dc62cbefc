// Helpers: Python functions from files that calls name, in both placements.
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>

#include "tests/api/python_fixture.hpp"
#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

using ::testing::Contains;
using ::testing::HasSubstr;

class Helpers : public ::testing::TestWithParam<sb::placement> {
protected:
  void TearDown() override {
    if (!bridge_)
      return;
    ASSERT_TRUE(bridge_->release_auto_session());
    EXPECT_TRUE(is_empty(*bridge_));
  }

  /// With a folder for helper files; started when it is first asked for.
  sb::bridge& bridge() {
    if (!bridge_)
      bridge_.emplace(wanted);
    return *bridge_;
  }

  std::filesystem::path write(const std::string& name, std::string_view text) {
    std::ofstream{folder / name} << text;
    return folder / name;
  }

  /// The file my_helpers.py.
  std::filesystem::path write_mine() {
    return write("my_helpers.py", R"(
def process(x, scale=2):
  "Scales it."
  return x * scale
def lines(path):
  return path, [str(path)]
async def later(x):
  return x
def items():
  yield from range(3)
class Wrong(ValueError): pass
def fail():
  raise Wrong("no")
def here():
  import snakebridge
  return snakebridge.session_id()
__snakebridge_helpers__ = {"process": process, "lines": lines, "later": later,
                           "items": items, "fail": fail, "here": here,
                           "shop.price": lambda item: len(item)}
)");
  }

  static std::vector<std::string> names_of(const sb::helper_index& all) {
    std::vector<std::string> names;
    for (const auto& each : all.found)
      names.push_back(each.name);
    return names;
  }

  scratch_folder folder;
  sb::config wanted = [this] {
    auto made = one_pool(GetParam());
    made.helpers.paths = {folder.path()};
    return made;
  }();

private:
  std::optional<sb::bridge> bridge_;
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Helpers);

TEST_P(Helpers, GivenAFileThenItsFunctionsAreCalledByName) {
  write_mine();
  EXPECT_EQ(bridge().call_helper("my_helpers.process", 1), 2);
  EXPECT_EQ(bridge().call_helper("my_helpers.process", 1, "scale"_a = 5), 5);
  EXPECT_EQ(bridge().call_helper("shop.price", "tea"), 3);
}

TEST_P(Helpers, GivenAnyCallerThenItHasThem) {
  write_mine();
  auto session = bridge().open_session({.id = "mine"});
  EXPECT_EQ(session.call_helper("my_helpers.here"), "mine");
  EXPECT_EQ(bridge().with({.timeout = 60s}).call_helper("shop.price", "a"), 1);
  EXPECT_EQ(bridge().async().call_helper("my_helpers.process", 2).get(), 4);
  EXPECT_EQ(bridge().call_helper("my_helpers.here"),
            bridge().current_session());
}

TEST_P(Helpers, GivenAnObjectThenItIsAnArgumentAndAResult) {
  write_mine();
  const auto path = or_throw(bridge().call("pathlib", "Path", "/tmp"));
  const auto made = or_throw(bridge().call_helper("my_helpers.lines", path));
  EXPECT_EQ(made[1], (sb::value{sb::list{"/tmp"}}));
  EXPECT_EQ(bridge().method(made[0], "as_posix"), "/tmp");
}

TEST_P(Helpers, GivenACoroutineOrAGeneratorThenItIsAwaitedOrAStream) {
  write_mine();
  EXPECT_EQ(bridge().call_helper("my_helpers.later", 3), 3);
  std::int64_t sum = 0;
  const auto items = or_throw(bridge().call_helper("my_helpers.items"));
  for (auto item : bridge().stream(items))
    sum += or_throw(std::move(item)).as<std::int64_t>();
  EXPECT_EQ(sum, 3);
}

TEST_P(Helpers, WhenOneRaisesThenThatIsTold) {
  const auto file = write_mine();
  const auto failed = error_of(bridge().call_helper("my_helpers.fail"));
  ASSERT_EQ(failed.code(), sb::errc::python_raised);
  EXPECT_TRUE(failed.is("my_helpers.Wrong"));
  EXPECT_TRUE(failed.is("ValueError"));
  EXPECT_EQ(failed.python()->frames.back().file, file);
  EXPECT_THAT(failed.python()->traceback, HasSubstr("raise Wrong(\"no\")"));
}

TEST_P(Helpers, GivenEachWayToExportThenItIsFound) {
  write("a.py", "__snakebridge_helpers__ = {'f': lambda: 'a'}\n"
                "HELPERS = {'g': None}\n");
  write("b.py", "def snakebridge_helpers(): return {'f': lambda: 'b'}\n");
  write("c.py", "HELPERS = {'f': lambda: 'c'}\n");
  EXPECT_EQ(bridge().call_helper("a.f"), "a");
  EXPECT_EQ(bridge().call_helper("b.f"), "b");
  EXPECT_EQ(bridge().call_helper("c.f"), "c");
}

TEST_P(Helpers, GivenTwoOfANameThenTheLaterIsMeant) {
  const scratch_folder other;
  wanted.helpers.paths.push_back(other.path());
  write("a.py", "HELPERS = {'x.f': lambda: 'a', 'x.g': lambda: 'a'}\n");
  write("b.py", "HELPERS = {'x.f': lambda: 'b', 'x.g': lambda: 'b'}\n");
  std::ofstream{other / "a.py"} << "HELPERS = {'x.f': lambda: 'other'}\n";
  EXPECT_EQ(bridge().call_helper("x.f"), "other");
  EXPECT_EQ(bridge().call_helper("x.g"), "b");
}

TEST_P(Helpers, GivenNoSuchNameThenItSaysWhatIsNearAndWhereItLooked) {
  write_mine();
  wanted.helpers.paths.push_back(folder / "none");
  EXPECT_EQ(code_of(bridge().call_helper(std::string(100'000, 'a'))),
            sb::errc::symbol_unknown);
  EXPECT_EQ(code_of(bridge().call_helper("")), sb::errc::symbol_unknown);
  const auto refused = error_of(bridge().call_helper("my_helpers.proces", 1));
  EXPECT_EQ(refused.code(), sb::errc::symbol_unknown);
  EXPECT_THAT(refused.message(), HasSubstr("no helper 'my_helpers.proces'"));
  EXPECT_THAT(refused.message(), HasSubstr("near it: my_helpers.process"));
  EXPECT_THAT(refused.message(),
              HasSubstr("'" + folder.path().string() + "' (1 file)"));
  EXPECT_THAT(refused.message(), HasSubstr("/none' (no such folder)"));
}

TEST_P(Helpers, GivenAFileThatFailsThenOnlyItsOwnFail) {
  write_mine();
  const auto file = write("broken.py", "import no_such_module\n");
  EXPECT_EQ(bridge().call_helper("my_helpers.process", 1), 2);
  const auto failed = error_of(bridge().call_helper("broken.f"));
  ASSERT_EQ(failed.code(), sb::errc::python_raised);
  EXPECT_TRUE(failed.is("snakebridge.HelperLoadError"));
  EXPECT_THAT(failed.message(), HasSubstr(file.string()));
  EXPECT_THAT(failed.message(), HasSubstr("No module named 'no_such_module'"));
  ASSERT_TRUE(failed.python()->cause);
  EXPECT_EQ(failed.python()->cause->type, "ModuleNotFoundError");
  EXPECT_EQ(failed.python()->cause->frames.at(0).file, file);
  // One that may be another's.
  const auto unknown = error_of(bridge().call_helper("lib.f"));
  EXPECT_EQ(unknown.code(), sb::errc::symbol_unknown);
  EXPECT_THAT(unknown.message(), HasSubstr("broken.py' does not load"));
}

TEST_P(Helpers, GivenFilesThatCannotBeOnesThenEachIsToldWithItsReason) {
  write("syntax.py", "def (\n");
  write("exits.py", "import sys; sys.exit(3)\n");
  write("list.py", "HELPERS = [1]\n");
  write("number.py", "HELPERS = {1: len}\n");
  write("value.py", "HELPERS = {'f': 1}\n");
  write("long.py", "HELPERS = {'f' * 300: len}\n");
  write("large.py", std::string((1 << 20) + 1, '#'));
  write("none.py", "x = 1\n");
  write("_private.py", "1 / 0\n");
  ASSERT_EQ(::mkfifo((folder / "pipe.py").c_str(), 0600), 0);
  const auto all = or_throw(bridge().helpers());
  std::map<std::string, std::string> why;
  for (const auto& each : all.failed)
    why[std::filesystem::path{each.file}.stem()] = each.message;
  EXPECT_EQ(why.size(), 8U);
  EXPECT_THAT(why["syntax"], HasSubstr("SyntaxError"));
  EXPECT_THAT(why["exits"], HasSubstr("SystemExit: 3"));
  EXPECT_THAT(why["list"], HasSubstr("must be a dict"));
  EXPECT_THAT(why["number"], HasSubstr("1 must be a name"));
  EXPECT_THAT(why["value"], HasSubstr("'f' must be a function, not int"));
  EXPECT_THAT(why["long"], HasSubstr("at most 256 bytes"));
  EXPECT_THAT(why["large"], HasSubstr("more than 1048576 bytes"));
  EXPECT_THAT(why["pipe"], HasSubstr("no regular file"));
  EXPECT_THAT(error_of(bridge().call_helper("none.f")).message(),
              HasSubstr("none.py' exports none"));
}

TEST_P(Helpers, GivenAnAllowlistThenOthersAreNotAuthorized) {
  write_mine();
  wanted.helpers.allowlist = {"my_helpers.process", "shop.*"};
  EXPECT_EQ(bridge().call_helper("my_helpers.process", 1), 2);
  EXPECT_EQ(bridge().call_helper("shop.price", "tea"), 3);
  const auto refused = error_of(bridge().call_helper("my_helpers.here"));
  EXPECT_EQ(refused.code(), sb::errc::not_authorized);
  EXPECT_THAT(refused.message(), HasSubstr("'my_helpers.here'"));
  EXPECT_THAT(refused.message(), HasSubstr("helper_allowlist"));
  EXPECT_EQ(code_of(bridge().call_helper("shop.none")),
            sb::errc::symbol_unknown);
  EXPECT_EQ(names_of(or_throw(bridge().helpers())),
            (std::vector<std::string>{"my_helpers.process", "shop.price"}));
}

TEST_P(Helpers, ThoseOfTheLibraryAreThereUnlessTheyAreNotWanted) {
  const auto path = or_throw(bridge().call("pathlib", "PurePath", "/tmp"));
  const auto told =
    or_throw(bridge().call_helper("snakebridge.describe", path));
  EXPECT_EQ(told["type"], "PurePosixPath");
  EXPECT_EQ(told["length"], nullptr);
  EXPECT_EQ(
    bridge().call_helper("snakebridge.attributes", path, "name", "stem"),
    (sb::value{sb::dict{{"name", "tmp"}, {"stem", "tmp"}}}));
  const auto upper = or_throw(bridge().get("builtins", "str.upper"));
  EXPECT_EQ(bridge().call_helper("snakebridge.map", upper, sb::list{"a", "b"}),
            (sb::value{sb::list{"A", "B"}}));
  EXPECT_EQ(bridge().call_helper("snakebridge.versions", "no-such-package"),
            (sb::value{sb::dict{{"no-such-package", nullptr}}}));

  wanted.helpers.pack_enabled = false;
  const sb::bridge without{wanted};
  EXPECT_EQ(code_of(without.call_helper("snakebridge.doc", 1)),
            sb::errc::symbol_unknown);
  EXPECT_TRUE(or_throw(without.helpers()).found.empty());
}

TEST_P(Helpers, AreListedWithTheirSignatures) {
  const auto file = write_mine();
  const auto all = or_throw(bridge().helpers());
  EXPECT_TRUE(all.failed.empty());
  const auto mine =
    std::find_if(all.found.begin(), all.found.end(), [](const auto& each) {
      return each.name == "my_helpers.process";
    });
  ASSERT_NE(mine, all.found.end());
  EXPECT_EQ(mine->signature, "(x, scale=2)");
  EXPECT_EQ(mine->doc, "Scales it.");
  EXPECT_EQ(mine->file, file);
  EXPECT_THAT(names_of(all), Contains("snakebridge.describe"));
  EXPECT_EQ(bridge().async().helpers().get()->found.size(), all.found.size());
}

TEST_P(Helpers, GivenAFileThatHasChangedThenItIsLoadedAnewIfThatIsWanted) {
  write("a.py", "HELPERS = {'f': lambda: 1}\n");
  write("b.py", "HELPERS = {'f': lambda: 1}\n");
  const sb::bridge steady{wanted};
  wanted.helpers.reload = true;
  for (const auto* each : {&steady, static_cast<const sb::bridge*>(&bridge())})
    EXPECT_EQ(each->call_helper("a.f"), 1);
  write("a.py", "HELPERS = {'f': lambda: 2, 'g': lambda: 3}\n");
  write("c.py", "HELPERS = {'f': lambda: 4}\n");
  std::filesystem::remove(folder / "b.py");
  EXPECT_EQ(steady.call_helper("a.f"), 1);
  EXPECT_EQ(code_of(steady.call_helper("c.f")), sb::errc::symbol_unknown);
  EXPECT_EQ(bridge().call_helper("a.f"), 2);
  EXPECT_EQ(bridge().call_helper("a.g"), 3);
  EXPECT_EQ(bridge().call_helper("c.f"), 4);
  EXPECT_EQ(code_of(bridge().call_helper("b.f")), sb::errc::symbol_unknown);
  write("a.py", "HELPERS = {'f': lambda: 5\n");
  EXPECT_TRUE(
    error_of(bridge().call_helper("a.f")).is("snakebridge.HelperLoadError"));
  write("a.py", "HELPERS = {'f': lambda: 6}\n");
  EXPECT_EQ(bridge().call_helper("a.f"), 6);
}

TEST_P(Helpers, GivenAFileThenItRunsOnceForAllSessions) {
  write("a.py", "calls = []\n"
                "HELPERS = {'count': lambda: calls.append(1) or len(calls)}\n");
  auto first = bridge().open_session();
  auto second = bridge().open_session();
  EXPECT_EQ(first.call_helper("a.count"), 1);
  EXPECT_EQ(second.call_helper("a.count"), 2);
}

TEST_P(Helpers, GivenAFileThatSharesCodeThenItImportsThat) {
  write("_shared.py", "def half(x): return x / 2\n");
  write("halves.py", "from _shared import half\nHELPERS = {'half': half}\n");
  EXPECT_EQ(bridge().call_helper("halves.half", 3), 1.5);
}

TEST_P(Helpers, GivenAFileNamedAsAModuleThenThatIsNotHidden) {
  write("json.py", "HELPERS = {'f': lambda: __name__}\n");
  EXPECT_EQ(bridge().call_helper("json.f"), "snakebridge_helpers_json");
  EXPECT_EQ(bridge().call("json", "dumps", 1), "1");
}

TEST_P(Helpers, WhenALoadIsNotWantedAnyMoreThenItIsInterrupted) {
  write("slow.py", "while True: pass\n"
                   "HELPERS = {'f': lambda: 1}\n");
  EXPECT_EQ(code_of(bridge().with({.timeout = 200ms}).call_helper("slow.f")),
            sb::errc::deadline_exceeded);
  write("slow.py", "HELPERS = {'f': lambda: 1}\n");
  EXPECT_EQ(bridge().call_helper("slow.f"), 1);
}

TEST_P(Helpers, GivenSourceOfTheProgramThenItIsRefusedUnlessEnabled) {
  const auto refused =
    error_of(bridge().add_helpers("calc", "HELPERS = {'f': len}\n"));
  EXPECT_EQ(refused.code(), sb::errc::not_authorized);
  EXPECT_THAT(refused.message(), HasSubstr("helper_inline_enabled"));
  EXPECT_EQ(bridge().remove_helpers("calc"), false);
}

class InlineHelpers : public Helpers {
protected:
  InlineHelpers() { wanted.helpers.inline_enabled = true; }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(InlineHelpers);

TEST_P(InlineHelpers, GivenSomeThenTheNextCallHasThem) {
  write_mine();
  EXPECT_EQ(bridge().call_helper("my_helpers.process", 1), 2);
  or_throw(bridge().add_helpers(
    "calc", "HELPERS = {'twice': lambda x: 2 * x,\n"
            "           'my_helpers.process': lambda x: 'ours'}\n"));
  EXPECT_EQ(bridge().call_helper("calc.twice", 4), 8);
  EXPECT_EQ(bridge().call_helper("my_helpers.process", 1), "ours");
  or_throw(
    bridge().add_helpers("calc", "HELPERS = {'twice': lambda x: x + x + 1}\n"));
  EXPECT_EQ(bridge().async().call_helper("calc.twice", 4).get(), 9);
  EXPECT_EQ(bridge().call_helper("my_helpers.process", 1), 2);
  EXPECT_EQ(bridge().remove_helpers("calc"), true);
  EXPECT_EQ(bridge().remove_helpers("calc"), false);
  EXPECT_EQ(code_of(bridge().call_helper("calc.twice", 4)),
            sb::errc::symbol_unknown);
}

TEST_P(InlineHelpers, GivenSourceThatFailsThenItsLineIsTold) {
  or_throw(bridge().add_helpers("calc", "def f():\n"
                                        "  return 1 / 0\n"
                                        "HELPERS = {'f': f}\n"));
  const auto raised = error_of(bridge().call_helper("calc.f"));
  EXPECT_TRUE(raised.is("ZeroDivisionError"));
  EXPECT_THAT(raised.python()->traceback, HasSubstr("<helpers calc>"));
  EXPECT_THAT(raised.python()->traceback, HasSubstr("return 1 / 0"));
  or_throw(bridge().add_helpers("calc", "HELPERS = {\n"));
  const auto failed = error_of(bridge().call_helper("calc.f"));
  EXPECT_TRUE(failed.is("snakebridge.HelperLoadError"));
  EXPECT_THAT(failed.message(), HasSubstr("<helpers calc>"));
}

TEST_P(InlineHelpers, GivenWhatCannotBeSomeThenItIsRefused) {
  for (const auto* each : {"", "a.b", "a b", "é"})
    EXPECT_EQ(code_of(bridge().add_helpers(each, "")),
              sb::errc::config_invalid);
  EXPECT_EQ(code_of(bridge().add_helpers(std::string(65, 'a'), "")),
            sb::errc::config_invalid);
  EXPECT_EQ(code_of(bridge().add_helpers("a", std::string((1 << 20) + 1, '#'))),
            sb::errc::payload_too_large);
  EXPECT_EQ(code_of(bridge().add_helpers("a", "# \xff")),
            sb::errc::config_invalid);
  for (int number = 0; number < 100; ++number)
    or_throw(bridge().add_helpers("a" + std::to_string(number), ""));
  EXPECT_EQ(code_of(bridge().add_helpers("b", "")), sb::errc::overloaded);
}

TEST(HelpersOfWorkers, WhenAWorkerDiesThenTheNextHasThemToo) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.helpers.inline_enabled = true;
  const sb::bridge bridge{wanted};
  or_throw(bridge.add_helpers("calc", "import os\n"
                                      "HELPERS = {'end': lambda: os._exit(1),\n"
                                      "           'one': lambda: 1}\n"));
  EXPECT_EQ(bridge.call_helper("calc.one"), 1);
  EXPECT_EQ(code_of(bridge.call_helper("calc.end")),
            sb::errc::interpreter_died);
  EXPECT_EQ(bridge.call_helper("calc.one"), 1);
}

TEST(HelpersOfWorkers, GivenImportableThenTheyAreThereAllTheSame) {
  const scratch_folder folder;
  std::ofstream{folder / "a.py"} << "import json\n"
                                    "HELPERS = {'f': json.dumps}\n";
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools[0].limits.importable = {"math"};
  wanted.helpers.paths = {folder.path()};
  const sb::bridge bridge{wanted};
  EXPECT_EQ(bridge.call_helper("a.f", 1), "1");
}

TEST(HelpersOfWorkers, GivenThreadsThenTheyLoadAFileOnce) {
  const scratch_folder folder;
  std::ofstream{folder / "a.py"}
    << "import sys, time\n"
       "sys.loads = getattr(sys, 'loads', 0) + 1\n"
       "for i in range(1000): time.sleep(0)\n" // lets others run
       "HELPERS = {'count': lambda: sys.loads}\n";
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools[0].threads = 4;
  wanted.helpers.paths = {folder.path()};
  const sb::bridge bridge{wanted};
  std::vector<sb::session> sessions;
  std::vector<sb::future<sb::value>> counts;
  for (int number = 0; number < 8; ++number) {
    sessions.push_back(bridge.open_session());
    counts.push_back(sessions.back().async().call_helper("a.count"));
  }
  for (auto& each : counts)
    EXPECT_EQ(each.get(), 1);
}

TEST(HelpersOfWorkers, WhenOneIsCalledThenEventsNameIt) {
  std::mutex mutex;
  std::vector<sb::interpreter_event> heard;
  auto wanted = one_pool(sb::placement::worker);
  wanted.on_event = [&](const sb::interpreter_event& happened) {
    const std::lock_guard lock{mutex};
    if (happened.what == sb::event_kind::call_stop)
      heard.push_back(happened);
  };
  {
    const sb::bridge bridge{wanted};
    or_throw(bridge.call_helper("snakebridge.doc", 1));
  }
  const std::lock_guard lock{mutex};
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].call, "snakebridge.doc");
  EXPECT_EQ(heard[0].function, "snakebridge.doc");
}

} // namespace snakebridge::testing
