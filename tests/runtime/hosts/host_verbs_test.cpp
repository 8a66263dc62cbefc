// What each verb does, on both hosts; sessions, their namespaces and objects.
#include "tests/runtime/hosts/conformance.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace snakebridge::testing {

TEST_P(HostVerbs, WhenAFunctionIsCalledThenItAnswersItsResult) {
  EXPECT_EQ(repr(value_of(call("math", "sqrt", 16))), "4.0");
  EXPECT_EQ(value_of(call("os.path", "join", "/tmp", "x")), value{"/tmp/x"});
  EXPECT_EQ(value_of(call("builtins", "print")), value{});
}

TEST_P(HostVerbs, GivenADottedFunctionThenItIsFoundInItsClass) {
  EXPECT_EQ(value_of(call("builtins", "dict.fromkeys", list{1}, 2)),
            (value{dict{{1, 2}}}));
  EXPECT_EQ(value_of(call("pathlib", "PurePosixPath.is_absolute",
                          value_of(call("pathlib", "PurePosixPath", "/")))),
            value{true});
  release_all();
}

TEST_P(HostVerbs, GivenKeywordArgumentsThenTheyArriveByName) {
  EXPECT_EQ(value_of(call("builtins", "round", 3.14159, "ndigits"_a = 2)),
            value{3.14});
  EXPECT_EQ(value_of(call("builtins", "dict", "b"_a = 1, "a"_a = none)),
            (value{dict{{"b", 1}, {"a", none}}}));
  const std::map<std::string, value> named{{"key", none}};
  EXPECT_EQ(value_of(call("builtins", "max", args_of(std::vector{1, 3, 2}),
                          kwargs_of(named))),
            value{3});
}

TEST_P(HostVerbs, GivenAKeywordTwiceThenItIsPythonsTypeError) {
  const auto refused =
    raised_by(call("builtins", "dict", "a"_a = 1, "a"_a = 2));
  EXPECT_EQ(refused.type, "TypeError");
  EXPECT_EQ(refused.message, "got multiple values for keyword argument 'a'");
}

TEST_P(HostVerbs, WhenAnAttributeOfAModuleIsReadThenItIsItsValue) {
  const auto get = [&](const char* module, const char* name) {
    return session->run(asking(verb::get, module, name));
  };
  EXPECT_EQ(value_of(get("math", "pi")), value{3.141592653589793});
  EXPECT_EQ(value_of(get("os.path", "sep")), value{"/"});
  EXPECT_EQ(value_of(get("sys", "version_info.major")), value{3});
}

TEST_P(HostVerbs, GivenNoSuchModuleOrNameThenPythonSaysSo) {
  const auto module = raised_by(call("no_such_module", "f"));
  EXPECT_EQ(module.type, "ModuleNotFoundError");
  EXPECT_EQ(module.message, "No module named 'no_such_module'");
  const auto name = raised_by(call("math", "no_such_name"));
  EXPECT_EQ(name.type, "AttributeError");
  EXPECT_EQ(name.message, "module 'math' has no attribute 'no_such_name'");
  EXPECT_EQ(raised_by(call("math", "sqrt.no_such", 1)).type, "AttributeError");
  EXPECT_EQ(raised_by(call("", "f")).type, "ValueError");
}

