// What went wrong, as values and as exceptions: SUPERVISION 51 and the error
// section of API.md.
#include "tests/api/python_fixture.hpp"

#include <sstream>

#include <snakebridge/format.hpp>

namespace snakebridge::testing {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Errors : public EachPlacement {
protected:
  /// The exception that statements end with.
  sb::python_error raised_by(const char* code) {
    return *error_of(bridge.exec(code)).python();
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Errors);

TEST_P(Errors, GivenAClassOfTheSessionThenItIsNamedAsInAScript) {
  const auto failed = error_of(bridge.exec("class MyError(KeyError): pass\n"
                                           "raise MyError('x')\n"));
  EXPECT_TRUE(failed.is("MyError"));
  EXPECT_TRUE(failed.is("__main__.MyError"));
  EXPECT_TRUE(failed.is("LookupError"));
  EXPECT_FALSE(failed.is("builtins.MyError"));
}

TEST_P(Errors, WhenPythonRaisesThenAllOfItIsTold) {
  const auto failed = error_of(bridge.call("math", "exp", 1e3));
  EXPECT_EQ(failed.code(), sb::errc::python_raised);
  EXPECT_THAT(failed.message(), HasSubstr("math range error"));
  const auto* raised = failed.python();
  ASSERT_NE(raised, nullptr);
  EXPECT_EQ(raised->type, "OverflowError");
  EXPECT_EQ(raised->module, "builtins");
  EXPECT_EQ(raised->message, "math range error");
  EXPECT_THAT(raised->mro, Contains("builtins.ArithmeticError"));
  EXPECT_THAT(raised->mro, Contains("builtins.Exception"));
  EXPECT_EQ(failed.post_mortem(), nullptr);
}

TEST_P(Errors, WhenPythonCodeRaisesThenItsFramesAreTold) {
  ASSERT_TRUE(bridge.exec("def inner(): raise KeyError('k')\n"
                          "def outer():\n"
                          "  inner()"));
  const auto failed = error_of(bridge.eval("outer()"));
  const auto* raised = failed.python();
  ASSERT_GE(raised->frames.size(), 2U);
  const auto& last = raised->frames.back();
  EXPECT_EQ(last.function, "inner");
  EXPECT_EQ(last.line, 1U);
  EXPECT_THAT(last.file, ::testing::StartsWith("<exec "));
  EXPECT_EQ(raised->frames[raised->frames.size() - 2].function, "outer");
  EXPECT_THAT(raised->traceback,
              HasSubstr("Traceback (most recent call last):"));
  EXPECT_THAT(raised->traceback, HasSubstr("KeyError: 'k'"));
}

TEST_P(Errors, WhenExceptionsAreChainedThenTheChainIsTold) {
  const auto caused = raised_by("try:\n"
                                "  1 / 0\n"
                                "except Exception as e:\n"
                                "  raise ValueError('outer') from e");
  ASSERT_TRUE(caused.cause);
  EXPECT_EQ(caused.cause->type, "ZeroDivisionError");
  const auto during = raised_by("try:\n"
                                "  1 / 0\n"
                                "except Exception:\n"
                                "  raise ValueError('outer')");
  EXPECT_FALSE(during.cause);
  ASSERT_TRUE(during.context);
  EXPECT_EQ(during.context->type, "ZeroDivisionError");
}

TEST_P(Errors, WhenAnExceptionHasNotesThenTheyAreTold) {
  const auto raised = raised_by("e = ValueError('x')\n"
                                "e.__notes__ = ['one', 'two']\n"
                                "raise e");
  EXPECT_THAT(raised.notes, ElementsAre("one", "two"));
}

TEST_P(Errors, WhenAClassOfTheProgramsIsRaisedThenItIsNamed) {
  const auto raised = raised_by("class mine(KeyError): pass\n"
                                "raise mine(1)");
  EXPECT_EQ(raised.type, "mine");
  EXPECT_THAT(raised.mro, Contains("builtins.LookupError"));
}

TEST_P(Errors, GivenAnErrorThenItPrintsReadably) {
  const auto failed = error_of(bridge.eval("1 / 0"));
  std::ostringstream printed;
  printed << failed;
  EXPECT_THAT(printed.str(), HasSubstr("python_raised"));
  EXPECT_THAT(printed.str(), HasSubstr("ZeroDivisionError: division by zero"));
  EXPECT_EQ(fmt::format("{}", failed), printed.str());
  EXPECT_EQ(fmt::format("{}", failed.code()), "python_raised");
}

TEST_P(Errors, WhenOrThrowIsUsedThenEachErrorHasItsException) {
  try {
    or_throw(bridge.eval("1 / 0"));
    FAIL() << "nothing was thrown";
  } catch (const sb::python_exception& raised) {
    EXPECT_EQ(raised.error().python()->type, "ZeroDivisionError");
    EXPECT_THAT(raised.what(), HasSubstr("division by zero"));
  }
  EXPECT_THROW(or_throw(bridge.set_attr(5, "x", 1)), sb::invalid_ref_error);
  EXPECT_THROW(or_throw(bridge.with({.pool = "none"}).eval("1")),
               sb::exception);
  EXPECT_EQ(or_throw(bridge.eval("1")), 1);
  or_throw(bridge.exec("pass"));
}

// SUPERVISION 51
TEST_P(Errors, WhenACallGoesWrongThenTheInterpreterLives) {
  const auto before = first_of(bridge);
  EXPECT_EQ(raised_by("raise RuntimeError").type, "RuntimeError");
  EXPECT_EQ(error_of(bridge.call("sys", "exit", 3)).python()->type,
            "SystemExit");
  EXPECT_EQ(raised_by("raise KeyboardInterrupt").type, "KeyboardInterrupt");
  EXPECT_EQ(raised_by("def f(): f()\nf()").type, "RecursionError");
  EXPECT_EQ(raised_by("raise MemoryError").type, "MemoryError");
  EXPECT_EQ(raised_by("x = (").type, "SyntaxError");
  EXPECT_EQ(error_of(bridge.call("no_such_module", "f")).python()->type,
            "ModuleNotFoundError");
  EXPECT_EQ(error_of(bridge.get("math", "no_such_name")).python()->type,
            "AttributeError");
  const auto after = first_of(bridge);
  EXPECT_EQ(after.epoch, before.epoch);
  EXPECT_EQ(after.pid, before.pid);
  EXPECT_EQ(after.deaths, 0U);
  EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
}

// SUPERVISION 51
TEST_P(Errors, WhenTellingOfAnExceptionRaisesTooThenItIsStillAnError) {
  const auto raised = raised_by("class bad(Exception):\n"
                                "  def __str__(self): raise ValueError\n"
                                "  __repr__ = __str__\n"
                                "raise bad");
  EXPECT_EQ(raised.type, "bad");
  EXPECT_EQ(bridge.eval("1"), 1);
}

class SmallPayloads : public InAWorker {
protected:
  SmallPayloads()
      : InAWorker{[] {
          auto wanted = one_pool(sb::placement::worker);
          wanted.payload_bytes_max = 64 * 1024;
          return wanted;
        }()} {}
};

TEST_F(SmallPayloads, WhenAnArgumentIsTooLargeThenItIsRefused) {
  const std::string large(100'000, 'x');
  EXPECT_EQ(code_of(bridge.call("builtins", "len", large)),
            sb::errc::payload_too_large);
  EXPECT_EQ(bridge.eval("1"), 1);
}

TEST_F(SmallPayloads, WhenAResultIsTooLargeThenItIsAnErrorAndNothingStays) {
  EXPECT_EQ(code_of(bridge.eval("[object(), 'x' * 100_000]")),
            sb::errc::payload_too_large);
  EXPECT_EQ(first_of(bridge).live_objects, 0U);
  EXPECT_EQ(bridge.eval("1"), 1);
}

// At the very bound the two sides once counted differently, and the worker took
// the frame for noise.
class TinyPayloads : public InAWorker {
protected:
  TinyPayloads()
      : InAWorker{[] {
          auto wanted = one_pool(sb::placement::worker);
          wanted.payload_bytes_max = 1'024;
          return wanted;
        }()} {}

  static bool is_right(const sb::result<sb::value>& outcome) {
    return outcome || outcome.error().code() == sb::errc::payload_too_large;
  }
};

TEST_F(TinyPayloads, GivenAnySizeNearTheBoundThenItGoesOrIsRefused) {
  for (std::size_t size = 840; size < 1'040; ++size) {
    EXPECT_TRUE(
      is_right(bridge.call("builtins", "len", std::string(size, 'x'))))
      << "an argument of " << size;
    EXPECT_TRUE(is_right(bridge.eval("b'x' * " + std::to_string(size))))
      << "a result of " << size;
  }
  EXPECT_EQ(first_of(bridge).deaths, 0U);
}

} // namespace snakebridge::testing
