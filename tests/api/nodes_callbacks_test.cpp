// C++ of one node that Python on another calls.
#include "tests/api/python_fixture.hpp"

#include "tests/runtime/node/relay.hpp"

#include <future>

namespace snakebridge::testing {

namespace {

using namespace sb::literals;
using ::testing::HasSubstr;

sb::config node_of(const std::string& name) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.node = {.name = name, .heartbeat_limit = 10s};
  wanted.timeout = 20s;
  return wanted;
}

} // namespace

class NodesCallbacks : public ::testing::Test {
protected:
  NodesCallbacks() {
    auto listens = node_of("owner");
    listens.node.listen = "127.0.0.1:0";
    owner.emplace(listens);
    way.emplace(owner->node_address());
    auto joins = node_of("other");
    joins.cluster.join = {way->address()};
    other.emplace(joins);
    EXPECT_TRUE(eventually([&] { return other->nodes().has_value(); }));
    there.emplace(open(*other));
  }
  static sb::session open(const sb::bridge& on) {
    return on.open_session({.id = "shared", .scope = sb::scope::cluster});
  }
  /// Python has it until it clears that list.
  void keep(const sb::callback& it) const {
    ASSERT_TRUE(there->exec("kept = []"));
    const auto append = sb::or_throw(there->eval("kept.append"));
    ASSERT_TRUE(there->call_object(append, it));
  }

  std::optional<sb::bridge> owner;
  std::optional<relay> way;
  std::optional<sb::bridge> other;
  std::optional<sb::session> there; ///< on the other node, of the owner's
};

TEST_F(NodesCallbacks, WhenPythonThereCallsItThenItRunsHere) {
  std::vector<sb::value> given;
  std::vector<std::thread::id> where;
  const sb::callback scaled{[&](const sb::value& of, int by) {
                              given.push_back(of);
                              return sb::list{of, by};
                            },
                            "of"_a, "by"_a = 2};
  EXPECT_EQ(
    there->eval("[f('a'), g([1, None], by=5)]", {{"f", scaled}, {"g", scaled}}),
    (sb::value{sb::list{sb::list{"a", 2}, sb::list{sb::list{1, nullptr}, 5}}}));
  EXPECT_EQ(given, (std::vector<sb::value>{"a", sb::list{1, nullptr}}));
  EXPECT_EQ(there->async().eval("f(of=7)", {{"f", scaled}}).get(),
            (sb::value{sb::list{7, 2}}));
}

TEST_F(NodesCallbacks, WhenItThrowsThenPythonThereCatchesIt) {
  ASSERT_TRUE(there->exec("import snakebridge\n"
                          "def told(f, *given):\n"
                          "    try:\n"
                          "        return f(*given)\n"
                          "    except snakebridge.CallbackError as error:\n"
                          "        return [error.type, str(error)]\n"));
  const sb::callback fails{
    [](int) -> int { throw std::out_of_range{"no such thing"}; }};
  EXPECT_EQ(there->eval("told(f, 1)", {{"f", fails}}),
            (sb::value{sb::list{"std::out_of_range", "no such thing"}}));
  const auto uncaught = error_of(there->eval("f(1)", {{"f", fails}}));
  ASSERT_NE(uncaught.python(), nullptr);
  EXPECT_EQ(uncaught.python()->type, "CallbackError");
  EXPECT_EQ(uncaught.python()->module, "snakebridge");
  EXPECT_THAT(uncaught.python()->message, HasSubstr("no such thing"));
  const auto unfit = error_of(there->eval("f('x')", {{"f", fails}}));
  ASSERT_NE(unfit.python(), nullptr);
  EXPECT_EQ(unfit.python()->type, "TypeError");
}

// The one executor there waits for it.
TEST_F(NodesCallbacks, WhenItCallsItsSessionThenThatRunsInsideTheCall) {
  ASSERT_TRUE(there->exec("x = 20"));
  std::vector<sb::result<sb::value>> told;
  const sb::callback asks{[&](int more) {
    told.push_back(there->eval("x + more", {{"more", more}}));
    told.push_back(other->eval("x"));
    told.push_back(there->eval("1 / 0"));
    told.push_back(there->async().eval("x * 2").get());
    return sb::or_throw(told.at(0));
  }};
  EXPECT_EQ(there->eval("f(1) + x", {{"f", asks}}), sb::value{41});
  ASSERT_EQ(told.size(), 4U);
  EXPECT_EQ(told[1], sb::value{20}); // of the session it is called from
  EXPECT_EQ(code_of(told[2]), sb::errc::python_raised);
  EXPECT_EQ(told[3], sb::value{40});
}

// The thread there that waits for the one does the other.
TEST_F(NodesCallbacks, WhenOneOfItsCallsWaitsForAnotherThenBothAnswer) {
  std::promise<sb::future<sb::value>> made;
  const sb::callback waits{
    [&] { return sb::or_throw(made.get_future().get().get()); }};
  const sb::callback asks{[&] {
    auto first = there->async().eval("f()", {{"f", waits}});
    made.set_value(there->async().eval("40 + 2"));
    return sb::or_throw(first.get());
  }};
  EXPECT_EQ(there->eval("f()", {{"f", asks}}), sb::value{42});
}

