// What is told of exceptions that are hostile to being told of: each is Python
// code that may fail, count or never end.
#include "tests/api/python_fixture.hpp"
#include "tests/support/under_tsan.hpp"

namespace snakebridge::testing {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ToldExceptions : public EachPlacement {
protected:
  sb::python_error raised_by(std::string_view code) {
    return *error_of(bridge.exec(code)).python();
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(ToldExceptions);

TEST_P(ToldExceptions, GivenABrokenGetattrThenItsFramesAreItsTraceback) {
  const auto raised = raised_by("class broken(Exception):\n"
                                "  def __getattr__(self, name):\n"
                                "    raise RuntimeError(name)\n"
                                "def f(): raise broken('text')\n"
                                "f()");
  EXPECT_EQ(raised.type, "broken");
  EXPECT_EQ(raised.message, "text");
  // From 3.13 on Python adds a line about the notes it could not get.
  EXPECT_THAT(raised.traceback,
              AllOf(StartsWith("Traceback (most recent call last):\n"
                               "  File \"<exec "),
                    HasSubstr("line 5, in <module>"), HasSubstr("line 4, in f"),
                    HasSubstr("broken: text\n")));
}

TEST_P(ToldExceptions,
       GivenAModuleOfThatNameThenATracebackIsPrintedAllTheSame) {
  or_throw(
    bridge.exec("import sys, types\n"
                "theirs = sys.modules.pop('traceback', None)\n"
                "sys.modules['traceback'] = types.ModuleType('mine')\n"));
  const auto raised = raised_by("def f(): return {}['key']\nf()");
  EXPECT_EQ(raised.message, "'key'");
  EXPECT_THAT(raised.traceback,
              AllOf(HasSubstr("line 1, in f"), EndsWith("KeyError: 'key'\n")));
  or_throw(bridge.exec("del sys.modules['traceback']\n"
                       "if theirs: sys.modules['traceback'] = theirs\n"));
}

TEST_P(ToldExceptions, GivenATextThatCountsThenItIsAskedForOnce) {
  or_throw(bridge.exec("asked = 0\n"
                       "class counting(Exception):\n"
                       "  def __str__(self):\n"
                       "    global asked\n"
                       "    asked += 1\n"
                       "    return f'text {asked}'\n"));
  const auto raised = raised_by("raise counting");
  EXPECT_EQ(raised.message, "text 1");
  EXPECT_THAT(raised.traceback, EndsWith("counting: text 1\n"));
  EXPECT_EQ(bridge.eval("asked"), 1);
  // Each of a chain, too.
  const auto chain = raised_by("raise counting from counting()");
  EXPECT_EQ(bridge.eval("asked"), 3);
  EXPECT_THAT(chain.traceback,
              AllOf(HasSubstr(chain.message), HasSubstr(chain.cause->message)));
  EXPECT_NE(chain.message, chain.cause->message);
}

TEST_P(ToldExceptions, GivenATextThatNeverEndsThenTheCallEndsWithItsTime) {
  if (GetParam() == sb::placement::worker)
    SKIP_WHERE_SIGNALS_WAIT();
  or_throw(bridge.exec("class endless(Exception):\n"
                       "  def __str__(self):\n"
                       "    while True: pass\n"));
  const auto before = first_of(bridge).epoch;
  EXPECT_EQ(code_of(bridge.with({.timeout = 100ms}).exec("raise endless")),
            sb::errc::deadline_exceeded);
  EXPECT_EQ(bridge.eval("1 + 1"), 2);
  EXPECT_EQ(first_of(bridge).epoch, before) << "nobody had to die";
}

TEST_P(ToldExceptions, WhenTheSourceIsOfAFileThenItsLineIsThere) {
  const auto failed = error_of(bridge.call("json", "loads", "{"));
  EXPECT_THAT(failed.python()->traceback, HasSubstr("json/decoder.py"));
  EXPECT_THAT(to_string(failed), HasSubstr("json/decoder.py"));
}

// Whether repeating a call may repeat its effects.
class MayHaveRun : public EachPlacement {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(MayHaveRun);

TEST_P(MayHaveRun, WhenPythonRaisesThenItMay) {
  EXPECT_TRUE(error_of(bridge.exec("x = 1 / 0")).may_have_run());
}

TEST_P(MayHaveRun, WhenTheResultIsRefusedThenItHasRun) {
  const auto session =
    bridge.open_session({.max_refs = 1, .on_full = sb::on_full::refuse});
  or_throw(session.exec("runs = 0\n"
                        "def count(result):\n"
                        "  global runs\n"
                        "  runs += 1\n"
                        "  return result\n"));
  const auto full = error_of(session.eval("count([object(), object()])"));
  EXPECT_EQ(full.code(), sb::errc::quota_exceeded);
  EXPECT_TRUE(full.may_have_run());
  or_throw(session.exec("deep = []\n"
                        "for i in range(300): deep = [deep]\n"));
  const auto deep = error_of(session.eval("count(deep)"));
  EXPECT_EQ(deep.code(), sb::errc::payload_too_large);
  EXPECT_TRUE(deep.may_have_run());
  EXPECT_EQ(session.eval("runs"), 2);
}

TEST_P(MayHaveRun, WhenAnArgumentIsRefusedThenItHasNot) {
  const auto object = path();
  EXPECT_EQ(bridge.release(object), true);
  const auto gone = error_of(bridge.call("builtins", "print", object));
  EXPECT_EQ(gone.code(), sb::errc::ref_released);
  EXPECT_FALSE(gone.may_have_run());
}

TEST(LargeResults, WhenOneIsTooLargeThenItHasRun) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.payload_bytes_max = 4'096;
  const sb::bridge bridge{wanted};
  const auto large = error_of(bridge.eval("'x' * 10000"));
  EXPECT_EQ(large.code(), sb::errc::payload_too_large);
  EXPECT_TRUE(large.may_have_run());
  const auto argument = error_of(bridge.len(std::string(10'000, 'x')));
  EXPECT_EQ(argument.code(), sb::errc::payload_too_large);
  EXPECT_FALSE(argument.may_have_run());
}

} // namespace snakebridge::testing