TEST_P(HostVerbs, WhenAnObjectIsUsedThenEachVerbDoesWhatPythonWould) {
  exec("class thing:\n"
       "  def __init__(self): self.items = {}\n"
       "  def add(self, a, b=1): return a + b\n"
       "  def __getitem__(self, key): return self.items[key]\n"
       "  def __setitem__(self, key, item): self.items[key] = item\n"
       "  def __call__(self, *args, **named): return [list(args), named]\n"
       "  def __repr__(self): return 'thing()'\n"
       "  def __str__(self): return 'a thing'\n"
       "  def __len__(self): return len(self.items)");
  const auto thing = value_of(eval("thing()"));
  auto& s = *session;
  EXPECT_EQ(value_of(s.method(thing, "add", 1, "b"_a = 2)), value{3});
  EXPECT_EQ(value_of(s.on(verb::set_item, thing, tuple{1}, "x")), value{});
  EXPECT_EQ(value_of(s.on(verb::item, thing, tuple{1})), value{"x"});
  EXPECT_EQ(value_of(s.on(verb::length, thing)), value{1});
  EXPECT_EQ(value_of(s.on(verb::call_object, thing, 1, "k"_a = 2)),
            (value{list{list{1}, dict{{"k", 2}}}}));
  EXPECT_EQ(value_of(s.on(verb::repr, thing)), value{"thing()"});
  EXPECT_EQ(value_of(s.on(verb::str, thing)), value{"a thing"});
  EXPECT_EQ(
    value_of(s.run(asking_of(verb::set_attribute, thing, "x", list{1}))),
    value{});
  EXPECT_EQ(value_of(s.run(asking_of(verb::attribute, thing, "x"))),
            (value{list{1}}));
  EXPECT_EQ(
    value_of(s.run(asking_of(verb::attribute, thing, "__class__.__name__"))),
    value{"thing"});
  EXPECT_EQ(raised_by(s.on(verb::item, thing, "gone")).type, "KeyError");
  EXPECT_EQ(live_objects(), 1u);
  release_all();
}

TEST_P(HostVerbs, WhenAnObjectIsReleasedTwiceThenTheSecondIsANoOp) {
  const auto made = value_of(eval("object()"));
  EXPECT_EQ(live_objects(), 1u);
  EXPECT_EQ(value_of(session->release(made)), value{true});
  EXPECT_EQ(live_objects(), 0u);
  EXPECT_EQ(value_of(session->release(made)), value{false});
  EXPECT_EQ(code_of(session->on(verb::repr, made)), errc::ref_released);
  EXPECT_EQ(code_of(eval("x", "x"_a = list{made})), errc::ref_released);
}

TEST_P(HostVerbs, WhenAllOfASessionIsReleasedThenItsObjectsAreCounted) {
  ASSERT_TRUE(eval("[object() for i in range(5)]"));
  EXPECT_EQ(live_objects(), 5u);
  EXPECT_EQ(release_all(), value{5});
  EXPECT_EQ(release_all(), value{0});
  EXPECT_EQ(live_objects(), 0u);
}

TEST_P(HostVerbs, WhenASlotWasReleasedThenNoNewObjectGetsIt) {
  const auto first = value_of(eval("object()")).as<ref>();
  EXPECT_TRUE(session->release(first));
  const auto second = value_of(eval("object()")).as<ref>();
  EXPECT_GT(second.slot, first.slot);
  EXPECT_EQ(code_of(session->on(verb::repr, first)), errc::ref_released);
  release_all();
}

TEST_P(HostVerbs, GivenTheRefOfAnotherSessionThenItIsNotFound) {
  auto other = interpreter.open("b");
  const auto theirs = value_of(other.eval("object()"));
  EXPECT_EQ(code_of(session->on(verb::repr, theirs)), errc::ref_released);
  EXPECT_EQ(value_of(session->release(theirs)), value{false});
  EXPECT_TRUE(other.on(verb::repr, theirs));
}

TEST_P(HostVerbs, WhenASessionEndsThenOnlyItsOwnObjectsAreFreed) {
  auto other = interpreter.open("b");
  value_of(other.eval("[object(), object()]"));
  const auto mine = value_of(eval("object()"));
  other.close();
  EXPECT_TRUE(eventually([&] { return live_objects() == 1; }));
  EXPECT_TRUE(session->on(verb::repr, mine));
  EXPECT_EQ(code_of(other.eval("1")), errc::session_closed);
  release_all();
}

TEST_P(HostVerbs, WhenItEndsDuringACallThenWhatThatMakesIsFreedToo) {
  auto other = interpreter.open("b");
  // The call is running when its session ends: it waits for a file.
  const auto gate = ::testing::TempDir() + "gate_of_"
                    + placement_name(::testing::TestParamInfo{GetParam(), 0})
                    + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  auto made = other.submit(asking(
    verb::evaluate, {}, "(open(path).read(), [object() for i in range(3)])[1]",
    "path"_a = gate));
  const int open_gate = ::open(gate.c_str(), O_WRONLY); // until it reads
  other.close();
  ::close(open_gate);
  const auto outcome = answer_of(made);
  EXPECT_TRUE(outcome || outcome.error().code() == errc::session_closed);
  EXPECT_TRUE(interpreter.ends_empty());
  ::unlink(gate.c_str());
}

