// Python's exceptions, told in full by both hosts.
#include "tests/runtime/hosts/conformance.hpp"

#include <gmock/gmock.h>

namespace snakebridge::testing {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

TEST_P(HostErrors, WhenPythonRaisesThenTypeMessageAndTracebackAreTold) {
  const auto outcome = call("json", "loads", "{");
  EXPECT_EQ(code_of(outcome), errc::python_raised);
  EXPECT_TRUE(outcome.error().may_have_run());
  const auto raised = raised_by(outcome);
  EXPECT_EQ(raised.type, "JSONDecodeError");
  EXPECT_EQ(raised.module, "json.decoder");
  EXPECT_THAT(raised.message, HasSubstr("line 1 column 2"));
  EXPECT_THAT(raised.traceback, ::testing::StartsWith("Traceback (most"));
  EXPECT_THAT(raised.traceback, EndsWith("json.decoder.JSONDecodeError: "
                                         + raised.message + "\n"));
  EXPECT_EQ(outcome.error().message(), "JSONDecodeError: " + raised.message);
}

TEST_P(HostErrors, WhenPythonRaisesThenItsFramesAreToldOutermostFirst) {
  exec("def inner():\n  raise KeyError('k')\ndef outer():\n  inner()");
  const auto raised = raised_by(eval("outer()"));
  ASSERT_EQ(raised.frames.size(), 3u);
  EXPECT_THAT(raised.frames[0].file, StartsWith("<eval "));
  EXPECT_EQ(raised.frames[0].function, "<module>");
  EXPECT_EQ(raised.frames[1].function, "outer");
  EXPECT_EQ(raised.frames[1].line, 4u);
  EXPECT_EQ(raised.frames[2].function, "inner");
  EXPECT_EQ(raised.frames[2].line, 2u);
  EXPECT_THAT(raised.frames[2].file, StartsWith("<exec "));
  EXPECT_EQ(raised.message, "'k'");
}

TEST_P(HostErrors, WhenPythonRaisesThenItsBasesAreTold) {
  const auto raised = raised_by(eval("1 / 0"));
  EXPECT_THAT(raised.mro, ::testing::ElementsAre(
                            "builtins.ZeroDivisionError",
                            "builtins.ArithmeticError", "builtins.Exception",
                            "builtins.BaseException", "builtins.object"));
}

TEST_P(HostErrors, GivenACauseThenItIsToldAndIsNoContextOfItsOwn) {
  exec("def f():\n"
       "  try: 1 / 0\n"
       "  except Exception as e: raise ValueError('outer') from e");
  const auto raised = raised_by(eval("f()"));
  ASSERT_TRUE(raised.cause);
  EXPECT_EQ(raised.cause->type, "ZeroDivisionError");
  EXPECT_FALSE(raised.cause->frames.empty());
  ASSERT_TRUE(raised.context);
  EXPECT_EQ(raised.context->type, "ZeroDivisionError");
  EXPECT_THAT(raised.traceback, HasSubstr("direct cause of the following"));
}

TEST_P(HostErrors, GivenAContextThenItIsToldWithoutACause) {
  exec("def f():\n"
       "  try: 1 / 0\n"
       "  except Exception: raise ValueError('outer')");
  const auto raised = raised_by(eval("f()"));
  EXPECT_FALSE(raised.cause);
  ASSERT_TRUE(raised.context);
  EXPECT_EQ(raised.context->type, "ZeroDivisionError");
}

// Cause and context are one exception here: told twice at each step, a chain of
// this length would take 2^15 copies.
TEST_P(HostErrors, GivenALongChainThenItIsToldOnceEach) {
  exec("def f(n):\n"
       "  if n == 0: raise ValueError('x' * 10_000)\n"
       "  try: f(n - 1)\n"
       "  except Exception as e: raise ValueError('y' * 10_000) from e");
  const auto raised = raised_by(eval("f(100)"));
  std::size_t steps = 1;
  for (auto next = raised.cause; next; next = next->cause) {
    ASSERT_TRUE(!next->cause || next->context == next->cause);
    ++steps;
  }
  EXPECT_EQ(steps, limits::exception_chain_max);
  EXPECT_EQ(value_of(eval("1")), value{1});
}

TEST_P(HostErrors, GivenAChainThatIsALoopThenItEnds) {
  exec("a, b = ValueError('a'), ValueError('b')\n"
       "a.__cause__, b.__context__ = b, a\n"
       "def f(): raise a");
  EXPECT_EQ(raised_by(eval("f()")).message, "a");
}

TEST_P(HostErrors, GivenNotesThenTheyAreTold) {
  exec("def f():\n"
       "  e = ValueError('v')\n"
       "  e.add_note('first')\n"
       "  e.add_note('second')\n"
       "  raise e");
  EXPECT_THAT(raised_by(eval("f()")).notes,
              ::testing::ElementsAre("first", "second"));
  exec("def g():\n"
       "  e = ValueError('v')\n"
       "  e.__notes__ = 5\n"
       "  raise e");
  EXPECT_TRUE(raised_by(eval("g()")).notes.empty());
}

TEST_P(HostErrors, GivenANestedClassThenItsNameIsQualified) {
  exec("class outer:\n  class error(Exception): pass\n"
       "def f(): raise outer.error('x')");
  const auto raised = raised_by(eval("f()"));
  EXPECT_EQ(raised.type, "outer.error");
  EXPECT_THAT(raised.module, MatchesRegex("__snakebridge_session_[0-9]+__"));
}

TEST_P(HostErrors, GivenAnExceptionThatCannotBeToldThenItsTypeStillIs) {
  exec("class sly(Exception):\n"
       "  def __str__(self): raise RuntimeError('no')\n"
       "  __repr__ = __str__\n"
       "class surrogate(Exception):\n"
       "  def __str__(self): return '\\ud800'\n"
       "class silent(Exception):\n"
       "  def __str__(self): return 5\n"
       "def f(kind): raise kind()");
  EXPECT_EQ(raised_by(eval("f(sly)")).type, "sly");
  EXPECT_EQ(raised_by(eval("f(silent)")).message, "<exception str() failed>");
  EXPECT_EQ(raised_by(eval("f(surrogate)")).message, "\\ud800");
  EXPECT_EQ(value_of(eval("1")), value{1});
}

TEST_P(HostErrors, GivenAnEndlessMessageThenItIsCut) {
  const auto raised =
    raised_by(eval("(_ for _ in ()).throw(ValueError('\\u20ac' * 1_000_000))"));
  EXPECT_LE(raised.message.size(), limits::exception_text_bytes_max);
  EXPECT_EQ(raised.message.size() % 3, 0u) << "cut inside a character";
}

TEST_P(HostErrors, WhenPythonWantsToExitThenItIsOnlyAnError) {
  EXPECT_EQ(raised_by(call("sys", "exit", 3)).type, "SystemExit");
  exec("def interrupt(): raise KeyboardInterrupt\n"
       "def leave(): raise GeneratorExit");
  EXPECT_EQ(raised_by(eval("interrupt()")).type, "KeyboardInterrupt");
  EXPECT_EQ(raised_by(eval("leave()")).type, "GeneratorExit");
  EXPECT_EQ(value_of(eval("1")), value{1});
}

TEST_P(HostErrors, WhenPythonRecursesWithoutEndThenItGoesOnAfterwards) {
  exec("def f(): return f()");
  const auto raised = raised_by(eval("f()"));
  EXPECT_EQ(raised.type, "RecursionError");
  EXPECT_LE(raised.frames.size(), limits::exception_frames_max);
  EXPECT_EQ(value_of(eval("1")), value{1});
}

TEST_P(HostErrors, GivenCodeThatDoesNotParseThenItIsASyntaxError) {
  const auto raised = raised_by(eval("1 +"));
  EXPECT_EQ(raised.type, "SyntaxError");
  EXPECT_THAT(raised.traceback, HasSubstr("<eval "));
  EXPECT_EQ(raised_by(session->exec("def")).type, "SyntaxError");
  EXPECT_EQ(raised_by(eval("x = 1")).type, "SyntaxError");
  EXPECT_EQ(raised_by(session->exec("if 1:\n 2\n\t3")).type, "TabError");
  const auto with_nul = raised_by(eval(std::string{"1\0", 2}));
  EXPECT_EQ(with_nul.message, "source code cannot contain null bytes");
}

TEST_P(HostErrors, WhenAFinaliserRaisesThenTheCallIsNotDisturbed) {
  exec("class sour:\n"
       "  def __del__(self): raise ValueError('from __del__')");
  const auto made = value_of(eval("sour()"));
  EXPECT_EQ(value_of(session->release(made)), value{true});
  EXPECT_EQ(value_of(eval("1")), value{1});
}

TEST_P(HostErrors, GivenANameThatIsNoUtf8ThenItRaisesAndGoesOn) {
  EXPECT_EQ(raised_by(call("math", "\xff")).type, "UnicodeDecodeError");
  EXPECT_EQ(raised_by(call("\xff", "f")).type, "UnicodeDecodeError");
  EXPECT_EQ(value_of(eval("1")), value{1});
}

// NumPy would make as many zeros of the number: all of the memory.
TEST_P(HostErrors, GivenANumberAsNumpysBytesThenItIsRefusedBeforeItIsMade) {
  for (const auto* type : {"numpy.bytes_", "numpy.str_", "bytearray"})
    EXPECT_EQ(code_of(call("builtins", "len",
                           value::of_type(type, std::int64_t{1} << 50U))),
              errc::not_convertible)
      << type;
}

INSTANTIATE_TEST_SUITE_P(Both, HostErrors, both_placements, placement_name);

} // namespace snakebridge::testing
