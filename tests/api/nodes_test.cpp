// Bridges of one process as nodes of a cluster: a session that is opened on one
// is the same on all, and what ends, wherever it is, releases what it owned.
#include "tests/api/gate.hpp"
#include "tests/api/node_of.hpp"

#include "tests/runtime/node/relay.hpp"
#include "tests/support/program.hpp"

#include <csignal>
#include <future>
#include <optional>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <snakebridge/actors.hpp>

namespace snakebridge::testing {

namespace {

using ::testing::HasSubstr;

std::string address_of(const sb::bridge& of, const std::string& name) {
  const auto nodes = or_throw(of.nodes());
  for (const auto& each : nodes)
    if (each.name == name)
      return each.address;
  throw std::logic_error{"there is no such node"};
}

// A directory, and nodes that join it.
class Nodes : public ::testing::Test {
protected:
  Nodes() : owner{std::make_unique<sb::bridge>(node_of("owner"))} {}

  std::unique_ptr<sb::bridge>
  join(const std::string& name, bool listens = false,
       std::chrono::milliseconds heartbeat_limit = 3s) {
    auto wanted = node_of(name);
    wanted.node.heartbeat_limit = heartbeat_limit;
    if (!listens)
      wanted.node.listen.clear();
    wanted.cluster.join = {address_of(*owner, "owner")};
    auto joined = std::make_unique<sb::bridge>(wanted);
    EXPECT_TRUE(eventually([&] { return joined->nodes().has_value(); }));
    return joined;
  }

  static sb::session open(const sb::bridge& on, const std::string& at = {},
                          const std::string& id = "shared") {
    return on.open_session({.id = id, .scope = sb::scope::cluster, .at = at});
  }

  /// Of the node of that name, as the directory knows it.
  sb::node_facts facts_of(const std::string& name) const {
    const auto nodes = or_throw(owner->nodes());
    for (const auto& each : nodes)
      if (each.name == name)
        return each;
    return {};
  }

  std::unique_ptr<sb::bridge> owner;
};

sb::errc code_of_open(const sb::bridge& on, const sb::session_options& wanted,
                      std::string* told = nullptr) {
  const auto opened = sb::attempt([&] { return on.open_session(wanted); });
  if (opened)
    throw std::logic_error{"it was opened"};
  if (told != nullptr)
    *told = opened.error().message();
  return opened.error().code();
}

} // namespace

TEST_F(Nodes, WhenOneJoinsThenBothAreThere) {
  const auto other = join("other");
  const auto nodes = or_throw(other->nodes());
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[0].name, "other");
  EXPECT_EQ(nodes[1].name, "owner");
  EXPECT_EQ(nodes[1].now, sb::node_facts::state::up);
  EXPECT_EQ(nodes[1].pools, std::vector<std::string>{"default"});
}

TEST_F(Nodes, WhenASessionIsOpenedOnTwoThenItIsTheSame) {
  const auto other = join("other");
  const auto here = open(*owner);
  const auto there = open(*other);
  ASSERT_TRUE(here.exec("x = 20"));
  EXPECT_EQ(there.eval("x + 1"), sb::value{21});
  ASSERT_TRUE(there.exec("x = 'from there'"));
  EXPECT_EQ(here.eval("x"), sb::value{"from there"});
  EXPECT_EQ(facts_of("owner").sessions, 1U);
}

TEST_F(Nodes, WhenItIsOpenedElsewhereFirstThenItIsWhereItIsToBe) {
  const auto other = join("other", true);
  const auto session = open(*owner, "other");
  ASSERT_TRUE(session.exec("import os"));
  EXPECT_EQ(session.eval("os.getppid()"), sb::value{::getpid()});
  EXPECT_EQ(facts_of("other").sessions, 1U);
  EXPECT_EQ(facts_of("owner").sessions, 0U);
}

TEST_F(Nodes, GivenAPoolThatOneNodeHasThenItsSessionsAreThere) {
  auto wanted = node_of("other");
  wanted.pools.push_back({.name = "gpu", .size = 1});
  wanted.cluster.join = {address_of(*owner, "owner")};
  const sb::bridge other{wanted};
  ASSERT_TRUE(eventually([&] { return other.nodes().has_value(); }));
  const auto session = owner->open_session(
    {.id = "shared", .scope = sb::scope::cluster, .pool = "gpu"});
  ASSERT_TRUE(session.call("pathlib", "Path", "x"));
  EXPECT_EQ(facts_of("other").sessions, 1U);
  // Its pool is that of its calls, wherever they are made.
  EXPECT_EQ(other.stats().pools.at(0).live_objects(), 0U);
  EXPECT_EQ(other.stats().pools.at(1).live_objects(), 1U);
}

