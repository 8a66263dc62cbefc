// All of what hangs on an exception, told by both hosts: its chain, its notes,
// the members of a group, and the object itself for who asks to keep it.
#include "tests/runtime/hosts/conformance.hpp"

#include <gmock/gmock.h>

namespace snakebridge::testing {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Pair;

class HostExceptions : public conformance {
protected:
  /// What `f()` raises, of the code that defines it.
  python_error raised_of(const std::string& code) {
    exec(code);
    return raised_by(eval("f()"));
  }
  /// The same, with its object kept.
  python_error kept_of(const std::string& code) {
    exec(code);
    auto asked = asking(verb::evaluate, {}, "f()");
    asked.keep_exception = true;
    return raised_by(session->run(std::move(asked)));
  }

  static std::size_t count(const python_error& told) {
    std::size_t sum = 1;
    if (told.cause)
      sum += count(*told.cause);
    if (told.context && told.context != told.cause)
      sum += count(*told.context);
    for (const auto& member : told.exceptions)
      sum += count(member);
    return sum;
  }
};

TEST_P(HostExceptions, GivenRaiseFromNoneThenTheContextIsToldAsSuppressed) {
  const auto raised =
    raised_of("def f():\n"
              "  try: 1 / 0\n"
              "  except Exception: raise ValueError('outer') from None");
  EXPECT_TRUE(raised.suppress_context);
  EXPECT_FALSE(raised.cause);
  ASSERT_TRUE(raised.context);
  EXPECT_EQ(raised.context->type, "ZeroDivisionError");
  EXPECT_FALSE(raised.context->suppress_context);
  EXPECT_THAT(raised.traceback, ::testing::Not(HasSubstr("ZeroDivision")));
}

TEST_P(HostExceptions, GivenACauseAndAnotherContextThenBothAreTold) {
  const auto raised =
    raised_of("def f():\n"
              "  try: 1 / 0\n"
              "  except Exception: raise ValueError('v') from KeyError('k')");
  EXPECT_TRUE(raised.suppress_context);
  ASSERT_TRUE(raised.cause && raised.context);
  EXPECT_EQ(raised.cause->type, "KeyError");
  EXPECT_EQ(raised.context->type, "ZeroDivisionError");
}

TEST_P(HostExceptions, GivenAGroupThenItsMembersAreToldInFull) {
  const auto raised =
    raised_of("def f():\n"
              "  e = ValueError('first')\n"
              "  e.add_note('of the first')\n"
              "  g = ExceptionGroup('some', [e, ExceptionGroup('inner', "
              "[KeyError('k')])])\n"
              "  g.add_note('of the group')\n"
              "  raise g");
  EXPECT_EQ(raised.type, "ExceptionGroup");
  EXPECT_EQ(raised.message, "some (2 sub-exceptions)");
  EXPECT_THAT(raised.notes, ElementsAre("of the group"));
  ASSERT_EQ(raised.exceptions.size(), 2U);
  EXPECT_EQ(raised.exceptions[0].type, "ValueError");
  EXPECT_THAT(raised.exceptions[0].notes, ElementsAre("of the first"));
  EXPECT_EQ(raised.exceptions[1].type, "ExceptionGroup");
  ASSERT_EQ(raised.exceptions[1].exceptions.size(), 1U);
  EXPECT_EQ(raised.exceptions[1].exceptions[0].message, "'k'");
  EXPECT_THAT(raised.traceback, HasSubstr("ValueError: first\n"));
  EXPECT_THAT(raised.traceback, HasSubstr("KeyError: 'k'"));
}

TEST_P(HostExceptions, GivenABaseExceptionGroupThenItsMembersAreTold) {
  const auto raised = raised_of(
    "def f(): raise BaseExceptionGroup('some', [KeyboardInterrupt('ctrl c')])");
  EXPECT_EQ(raised.type, "BaseExceptionGroup");
  ASSERT_EQ(raised.exceptions.size(), 1U);
  EXPECT_EQ(raised.exceptions[0].type, "KeyboardInterrupt");
  EXPECT_THAT(raised.mro, ::testing::Contains("builtins.BaseExceptionGroup"));
}

TEST_P(HostExceptions, GivenAGroupInACauseThenItsMembersAndCausesAreTold) {
  const auto raised =
    raised_of("def f():\n"
              "  try:\n"
              "    try: 1 / 0\n"
              "    except Exception as e:\n"
              "      k = KeyError('k')\n"
              "      k.__cause__ = e\n"
              "      raise ExceptionGroup('several', [k, OSError('o')])\n"
              "  except ExceptionGroup as g: raise ValueError('outer') from g");
  ASSERT_TRUE(raised.cause);
  EXPECT_EQ(raised.context, raised.cause);
  ASSERT_EQ(raised.cause->exceptions.size(), 2U);
  const auto& first = raised.cause->exceptions[0];
  EXPECT_EQ(first.type, "KeyError");
  ASSERT_TRUE(first.cause);
  EXPECT_EQ(first.cause->type, "ZeroDivisionError");
  EXPECT_EQ(raised.cause->exceptions[1].type, "OSError");
}

TEST_P(HostExceptions, GivenALargeGroupThenItsFirstMembersAreTold) {
  const auto raised = raised_of(
    "def f(): raise ExceptionGroup('g', [ValueError(i) for i in range(1000)])");
  EXPECT_EQ(raised.message, "g (1000 sub-exceptions)");
  ASSERT_EQ(raised.exceptions.size(), limits::exception_chain_max - 1);
  EXPECT_EQ(raised.exceptions.back().message,
            std::to_string(limits::exception_chain_max - 2));
}

TEST_P(HostExceptions, GivenALongChainBesideAGroupThenAllMembersAreTold) {
  const auto raised =
    raised_of("def chain(n):\n"
              "  e = ValueError(n)\n"
              "  if n: e.__cause__ = chain(n - 1)\n"
              "  return e\n"
              "def f():\n"
              "  g = ExceptionGroup('g', [KeyError(1), KeyError(2)])\n"
              "  raise g from chain(100)");
  EXPECT_EQ(count(raised), limits::exception_chain_max);
  EXPECT_EQ(raised.exceptions.size(), 2U);
}

// Python lets nobody build one; a subclass can say that it is.
TEST_P(HostExceptions, GivenAGroupThatSaysItContainsItselfThenItEnds) {
  const auto raised = raised_of("class loop(ExceptionGroup):\n"
                                "  @property\n"
                                "  def exceptions(self): return (self, self)\n"
                                "def f(): raise loop('g', [ValueError()])");
  EXPECT_EQ(raised.type, "loop");
  EXPECT_LE(count(raised), limits::exception_chain_max);
  EXPECT_THAT(raised.traceback, HasSubstr("in f\n"));
  EXPECT_THAT(raised.traceback, EndsWith("loop: g (1 sub-exception)\n"));
}

// Python's traceback module would go through 2^40 of them.
TEST_P(HostExceptions, GivenGroupsThatShareTheirMembersThenItEnds) {
  const auto raised = raised_of("def f():\n"
                                "  g = ValueError('v')\n"
                                "  for i in range(40):\n"
                                "    g = ExceptionGroup('g', [g, g])\n"
                                "  raise g");
  EXPECT_EQ(count(raised), limits::exception_chain_max);
  EXPECT_THAT(raised.traceback, EndsWith("ExceptionGroup: g (2 "
                                         "sub-exceptions)\n"));
}

TEST_P(HostExceptions, GivenAGroupWhoseMembersLieThenTheRestIsTold) {
  exec("class odd(ExceptionGroup):\n"
       "  @property\n"
       "  def exceptions(self): return self.members\n"
       "class sour(ExceptionGroup):\n"
       "  @property\n"
       "  def exceptions(self): raise RuntimeError('no')\n"
       "class cut(ExceptionGroup):\n"
       "  @property\n"
       "  def exceptions(self):\n"
       "    yield KeyError('k')\n"
       "    raise RuntimeError('no')\n"
       "def g(kind, members=()):\n"
       "  e = kind('g', [ValueError()])\n"
       "  e.members = members\n"
       "  raise e");
  EXPECT_THAT(raised_by(eval("g(odd, 5)")).exceptions, IsEmpty());
  const auto sour = raised_by(eval("g(sour)"));
  EXPECT_THAT(sour.exceptions, IsEmpty());
  EXPECT_THAT(sour.traceback, EndsWith("sour: g (1 sub-exception)\n"));
  EXPECT_EQ(raised_by(eval("g(cut)")).type, "cut");
  const auto mixed = raised_by(eval("g(odd, ['text', KeyError('k'), None])"));
  ASSERT_EQ(mixed.exceptions.size(), 1U);
  EXPECT_EQ(mixed.exceptions[0].type, "KeyError");
}

TEST_P(HostExceptions, GivenMembersThatCannotBeToldThenTheirTypesAre) {
  const auto raised =
    raised_of("class sly(Exception):\n"
              "  def __str__(self): raise RuntimeError('no')\n"
              "  __repr__ = __str__\n"
              "class surrogate(Exception):\n"
              "  def __str__(self): return '\\ud800'\n"
              "def f():\n"
              "  raise ExceptionGroup('\\udfff', [sly(), surrogate()]) from "
              "sly()");
  EXPECT_EQ(raised.message, "\\udfff (2 sub-exceptions)");
  ASSERT_TRUE(raised.cause);
  EXPECT_EQ(raised.cause->type, "sly");
  ASSERT_EQ(raised.exceptions.size(), 2U);
  EXPECT_EQ(raised.exceptions[0].type, "sly");
  EXPECT_EQ(raised.exceptions[1].message, "\\ud800");
}

TEST_P(HostExceptions, GivenATypeWithManyBasesThenTheyAreCut) {
  const auto raised = raised_of("def f():\n"
                                "  kind = Exception\n"
                                "  for i in range(500):\n"
                                "    kind = type(f'e{i}', (kind,), {})\n"
                                "  raise kind()");
  EXPECT_EQ(raised.mro.size(), limits::exception_bases_max);
}

// Looking at an attribute may do anything: only those of NumPy's are.
TEST_P(HostExceptions, GivenANamesakeOfAKnownTypeThenNothingOfItIsAsked) {
  const auto raised = raised_of("class AxisError(Exception):\n"
                                "  @property\n"
                                "  def axis(self): return 'asked'\n"
                                "def f(): raise AxisError()");
  EXPECT_THAT(raised.facts, IsEmpty());
}

TEST_P(HostExceptions, GivenAKnownTypeThenItsFactsAreToldAndCut) {
  exec("class AxisError(ValueError):\n"
       "  axis = 'x' * 10_000\n"
       "  @property\n"
       "  def ndim(self): raise RuntimeError('no')\n"
       "AxisError.__module__ = 'numpy'\n"
       "class mine(AxisError): pass\n"
       "def f(kind): raise kind()");
  const std::string cut(limits::exception_fact_bytes_max, 'x');
  EXPECT_THAT(raised_by(eval("f(AxisError)")).facts,
              ElementsAre(Pair("axis", cut)));
  EXPECT_THAT(raised_by(eval("f(mine)")).facts, ElementsAre(Pair("axis", cut)));
}

TEST_P(HostExceptions, WhenNobodyAsksThenNoObjectIsKept) {
  const auto raised = raised_of("def f(): raise ValueError('v')");
  EXPECT_FALSE(raised.object);
  EXPECT_EQ(live_objects(), 0U);
}

TEST_P(HostExceptions, WhenAskedThenTheObjectIsKeptAsAnyOther) {
  const auto raised = kept_of("class outer:\n"
                              "  class error(Exception): pass\n"
                              "def f(): raise outer.error('v', 5) from "
                              "KeyError()");
  ASSERT_TRUE(raised.object);
  EXPECT_EQ(live_objects(), 1U);
  EXPECT_EQ(raised.object->session, "a");
  EXPECT_EQ(raised.object->interpreter, 7U);
  EXPECT_EQ(raised.object->epoch, 1U);
  EXPECT_THAT(raised.object->type_name,
              MatchesRegex("__snakebridge_session_[0-9]+__\\.outer\\.error"));
  ASSERT_TRUE(raised.cause);
  EXPECT_FALSE(raised.cause->object);
  const auto args =
    session->run(asking_of(verb::attribute, value{*raised.object}, "args"));
  EXPECT_EQ(value_of(args), (value{tuple{"v", 5}}));
  EXPECT_EQ(value_of(session->release(*raised.object)), value{true});
  EXPECT_EQ(live_objects(), 0U);
}

TEST_P(HostExceptions, WhenItsSessionEndsThenTheKeptObjectIsFreed) {
  EXPECT_EQ(kept_of("def f(): return 1 / 0").object->type_name,
            "ZeroDivisionError");
  EXPECT_EQ(live_objects(), 1U);
  EXPECT_EQ(release_all(), value{1});
}

TEST_P(HostExceptions, WhenACallThatKeepsSucceedsThenNothingIsKept) {
  auto asked = asking(verb::evaluate, {}, "1 + 1");
  asked.keep_exception = true;
  EXPECT_EQ(value_of(session->run(std::move(asked))), value{2});
  EXPECT_EQ(live_objects(), 0U);
}

// Raised by us in Python's name, and found missing before Python is asked.
TEST_P(HostExceptions, WhenTheCallIsRefusedThenOnlyAnExceptionIsKept) {
  auto twice = asking(verb::call, "builtins", "dict", "a"_a = 1, "a"_a = 2);
  twice.keep_exception = true;
  const auto raised = raised_by(session->run(std::move(twice)));
  ASSERT_TRUE(raised.object);
  EXPECT_EQ(raised.object->type_name, "TypeError");
  EXPECT_EQ(value_of(session->release(*raised.object)), value{true});
  auto missing = asking_of(verb::attribute, value{*raised.object}, "args");
  missing.keep_exception = true;
  EXPECT_EQ(code_of(session->run(std::move(missing))), errc::ref_released);
  EXPECT_EQ(live_objects(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Both, HostExceptions, both_placements, placement_name);

} // namespace snakebridge::testing