// However deep: with no more threads than one level needs.
TEST_F(NodesCallbacks, WhenItIsCalledInsideItselfThenEachLevelAnswers) {
  std::function<int(int)> sum;
  const sb::callback summed{[&](int to) { return sum(to); }};
  sum = [&](int to) {
    return to == 0 ? 0
                   : to
                       + there->eval("f(to)", {{"f", summed}, {"to", to - 1}})
                           ->as<int>();
  };
  EXPECT_EQ(there->eval("f(50)", {{"f", summed}}), sb::value{1275});
}

TEST_F(NodesCallbacks, WhenManyThreadsAreCalledBackThenEachRunsOnItsOwn) {
  constexpr int threads = 6;
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> callers;
    for (int at = 0; at < threads; ++at)
      callers.emplace_back([&] {
        const auto me = std::this_thread::get_id();
        const sb::callback mine{
          [&] { return std::this_thread::get_id() == me; }};
        if (there->eval("f()", {{"f", mine}}) == sb::value{true})
          ++right;
      });
  }
  EXPECT_EQ(right, threads);
}

TEST_F(NodesCallbacks, GivenObjectsThenTheyCrossBothWays) {
  ASSERT_TRUE(there->exec("class Thing: pass"));
  const sb::callback same{[](const sb::ref& it) { return it; }};
  EXPECT_EQ(
    there->eval("(lambda thing: f(thing) is thing)(Thing())", {{"f", same}}),
    sb::value{true});
  const auto foreign = or_throw(other->call("pathlib", "Path", "x"));
  const sb::callback wrong{[&] { return foreign; }};
  const auto failed = error_of(there->eval("f()", {{"f", wrong}}));
  ASSERT_NE(failed.python(), nullptr);
  EXPECT_THAT(failed.python()->message, HasSubstr("only objects of"));
}

TEST_F(NodesCallbacks, WhenTheCallIsLateThenTheCallbackHasNoMoreTime) {
  std::promise<sb::errc> inner;
  const sb::callback slow{[&] {
    inner.set_value(code_of(
      there->with({.timeout = 20s}).exec("import time\ntime.sleep(1000)")));
  }};
  EXPECT_EQ(code_of(there->with({.timeout = 500ms}).eval("f()", {{"f", slow}})),
            sb::errc::deadline_exceeded);
  auto told = inner.get_future();
  ASSERT_EQ(told.wait_for(patience), std::future_status::ready);
  const auto code = told.get();
  EXPECT_TRUE(code == sb::errc::deadline_exceeded
              || code == sb::errc::cancelled);
  EXPECT_EQ(there->eval("1"), sb::value{1});
}

TEST_F(NodesCallbacks, WhenPythonLetsItGoThenItIsDestroyedHere) {
  const auto captured = std::make_shared<int>(2);
  const auto here = open(*owner);
  keep(sb::callback{[captured] { return *captured; }});
  // In another call of it, and of another client.
  EXPECT_EQ(there->eval("kept[0]()"), sb::value{2});
  EXPECT_EQ(here.eval("kept[0]()"), sb::value{2});
  EXPECT_EQ(captured.use_count(), 2);
  ASSERT_TRUE(here.exec("kept.clear()"));
  EXPECT_TRUE(eventually([&] { return captured.use_count() == 1; }));
}

TEST_F(NodesCallbacks, WhenItsProgramHasLeftThenPythonIsToldSo) {
  const auto here = open(*owner);
  keep(sb::callback{[] { return 1; }});
  EXPECT_EQ(here.eval("kept[0]()"), sb::value{1});
  there.reset();
  EXPECT_TRUE(eventually([&] {
    const auto gone = here.eval("kept[0]()");
    return !gone && gone.error().python() != nullptr
           && gone.error().python()->message.find("left the session")
                != std::string::npos;
  }));
}

TEST_F(NodesCallbacks, WhenTheLinkDiesMeanwhileThenPythonIsNotLeftWaiting) {
  const auto here = open(*owner);
  ASSERT_TRUE(here.exec("seen = []\n"
                        "def wait(f):\n"
                        "    seen.append('before')\n"
                        "    f()\n"
                        "    seen.append('after')\n"));
  std::promise<void> began, ends;
  const sb::callback waits{[&, until = ends.get_future().share()] {
    began.set_value();
    until.wait_for(patience);
  }};
  auto call = there->async().eval("wait(f)", {{"f", waits}});
  ASSERT_EQ(began.get_future().wait_for(patience), std::future_status::ready);
  way.reset();
  EXPECT_EQ(code_of(call.get()), sb::errc::node_down);
  // On the executor that has waited for it.
  EXPECT_EQ(here.eval("seen"), (sb::value{sb::list{"before"}}));
  ends.set_value();
}

} // namespace snakebridge::testing