TEST_F(Nodes, GivenARefOfAnotherNodeThenAllCallsOnItWork) {
  const auto other = join("other"), third = join("third");
  const auto here = open(*owner);
  const auto path = here.call("pathlib", "PurePosixPath", "/tmp/a.txt");
  ASSERT_TRUE(path) << path;
  const auto named = path->as<sb::ref>();
  EXPECT_EQ(named.node, "owner");
  const auto there = open(*other), far = open(*third);
  EXPECT_EQ(there.attr(named, "name"), sb::value{"a.txt"});
  EXPECT_EQ(
    far.method(named, "with_suffix", ".md").and_then([&](const auto& made) {
      return there.str(made);
    }),
    "/tmp/a.md");
  // As any shared session's, without it being named.
  EXPECT_EQ(other->attr(named, "suffix"), sb::value{".txt"});
  const auto fourth = join("fourth");
  EXPECT_EQ(code_of(fourth->attr(named, "suffix")), sb::errc::ref_foreign);
  EXPECT_EQ(there.call("operator", "eq", named, *path), sb::value{true});
}

TEST_F(Nodes, WhenPythonRaisesThenItsErrorCrosses) {
  const auto other = join("other");
  const auto there = open(*other);
  ASSERT_TRUE(there.exec("def fail(what):\n"
                         "    try:\n"
                         "        {}['no']\n"
                         "    except KeyError as cause:\n"
                         "        raise ValueError(what) from cause\n"));
  const auto failed = there.eval("fail('so')");
  ASSERT_FALSE(failed);
  const auto* raised = failed.error().python();
  ASSERT_NE(raised, nullptr);
  EXPECT_EQ(raised->type, "ValueError");
  EXPECT_EQ(raised->message, "so");
  EXPECT_EQ(raised->frames.back().function, "fail");
  ASSERT_TRUE(raised->cause);
  EXPECT_EQ(raised->cause->type, "KeyError");
  EXPECT_TRUE(failed.error().may_have_run());
}

TEST_F(Nodes, GivenAnyValueThenItComesBackAsItWas) {
  const auto other = join("other");
  const auto there = open(*other);
  const sb::value many = sb::list{
    1,
    "two",
    3.5,
    nullptr,
    sb::bytes{std::string(1'000'000, 'x')},
    sb::dict{{sb::tuple{0, 1}, sb::set{1, 2}}, {"key", sb::list{1, 2, 3}}},
    sb::integer{"99999999999999999999"}};
  EXPECT_EQ(there.eval("it", {{"it", many}}), many);
  EXPECT_EQ(there.eval("list(range(9))[s]", {{"s", sb::slice(1, 8, 3)}}),
            (sb::value{sb::list{1, 4, 7}}));
}

TEST_F(Nodes, GivenFormsOfResultsThenTheyAreKept) {
  const auto other = join("other");
  const auto there = open(*other);
  EXPECT_TRUE(
    there.with({.leaves = sb::leaves::all_refs}).eval("[1]")->is_ref());
  const auto marked =
    there.with({.leaves = sb::leaves::markers}).eval("[object()]");
  ASSERT_TRUE(marked) << marked;
  EXPECT_TRUE(sb::unserializable_info((*marked)[0]));
  EXPECT_EQ(there.with({.leaves = sb::leaves::plain})
              .eval("__import__('collections').Counter('aab')"),
            (sb::value{sb::dict{{"a", 2}, {"b", 1}}}));
}

TEST_F(Nodes, GivenObjectsThenTheirLastCopyFreesThemThere) {
  const auto other = join("other");
  const auto there = open(*other);
  {
    const auto fractions = there.import("fractions");
    const auto half = fractions.attr("Fraction")(1, 2);
    EXPECT_EQ((half + half).attr("numerator").as<int>(), 1);
    EXPECT_GT(owner->stats().live_objects(), 0U);
  }
  EXPECT_TRUE(eventually([&] { return owner->stats().live_objects() == 0; }));
}

TEST_F(Nodes, GivenFuturesThenManyAreInFlight) {
  const auto other = join("other");
  const auto there = open(*other);
  std::vector<sb::future<sb::value>> begun;
  for (int i = 0; i < 200; ++i)
    begun.push_back(there.async().call("operator", "mul", i, i));
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(begun[static_cast<std::size_t>(i)].get(), sb::value{i * i});
}