TEST_P(HostVerbs, WhenASessionExecutesThenItsNamesStayAndAreItsOwn) {
  auto other = interpreter.open("b");
  exec("import math\ndef f(x): return math.sqrt(x)");
  exec("n = f(y)", "y"_a = 4);
  EXPECT_EQ(repr(value_of(eval("n"))), "2.0");
  EXPECT_EQ(value_of(eval("y")), value{4}) << "variables of exec stay";
  EXPECT_EQ(raised_by(other.eval("n")).type, "NameError");
}

TEST_P(HostVerbs, WhenAnExpressionHasVariablesThenTheyDoNotStay) {
  exec("x = 'mine'");
  EXPECT_EQ(value_of(eval("x * 2", "x"_a = 21)), value{42});
  EXPECT_EQ(value_of(eval("x")), value{"mine"});
  EXPECT_EQ(value_of(eval("[i + y for i in (1, 2)]", "y"_a = 1)),
            (value{list{2, 3}}));
  EXPECT_EQ(raised_by(eval("y")).type, "NameError");
}

TEST_P(HostVerbs, WhenASessionEndsThenItsNamespaceIsFreed) {
  auto other = interpreter.open("b");
  value_of(other.exec("import builtins\n"
                      "class traced:\n"
                      "  def __del__(self, b=builtins): b.traced_gone = True\n"
                      "def f(): return g\n"
                      "g = traced()"));
  other.close();
  EXPECT_TRUE(eventually([&] {
    return eval("hasattr(__import__('builtins'), 'traced_gone')")
           == value{true};
  }));
  EXPECT_TRUE(eval("delattr(__import__('builtins'), 'traced_gone')"));
}

TEST_P(HostVerbs, GivenADeadlineThatHasPassedThenTheCallNeverRuns) {
  const auto late =
    session->run(asking(verb::execute, {}, "ran = True"), passed());
  EXPECT_EQ(code_of(late), errc::deadline_exceeded);
  EXPECT_FALSE(late.error().may_have_run());
  auto unwaited =
    session->submit(asking(verb::execute, {}, "ran = True"), passed());
  const auto answered = answer_of(unwaited);
  // It may say that it may have run: a worker says "started" before it looks at
  // the clock. That it did not is what counts.
  EXPECT_EQ(code_of(answered), errc::deadline_exceeded);
  EXPECT_EQ(raised_by(eval("ran")).type, "NameError");
}

TEST_P(HostVerbs, WhenCallsAreSubmittedThenTheyRunInTheirOrder) {
  exec("seen = []");
  std::vector<promised> answers;
  for (int i = 0; i < 100; ++i)
    answers.push_back(
      session->submit(asking(verb::execute, {}, "seen.append(i)", "i"_a = i)));
  for (auto& each : answers)
    EXPECT_TRUE(answer_of(each));
  EXPECT_EQ(value_of(eval("seen == list(range(100))")), value{true});
}

TEST_P(HostVerbs, WhenItIsStoppedThenWaitingCallsSayWhy) {
  EXPECT_TRUE(interpreter.stop().asked);
  interpreter.calls().close({errc::shutting_down, "the bridge is stopping"});
  EXPECT_EQ(code_of(eval("1")), errc::shutting_down);
}

TEST_P(HostVerbs, WhenTheNextIncarnationServesThenOldRefsAreStale) {
  const auto old = value_of(eval("object()"));
  interpreter.stop();
  ASSERT_TRUE(interpreter.start_and_wait());
  EXPECT_EQ(code_of(session->on(verb::repr, old)), errc::ref_stale);
  const auto made = value_of(eval("object()"));
  EXPECT_EQ(made.as<ref>().epoch, 2u);
  EXPECT_TRUE(session->on(verb::repr, made));
  release_all();
}

INSTANTIATE_TEST_SUITE_P(Both, HostVerbs, both_placements, placement_name);

} // namespace snakebridge::testing
