// <snakebridge/error.hpp>: errors as values, as text and as exceptions.
#include <snakebridge/error.hpp>

#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include <snakebridge/format.hpp>

namespace snakebridge::testing {

namespace {

python_error value_error() {
  python_error raised;
  raised.type = "ValueError";
  raised.module = "builtins";
  raised.message = "no";
  raised.traceback = "Traceback (most recent call last):\nValueError: no\n";
  return raised;
}

template <class Exception>
void expect_thrown(errc code) {
  const result<int> failed = tl::unexpected{error{code, "why"}};
  try {
    or_throw(failed);
    FAIL() << "nothing was thrown";
  } catch (const Exception& thrown) {
    EXPECT_EQ(typeid(thrown), typeid(Exception));
    EXPECT_EQ(thrown.error(), (error{code, "why"}));
    EXPECT_EQ(thrown.what(), std::string{to_string(code)} + ": why");
  }
}

} // namespace

TEST(Errc, GivenACodeThenItsNameIsItsOwn) {
  std::set<std::string_view> names;
  for (int code = 1; code <= static_cast<int>(errc::shutting_down); ++code)
    names.insert(to_string(static_cast<errc>(code)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(errc::shutting_down));
  EXPECT_EQ(to_string(errc::python_raised), "python_raised");
  EXPECT_EQ(to_string(errc::overloaded), "overloaded");
  EXPECT_EQ(to_string(errc::shutting_down), "shutting_down");
  EXPECT_EQ(to_string(errc{0}), "unknown");
  EXPECT_EQ(to_string(errc{255}), "unknown");
}

// The numbers go over the wire: appended only.
TEST(Errc, GivenTheFirstAndTheLastThenTheirNumbersStay) {
  EXPECT_EQ(static_cast<int>(errc::python_raised), 1);
  EXPECT_EQ(static_cast<int>(errc::interpreter_died), 14);
  EXPECT_EQ(static_cast<int>(errc::message_malformed), 21);
  EXPECT_EQ(static_cast<int>(errc::shutting_down), 29);
}

TEST(Error, GivenAPythonExceptionThenAllOfItIsThere) {
  const error failed{value_error()};
  EXPECT_EQ(failed.code(), errc::python_raised);
  EXPECT_EQ(failed.message(), "ValueError: no");
  EXPECT_TRUE(failed.may_have_run());
  ASSERT_NE(failed.python(), nullptr);
  EXPECT_EQ(failed.python()->type, "ValueError");
  EXPECT_EQ(failed.post_mortem(), nullptr);
  EXPECT_EQ(to_string(failed),
            "python_raised: ValueError: no\n"
            "Traceback (most recent call last):\nValueError: no\n");
}

TEST(Error, GivenAnExceptionWithoutAMessageThenItsTypeIsTheMessage) {
  auto raised = value_error();
  raised.message.clear();
  EXPECT_EQ(error{raised}.message(), "ValueError");
}

TEST(Error, GivenADeathThenItIsToldReadably) {
  post_mortem death;
  death.pid = 12;
  death.signal = "SIGKILL";
  death.reason = "it was late";
  death.call = "time.sleep";
  death.session = "a";
  death.interpreter = 1;
  death.epoch = 2;
  death.log_lines = {"first", "last"};
  EXPECT_EQ(to_string(death),
            "interpreter 1 (incarnation 2, pid 12) killed by SIGKILL while "
            "running time.sleep for session 'a', because it was late");
  const error failed{errc::interpreter_died, "died", death, true};
  EXPECT_TRUE(failed.may_have_run());
  ASSERT_NE(failed.post_mortem(), nullptr);
  EXPECT_EQ(to_string(failed),
            "interpreter_died: died\nits last output:\n  first\n  last");
  death.signal.clear();
  death.exit_status = 3;
  EXPECT_NE(to_string(death).find("exited with status 3"), std::string::npos);
}

TEST(Error, WhenItIsPrintedByFmtOrAStreamThenItIsTheSame) {
  const error failed{errc::overloaded, "wait"};
  std::ostringstream out;
  out << failed << " " << failed.code();
  EXPECT_EQ(out.str(), "overloaded: wait overloaded");
  EXPECT_EQ(fmt::format("{} {}", failed, failed.code()), out.str());
}

TEST(Error, WhenMayHaveRunIsSetThenOnlyTheCopyHasIt) {
  const error failed{errc::deadline_exceeded, "late"};
  EXPECT_FALSE(failed.may_have_run());
  EXPECT_TRUE(failed.with_may_have_run(true).may_have_run());
  EXPECT_FALSE(failed.may_have_run());
}

TEST(Error, GivenOneThatIsAboutToGoThenWhatItTellsIsNot) {
  const auto failed = [] {
    return result<int>{error{value_error()}.with_ml(shape_mismatch{})};
  };
  EXPECT_EQ(failed().error().python()->type, "ValueError");
  const auto raised = failed().error().python();
  EXPECT_EQ(raised->message, "no");
  const auto meaning = failed().error().ml();
  EXPECT_EQ(*meaning, ml_error{shape_mismatch{}});
  post_mortem last_words;
  last_words.pid = 5;
  const auto death =
    error{errc::interpreter_died, "died", last_words, true}.post_mortem();
  EXPECT_EQ(death->pid, 5);
}

// Its module is the session's, which nobody could name.
TEST(Error, GivenAClassOfASessionThenItIsNamedAsInAScript) {
  python_error raised;
  raised.mro = {"__snakebridge_session_7__.MyError",
                "__snakebridge_session_7__.make.<locals>.Base",
                "builtins.OSError", "builtins.Exception"};
  const error failed{std::move(raised)};
  EXPECT_TRUE(failed.is("MyError"));
  EXPECT_TRUE(failed.is("__main__.MyError"));
  EXPECT_TRUE(failed.is("__snakebridge_session_7__.MyError"));
  EXPECT_TRUE(failed.is("make.<locals>.Base"));
  EXPECT_TRUE(failed.is("OSError"));
  EXPECT_FALSE(failed.is("builtins.MyError"));
  EXPECT_FALSE(failed.is("main.MyError"));
  EXPECT_FALSE(failed.is("Base"));
  EXPECT_FALSE(failed.is("IOError")) << "an alias has no name of its own";
}

TEST(OrThrow, GivenAValueThenItIsReturned) {
  EXPECT_EQ(or_throw(result<int>{5}), 5);
  EXPECT_NO_THROW(or_throw(result<void>{}));
  const auto moved =
    or_throw(result<std::unique_ptr<int>>{std::make_unique<int>(1)});
  EXPECT_EQ(*moved, 1);
}

TEST(OrThrow, GivenAnErrorThenItsFamilyHasItsException) {
  expect_thrown<python_exception>(errc::python_raised);
  expect_thrown<ref_not_found_error>(errc::ref_stale);
  expect_thrown<ref_not_found_error>(errc::ref_released);
  expect_thrown<session_mismatch_error>(errc::ref_foreign);
  expect_thrown<invalid_ref_error>(errc::ref_invalid);
  expect_thrown<exception>(errc::overloaded);
  expect_thrown<exception>(errc::deadline_exceeded);
}

TEST(OrThrow, WhenTheExceptionIsCopiedThenItSharesTheError) {
  try {
    or_throw(result<void>{tl::unexpected{error{value_error()}}});
    FAIL() << "nothing was thrown";
  } catch (const python_exception& thrown) {
    const auto copy = thrown; // NOLINT: the copy is what is tested
    EXPECT_EQ(copy.error().python(), thrown.error().python());
    EXPECT_EQ(std::string{copy.what()}, thrown.what());
  }
}

} // namespace snakebridge::testing