TEST_F(Nodes, GivenAStreamThenItComesInBatches) {
  const auto other = join("other");
  const auto there = open(*other);
  std::int64_t sum = 0;
  for (const auto& item : there.stream("builtins", "range", 5'000))
    sum += item->as<std::int64_t>();
  EXPECT_EQ(sum, 5'000 * 4'999 / 2);
  EXPECT_TRUE(eventually([&] { return owner->stats().live_objects() == 0; }));
}

TEST_F(Nodes, GivenASlowProducerThenItsItemsComeAsTheyAreMade) {
  const auto other = join("other");
  const auto there = open(*other);
  ASSERT_TRUE(there.exec("import threading\n"
                         "closed = threading.Event()\n"
                         "def two():\n"
                         "    try:\n"
                         "        yield 1\n"
                         "        yield 2\n"
                         "        threading.Event().wait()\n"
                         "    finally:\n"
                         "        closed.set()\n"));
  const auto made = there.eval("two()");
  ASSERT_TRUE(made) << made;
  std::vector<sb::value> items;
  for (const auto& item : there.stream(made->as<sb::ref>())) {
    items.push_back(or_throw(item));
    if (items.size() == 2)
      break;
  }
  EXPECT_EQ(items, (std::vector<sb::value>{1, 2}));
  EXPECT_TRUE(eventually(
    [&] { return there.eval("closed.is_set()") == sb::value{true}; }));
}

// Slots are numbered by each interpreter: two of the same number are two
// objects.
TEST_F(Nodes, GivenStreamsOfTwoInterpretersThenEachHasItsOwnItems) {
  auto wanted = node_of("wide");
  wanted.pools.front().size = 2;
  wanted.cluster.join = {address_of(*owner, "owner")};
  const sb::bridge wide{wanted};
  ASSERT_TRUE(eventually([&] { return wide.nodes().has_value(); }));
  const auto there = open(*owner, "wide");
  const auto small = there.eval("iter(range(1000))");
  gate keeps;
  auto busy = there.async().exec(keeps.wait_here());
  ASSERT_TRUE(keeps.has_a_caller());
  const auto large = there.with({.affinity = sb::affinity::hint})
                       .call("itertools", "count", 1000);
  keeps.open();
  EXPECT_TRUE(busy.get());
  ASSERT_TRUE(small && large) << small << large;
  ASSERT_NE(small->as<sb::ref>().interpreter, large->as<sb::ref>().interpreter);
  ASSERT_EQ(small->as<sb::ref>().slot, large->as<sb::ref>().slot);
  auto smalls = there.stream(small->as<sb::ref>());
  auto larges = there.stream(large->as<sb::ref>());
  auto low = smalls.begin(), high = larges.begin();
  for (int at = 0; at < 500; ++at, ++low, ++high) {
    ASSERT_EQ(*low, sb::value{at});
    ASSERT_EQ(*high, sb::value{1000 + at});
  }
}

TEST_F(Nodes, WhenADeadlinePassesOrACallIsCancelledThenItEndsThereToo) {
  const auto other = join("other");
  const auto there = open(*other);
  const auto endlessly = "import time\nwhile True: time.sleep(0.001)";
  const auto late = there.with({.timeout = 50ms}).exec(endlessly);
  EXPECT_EQ(code_of(late), sb::errc::deadline_exceeded);
  EXPECT_TRUE(late.error().may_have_run());
  sb::cancel_source cancel;
  auto endless = there.with({.cancel = cancel.token()}).async().exec(endlessly);
  EXPECT_TRUE(eventually(
    [&] { return owner->stats().pools.at(0).interpreters.at(0).running > 0; }));
  cancel.cancel();
  EXPECT_EQ(code_of(endless.get()), sb::errc::cancelled);
  EXPECT_EQ(there.eval("1"), sb::value{1}); // by the same interpreter
  EXPECT_EQ(owner->stats().pools.at(0).restarts(), 0U);
}

TEST_F(Nodes, GivenARefOfAnotherSessionThenItIsForeign) {
  const auto other = join("other");
  const auto there = open(*other);
  const auto own = other->call("pathlib", "Path", "x");
  EXPECT_EQ(code_of(there.call("builtins", "str", *own)),
            sb::errc::ref_foreign);
}

TEST_F(Nodes, WhenTheLastClientOfAnyNodeEndsThenItsObjectsAreFreed) {
  const auto other = join("other"), third = join("third");
  {
    std::optional far{open(*third)};
    {
      const auto there = open(*other);
      ASSERT_TRUE(there.call("pathlib", "Path", "x"));
    }
    EXPECT_TRUE(far->eval("1"));
    EXPECT_EQ(owner->stats().live_objects(), 1U);
    far.reset();
  }
  EXPECT_TRUE(is_empty(*owner));
  EXPECT_TRUE(eventually([&] { return facts_of("owner").sessions == 0; }));
}

TEST_F(Nodes, WhenItIsOpenedAnewThenOldRefsAreStale) {
  const auto other = join("other");
  std::optional there{open(*other)};
  const auto path = there->call("pathlib", "Path", "x");
  there.reset();
  EXPECT_TRUE(eventually([&] { return facts_of("owner").sessions == 0; }));
  there.emplace(open(*other));
  EXPECT_EQ(code_of(there->str(*path)), sb::errc::ref_stale);
}

// Refs of a former one are refused, and must take no others with them.
TEST_F(Nodes, WhenAScopeHasRefsOfTwoSessionsOfAnIdThenTheNewOnesAreFreed) {
  const auto other = join("other");
  std::optional there{open(*other)};
  {
    const sb::ref_scope scope{*other};
    const auto former = there->call("pathlib", "Path", "x");
    for (int made = 0; made < 8; ++made)
      ASSERT_TRUE(other->method(former->as<sb::ref>(), "with_suffix", ".y"));
    there.reset();
    EXPECT_TRUE(eventually([&] { return facts_of("owner").sessions == 0; }));
    there.emplace(open(*other));
    const auto path = there->call("pathlib", "Path", "x");
    ASSERT_TRUE(other->method(path->as<sb::ref>(), "with_suffix", ".y"));
    EXPECT_EQ(owner->stats().live_objects(), 2U);
  }
  EXPECT_EQ(owner->stats().live_objects(), 1U); // of no scope
}

TEST_F(Nodes, WhenANodeStopsThenItsClientsAreNone) {
  auto other = join("other");
  {
    const auto there = open(*other);
    ASSERT_TRUE(there.call("pathlib", "Path", "x"));
    other.reset();
    EXPECT_EQ(code_of(there.eval("1")), sb::errc::session_closed);
  }
  EXPECT_TRUE(is_empty(*owner));
}

TEST_F(Nodes, WhenTheOwnerStopsThenItsClientsHearOfIt) {
  const auto other = join("other", true), third = join("third");
  auto session = open(*third, "other");
  const auto path = session.call("pathlib", "Path", "x");
  auto endless = session.async().exec("import time\ntime.sleep(1000)");
  EXPECT_TRUE(eventually(
    [&] { return other->stats().pools.at(0).interpreters.at(0).running > 0; }));
  EXPECT_TRUE(or_throw(other->release_session("shared")) > 0);
  EXPECT_EQ(code_of(endless.get()), sb::errc::session_closed);
  EXPECT_EQ(code_of(session.str(*path)), sb::errc::session_closed);
}

TEST_F(Nodes, WhenAnOwnerIsGoneThenItIsDownAndItsIdFreeAgain) {
  auto other = join("other", true);
  const auto third = join("third");
  const auto session = open(*third, "other");
  auto endless = session.async().exec("import time\ntime.sleep(1000)");
  EXPECT_TRUE(eventually(
    [&] { return other->stats().pools.at(0).interpreters.at(0).running > 0; }));
  other.reset();
  // Of its session, or of its link, whichever is heard first.
  EXPECT_FALSE(endless.get());
  EXPECT_FALSE(session.eval("1"));
  EXPECT_TRUE(eventually([&] { return facts_of("other").name.empty(); }));
  const auto anew = open(*third);
  EXPECT_EQ(anew.eval("'x' in globals()"), sb::value{false});
  EXPECT_EQ(facts_of("owner").sessions, 1U);
}

TEST_F(Nodes, GivenNoNodeOfThatNameThenAnOpenSaysSo) {
  std::string told;
  EXPECT_EQ(code_of_open(*owner,
                         {.id = "x", .scope = sb::scope::cluster, .at = "who"},
                         &told),
            sb::errc::node_down);
  EXPECT_THAT(told, HasSubstr("no node of that name"));
  EXPECT_EQ(code_of_open(
              *owner, {.id = "x", .scope = sb::scope::cluster, .pool = "gpu"}),
            sb::errc::pool_unknown);
  EXPECT_EQ(code_of_open(*owner, {.scope = sb::scope::cluster}),
            sb::errc::config_invalid);
  EXPECT_EQ(code_of(owner->forget_node("who")), sb::errc::node_down);
}

TEST_F(Nodes, WhenANodeDrainsThenItsSessionsEndAndNewOnesAreElsewhere) {
  const auto other = join("other", true), third = join("third");
  const auto session = open(*third, "other");
  ASSERT_TRUE(third->drain_node("other", 0ms));
  // A call that was on its way there only hears that the session has ended.
  EXPECT_TRUE(eventually([&] {
    const auto gone = session.eval("1");
    return !gone && gone.error().code() == sb::errc::session_closed
           && gone.error().message().find("drains") != std::string::npos;
  }));
  EXPECT_EQ(facts_of("other").now, sb::node_facts::state::draining);
  EXPECT_TRUE(eventually([&] { return facts_of("other").sessions == 0; }));
  std::optional<sb::session> anew;
  EXPECT_TRUE(eventually([&] {
    anew.emplace(open(*third)); // it may have joined the one that was ending
    return facts_of("owner").sessions == 1;
  }));
}

TEST_F(Nodes, WhenItIsToldToDrainSoonerThenItIsDoneThen) {
  const auto other = join("other", true), third = join("third");
  const auto session = open(*third, "other");
  ASSERT_TRUE(third->drain_node("other", 1h));
  EXPECT_TRUE(eventually(
    [&] { return facts_of("other").now == sb::node_facts::state::draining; }));
  EXPECT_EQ(session.eval("1"), sb::value{1});
  ASSERT_TRUE(third->drain_node("other", 0ms));
  EXPECT_TRUE(eventually([&] { return facts_of("other").sessions == 0; }));
  EXPECT_FALSE(session.eval("1"));
}

TEST_F(Nodes, WhenTheProcessOfAnOwnerIsKilledThenItsIdHasAnotherLife) {
  program child{"node_program", {address_of(*owner, "owner")}};
  ASSERT_EQ(child.line(), "joined");
  const auto other = join("other");
  const auto session = open(*other, "child");
  const auto path = session.call("pathlib", "Path", "x");
  ASSERT_TRUE(path) << path;
  auto endless = session.async().exec("import time\ntime.sleep(1000)");
  EXPECT_TRUE(eventually([&] { return facts_of("child").load > 0; }));
  ::kill(child.pid(), SIGKILL);
  const auto gone = error_of(endless.get());
  EXPECT_EQ(gone.code(), sb::errc::node_down);
  EXPECT_TRUE(gone.may_have_run());
  EXPECT_EQ(code_of(session.eval("1")), sb::errc::node_down);
  EXPECT_EQ(code_of(session.str(*path)), sb::errc::node_down);
  EXPECT_TRUE(eventually([&] { return facts_of("child").name.empty(); }));
  const auto anew = open(*other);
  const auto made = anew.call("pathlib", "Path", "x");
  ASSERT_TRUE(made) << made;
  EXPECT_EQ(made->as<sb::ref>().node, "owner");
  EXPECT_GT(made->as<sb::ref>().session_epoch,
            path->as<sb::ref>().session_epoch);
  EXPECT_EQ(code_of(anew.str(*path)), sb::errc::ref_stale);
}

// It does not answer: nothing proves that it has ended.
TEST_F(Nodes, WhenTheProcessOfAnOwnerIsStoppedThenItsIdStaysTaken) {
  program child{"node_program", {address_of(*owner, "owner")}};
  ASSERT_EQ(child.line(), "joined");
  const auto other = join("other");
  const auto session = open(*other, "child");
  ASSERT_TRUE(session.exec("x = 1"));
  ::kill(child.pid(), SIGSTOP);
  EXPECT_TRUE(eventually(
    [&] { return facts_of("child").now == sb::node_facts::state::silent; }));
  EXPECT_TRUE(eventually([&] { return !session.eval("x"); }));
  EXPECT_EQ(code_of(session.eval("x")), sb::errc::node_down);
  std::string told;
  EXPECT_EQ(
    code_of_open(*other, {.id = "shared", .scope = sb::scope::cluster}, &told),
    sb::errc::node_down);
  EXPECT_THAT(told, HasSubstr("snakebridge node forget child"));
  ASSERT_TRUE(other->forget_node("child"));
  EXPECT_EQ(open(*other).eval("'x' in globals()"), sb::value{false});
  ::kill(child.pid(), SIGCONT);
  // It ends what it had, and is back.
  EXPECT_TRUE(eventually([&] {
    return facts_of("child").now == sb::node_facts::state::up
           && facts_of("child").name == "child";
  }));
  EXPECT_EQ(facts_of("child").sessions, 0U);
}

// Nobody can dial the directory any more: its own dial is what brings it back.
TEST_F(Nodes, WhenTheDirectoryDialsANodeThenThatIsBack) {
  std::optional<relay> way{std::in_place, address_of(*owner, "owner")};
  auto wanted = node_of("other");
  wanted.cluster.join = {way->address()};
  const sb::bridge other{wanted};
  ASSERT_TRUE(eventually([&] { return other.nodes().has_value(); }));
  const auto there = open(other, "owner");
  ASSERT_TRUE(there.eval("1"));
  way.reset();
  EXPECT_TRUE(eventually([&] { return !there.eval("1"); }));
  EXPECT_TRUE(eventually([&] { return other.nodes().has_value(); }));
  EXPECT_EQ(facts_of("other").now, sb::node_facts::state::up);
  EXPECT_TRUE(open(other, "owner", "another").eval("1"));
}

TEST_F(Nodes, WhenItJoinsOneThatIsNoDirectoryThenItTriesTheNext) {
  const auto other = join("other", true);
  auto wanted = node_of("third");
  wanted.cluster.join = {address_of(*owner, "other"),
                         address_of(*owner, "owner")};
  const sb::bridge third{wanted};
  EXPECT_TRUE(eventually([&] { return third.nodes().has_value(); }));
  EXPECT_EQ(facts_of("third").now, sb::node_facts::state::up);
}

// Its end is not heard of here: the link with it stays for an hour.
TEST_F(Nodes, WhenAnOwnerIsAnotherProcessByNowThenAnOpenLinksWithThat) {
  auto child = join("child", true, 1h);
  relay between{address_of(*owner, "child")};
  auto wanted = node_of("user");
  wanted.node.listen.clear();
  wanted.node.heartbeat_limit = 1h;
  wanted.cluster.join = {address_of(*owner, "owner"), between.address()};
  const sb::bridge user{wanted};
  ASSERT_TRUE(eventually(
    [&] { return between.passed > 1'000 && user.nodes().has_value(); }));
  const auto before = open(user, "child");
  ASSERT_EQ(before.eval("1"), sb::value{1});
  between.cut_to = between.cut_from = true;
  ASSERT_EQ(error_of(before.with({.timeout = 100ms}).eval("1")).code(),
            sb::errc::deadline_exceeded);
  child.reset();
  ASSERT_TRUE(eventually([&] { return facts_of("child").name.empty(); }));
  child = join("child", true, 1h);
  EXPECT_EQ(open(user, "child", "another").eval("1"), sb::value{1});
}

TEST_F(Nodes, WhenALinkThatAnOpenMadeIsLostThenAnotherOpenMakesOne) {
  const auto third = join("third");
  auto other = join("other", true);
  EXPECT_TRUE(open(*third, "other", "one").eval("1"));
  other.reset();
  EXPECT_TRUE(eventually([&] { return facts_of("other").name.empty(); }));
  other = join("other", true); // at another address
  EXPECT_TRUE(open(*third, "other", "one").eval("1"));
}

TEST_F(Nodes, GivenRulesForRefsThenTheirOwnerKeepsThem) {
  const auto other = join("other");
  const auto there = other->open_session({.id = "few",
                                          .max_refs = 2,
                                          .on_full = sb::on_full::refuse,
                                          .scope = sb::scope::cluster,
                                          .at = "owner"});
  const auto first = there.call("pathlib", "Path", "1");
  const auto second = there.call("pathlib", "Path", "2");
  ASSERT_TRUE(first && second) << first << second;
  EXPECT_EQ(code_of(there.call("pathlib", "Path", "3")),
            sb::errc::quota_exceeded);
  EXPECT_EQ(
    code_of_open(*other,
                 {.id = "none", .max_refs = 0, .scope = sb::scope::cluster}),
    sb::errc::config_invalid);
}

TEST_F(Nodes, WhenAWorkerThereDiesThenItsPostMortemCrosses) {
  const auto other = join("other");
  const auto there = open(*other, "owner");
  const auto gone = there.call("signal", "raise_signal", 9);
  ASSERT_EQ(code_of(gone), sb::errc::interpreter_died);
  const auto* death = gone.error().post_mortem();
  ASSERT_NE(death, nullptr);
  EXPECT_EQ(death->signal, "SIGKILL");
  EXPECT_EQ(death->call, "signal.raise_signal");
  EXPECT_EQ(death->session, "shared");
  EXPECT_GT(death->pid, 0);
  EXPECT_TRUE(gone.error().may_have_run());
  EXPECT_EQ(there.eval("1"), sb::value{1}); // by the next one
}

TEST_F(Nodes, WhenItIsReleasedOnAnotherNodeThenItEndsForAll) {
  const auto other = join("other");
  const auto here = open(*owner), there = open(*other);
  const auto path = here.call("pathlib", "Path", "x");
  ASSERT_TRUE(path && there.call("pathlib", "Path", "y"));
  EXPECT_EQ(other->release_session("shared"), 2U);
  EXPECT_TRUE(is_empty(*owner));
  EXPECT_EQ(code_of(here.eval("1")), sb::errc::session_closed);
  EXPECT_EQ(code_of(there.eval("1")), sb::errc::session_closed);
  EXPECT_EQ(other->release_session("shared"), 0U);
  EXPECT_EQ(code_of(open(*other).str(*path)), sb::errc::ref_stale);
}

TEST_F(Nodes, WhenAnActorOpensItThenWhatItAsksWaitsUntilThen) {
  const auto other = join("other");
  {
    caf::scoped_actor self{other->system()};
    const auto session = sb::open_session(
      self.ptr(), *other,
      {.id = "shared", .scope = sb::scope::cluster, .at = "owner"});
    sb::result<sb::value> got =
      tl::unexpected{sb::error{sb::errc::cancelled, "no answer"}};
    self->request(session, patience, sb::eval_message{"2 + 3"})
      .receive([&](const sb::value& answer) { got = answer; },
               [&](const caf::error& failed) {
                 got = tl::unexpected{sb::to_error(failed)};
               });
    EXPECT_EQ(got, sb::value{5});
    EXPECT_EQ(open(*owner).eval("1"), sb::value{1});
    EXPECT_EQ(facts_of("owner").sessions, 1U);
  }
  EXPECT_TRUE(is_empty(*owner)); // its client has ended
  caf::scoped_actor self{other->system()};
  const auto none = sb::open_session(
    self.ptr(), *other,
    {.id = "shared", .scope = sb::scope::cluster, .at = "nobody"});
  auto told = sb::errc::cancelled;
  self->request(none, patience, sb::eval_message{"1"})
    .receive(
      [](const sb::value&) {},
      [&](const caf::error& failed) { told = sb::to_error(failed).code(); });
  EXPECT_EQ(told, sb::errc::node_down);
}

TEST_F(Nodes, WhenNoThreadIsFreeThenAnActorsOpenIsLateAllTheSame) {
  auto wanted = node_of("other");
  wanted.node.listen.clear();
  wanted.cluster.join = {address_of(*owner, "owner")};
  wanted.callback_threads = 1;
  wanted.timeout = 2s;
  std::promise<void> begun, end;
  const sb::bridge other{wanted};
  ASSERT_TRUE(eventually([&] { return other.nodes().has_value(); }));
  const auto busy =
    other.async().eval("1").then([&](const sb::result<sb::value>&) {
      begun.set_value();
      end.get_future().wait();
    });
  begun.get_future().wait();
  std::string told;
  {
    caf::scoped_actor self{other.system()};
    const auto late = sb::open_session(
      self.ptr(), other,
      {.id = "shared", .scope = sb::scope::cluster, .at = "owner"});
    self->request(late, patience, sb::eval_message{"1"})
      .receive([](const sb::value&) {},
               [&](const caf::error& failed) {
                 told = sb::to_error(failed).message();
               });
  }
  EXPECT_THAT(told, HasSubstr("callback threads"));
  end.set_value();
  EXPECT_TRUE(is_empty(*owner));
}

TEST_F(Nodes, GivenASessionThenPythonKnowsItsEpoch) {
  const auto other = join("other");
  const auto there = open(*other, "owner");
  const auto epoch = there.eval("__import__('snakebridge').session_epoch()");
  const auto path = there.call("pathlib", "Path", "x");
  ASSERT_TRUE(epoch && path);
  EXPECT_EQ(epoch->to<std::uint64_t>(), path->as<sb::ref>().session_epoch);
  EXPECT_EQ(other->eval("__import__('snakebridge').session_epoch()"),
            sb::value{});
}

TEST_F(Nodes, WhenAStoppedOwnerGoesOnThenItIsBack) {
  program child{"node_program", {address_of(*owner, "owner")}};
  ASSERT_EQ(child.line(), "joined");
  const auto session = open(*owner, "child");
  ASSERT_TRUE(session.exec("x = 1"));
  ::kill(child.pid(), SIGSTOP);
  EXPECT_TRUE(eventually(
    [&] { return facts_of("child").now == sb::node_facts::state::silent; }));
  EXPECT_EQ(code_of(session.eval("x")), sb::errc::node_down);
  ::kill(child.pid(), SIGCONT);
  EXPECT_TRUE(eventually([&] {
    const auto now = facts_of("child");
    return now.now == sb::node_facts::state::up && now.sessions == 0;
  }));
  EXPECT_EQ(open(*owner, "child").eval("'x' in globals()"), sb::value{false});
}

namespace {

struct listening {
  explicit listening(const std::string& name) : bridge{settings_of(name)} {
    port = or_throw(bridge.listen());
  }
  static sb::config settings_of(const std::string& name) {
    auto wanted = one_pool(sb::placement::worker);
    wanted.node.name = name;
    wanted.timeout = 20s;
    return wanted;
  }

  sb::bridge bridge;
  std::uint16_t port = 0;
};

} // namespace

TEST(NodesAtRunTime, WhenOneListensAndOneJoinsThenTheyAreACluster) {
  const listening first{"first"};
  EXPECT_EQ(first.bridge.node_address(),
            "127.0.0.1:" + std::to_string(first.port));
  const sb::bridge second{one_pool(sb::placement::worker)};
  EXPECT_EQ(second.node_name(), "");
  ASSERT_TRUE(second.join("127.0.0.1", first.port));
  EXPECT_EQ(or_throw(second.nodes()).size(), 2U);
  const auto there =
    second.open_session({.id = "shared", .scope = sb::scope::cluster});
  EXPECT_EQ(there.call("os", "getppid"), sb::value{::getpid()});
  // From now on it can own sessions, too.
  ASSERT_TRUE(second.listen());
  const auto name = second.node_name();
  EXPECT_TRUE(eventually([&] {
    return sb::attempt([&] {
             return first.bridge.open_session(
               {.id = "there", .scope = sb::scope::cluster, .at = name});
           })
      .has_value();
  }));
}

TEST(NodesAtRunTime, WhenOneThatListensJoinsThenItLeadsNoMore) {
  const listening first{"first"}, second{"second"};
  ASSERT_TRUE(second.bridge.join("127.0.0.1", first.port));
  const auto nodes = or_throw(first.bridge.nodes());
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[1].address, second.bridge.node_address());
  // Others have joined this one: it stays what it is.
  EXPECT_EQ(code_of(first.bridge.join("127.0.0.1", second.port)),
            sb::errc::config_invalid);
}

TEST(NodesAtRunTime, WhenOneThatListensCannotJoinThenItLeadsAsBefore) {
  const raw_listener nobody{std::nullopt};
  const listening alone{"alone"};
  EXPECT_EQ(code_of(alone.bridge.join("127.0.0.1", nobody.port())),
            sb::errc::unreachable);
  EXPECT_EQ(or_throw(alone.bridge.nodes()).size(), 1U);
  EXPECT_TRUE(
    alone.bridge.open_session({.id = "x", .scope = sb::scope::cluster})
      .eval("1"));
  const sb::bridge second{one_pool(sb::placement::worker)};
  ASSERT_TRUE(second.join("127.0.0.1", alone.port));
  EXPECT_EQ(or_throw(second.nodes()).size(), 2U);
}

TEST(NodesAtRunTime, GivenAForkedChildThenItIsNoNodeThere) {
  const listening alone{"alone"};
  const auto child = ::fork();
  if (child == 0)
    ::_exit(
      alone.bridge.node_name().empty() && alone.bridge.node_address().empty()
          && code_of(alone.bridge.drain_node(0ms)) == sb::errc::shutting_down
        ? 0
        : 1);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(NodesAtRunTime, WhenThereAreNoDescriptorsThenAListenSaysSo) {
  const sb::bridge alone{one_pool(sb::placement::worker)};
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const auto next = ::dup(0);
  ASSERT_GE(next, 0);
  ::close(next);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto failed = alone.listen();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(code_of(failed), sb::errc::startup_failed);
  EXPECT_TRUE(alone.listen());
}

TEST(NodesAtRunTime, WhenNobodyListensThereThenAJoinSaysSo) {
  const raw_listener nobody{std::nullopt};
  const sb::bridge alone{one_pool(sb::placement::worker)};
  EXPECT_EQ(code_of(alone.join("127.0.0.1", nobody.port())),
            sb::errc::unreachable);
  EXPECT_EQ(code_of(alone.join("", 1)), sb::errc::config_invalid);
  EXPECT_EQ(code_of(alone.listen({.host = "0.0.0.0"})),
            sb::errc::config_invalid); // without TLS
  EXPECT_TRUE(alone.listen());
  EXPECT_EQ(code_of(alone.listen()), sb::errc::config_invalid);
}

TEST(NoNode, WhenItOpensASessionOfTheClusterThenThatIsRefused) {
  const sb::bridge alone{one_pool(sb::placement::worker)};
  EXPECT_EQ(code_of_open(alone, {.id = "x", .scope = sb::scope::cluster}),
            sb::errc::config_invalid);
  EXPECT_EQ(code_of(alone.nodes()), sb::errc::config_invalid);
}

} // namespace snakebridge::testing
