// What a cluster makes of slow, short and busy times of its links, and of nodes
// that come and go. NODES.md §4.
#include "tests/api/gate.hpp"
#include "tests/cluster/cluster_fixture.hpp"
#include "tests/support/process_facts.hpp"

#include <algorithm>
#include <iostream>

namespace snakebridge::testing {

using ::testing::HasSubstr;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;

sb::value bytes_of(std::size_t count) {
  return sb::bytes{std::string(count, 'x')};
}

double p99_of(std::vector<double> all) {
  std::ranges::sort(all);
  return all[(all.size() * 99 + 99) / 100 - 1];
}

} // namespace

/// The limit of silence is as it is by default.
class Patient : public Cluster {
protected:
  Patient() : Cluster{5s} {}
};

TEST_F(Patient, WhenACutIsShorterThanTheLimitThenNothingIsLost) {
  const place there{1};
  const auto child = join("child", there);
  const auto session = open("child");
  ASSERT_TRUE(session.exec("kept = 1"));
  there.cut();
  EXPECT_EQ(code_of(session.with({.timeout = 300ms}).eval("1")),
            sb::errc::deadline_exceeded);
  there.mend();
  EXPECT_EQ(session.eval("kept"), sb::value{1});
  EXPECT_EQ(facts_of("child").now, sb::node_facts::state::up);
}

TEST_F(Patient, WhenAnOwnerIsStoppedThenItIsDownAndBackAfterwards) {
  const place there{1};
  const auto child = join("child", there);
  const auto session = open("child");
  ASSERT_TRUE(session.exec("kept = 1"));
  child->signal(SIGSTOP);
  // Its own deadline is the caller's.
  EXPECT_EQ(code_of(session.with({.timeout = 300ms}).eval("1")),
            sb::errc::deadline_exceeded);
  EXPECT_EQ(code_of(session.eval("1")), sb::errc::node_down);
  EXPECT_EQ(code_of(try_open()), sb::errc::node_down);
  child->signal(SIGCONT);
  EXPECT_TRUE(is_up("child"));
  EXPECT_EQ(open("child").eval("'kept' in globals()"), sb::value{false});
}

TEST_F(Patient, WhenAUserIsCutOffThenItsObjectsAreFreed) {
  const place there{1};
  const auto child = join("child", there);
  ASSERT_EQ(child->ask("open shared home"), "done");
  ASSERT_THAT(child->ask("keep object()"), HasSubstr("<ref"));
  there.cut();
  EXPECT_TRUE(is_empty(home()));
  EXPECT_TRUE(is_silent("child"));
  there.mend();
  EXPECT_TRUE(is_up("child"));
  EXPECT_THAT(
    child->ask("eval 1"),
    ::testing::AnyOf(HasSubstr("node_down"), HasSubstr("session_closed")));
}

// It takes many times the beats of a link, and more than its limit.
TEST_F(Patient, GivenASlowNetworkThenALargeValueTakesItsTime) {
  const place there{1};
  const auto child = join("child", there);
  const auto session = open("child");
  there.slow_to("20mbit", "32kb");
  there.slow_from("20mbit", "32kb");
  const auto sent = bytes_of(32 * mebibyte);
  const auto back = session.with({.timeout = 100s}).eval("it", {{"it", sent}});
  ASSERT_TRUE(back) << back.error();
  EXPECT_TRUE(*back == sent);
  EXPECT_EQ(facts_of("child").now, sb::node_facts::state::up);
}

// On a machine that is busy with others they wait for those, too: beside the
// same calls without a large one.
TEST_F(Patient, WhileALargeValueCrossesThenSmallCallsOvertakeIt) {
  const place there{1};
  auto wanted = member_of("child", home().node_address());
  wanted.pool = "aside"; // Python there has enough to do with the large one
  member child{there, wanted};
  ASSERT_TRUE(child.has_joined());
  const auto session = open("child");
  const auto small = home().open_session({.id = "small",
                                          .scope = sb::scope::cluster,
                                          .at = "child",
                                          .pool = "aside"});
  const auto call = [&] {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(small.eval("1"), sb::value{1});
    return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now() - begin)
      .count();
  };
  std::vector<double> alone, beside;
  for (int times = 0; times < 500; ++times)
    alone.push_back(call());
  const auto sent = bytes_of(64 * mebibyte);
  for (int times = 0; times < 10; ++times) {
    const auto before = there.bytes_to();
    auto crosses = session.async().eval("len(it)", {{"it", sent}});
    while (there.bytes_to() - before < 64 * mebibyte && !crosses.ready())
      beside.push_back(call());
    EXPECT_EQ(crosses.get(), sb::value{64 * mebibyte});
  }
  // One that is not overtaken leaves time for one call each.
  ASSERT_GT(beside.size(), 20U);
  const auto p99_alone = p99_of(alone), p99_beside = p99_of(beside);
  std::cout << beside.size() << " small calls, p99 " << p99_beside
            << " ms, and alone " << p99_alone << " ms\n";
}

/// A child asks for a hundred large values, and stands still when it has the
/// first.
class StandsStill : public Cluster {
protected:
  explicit StandsStill(std::size_t payload_bytes_max = std::size_t{1} << 30U)
      : Cluster{5s, payload_bytes_max} {}

  /// How much more this process has than before, at most.
  void expect_no_more_than(std::size_t bytes) {
    if (!rss_is_ours)
      GTEST_SKIP() << "a sanitizer keeps what is freed";
    const place there{1};
    const auto child = join("child", there);
    ASSERT_EQ(child->ask("open shared home"), "done");
    const auto one = std::string{"eval b'x' * (8 << 20)"};
    ASSERT_EQ(child->ask(one), fmt::format("{} bytes", 8 * mebibyte));
    const auto before = rss_bytes_of_this_process();
    std::uint64_t first = 0;
    for (int times = 0; times < 100; ++times) {
      const auto asked = child->tell(one);
      first = times == 0 ? asked : first;
    }
    ASSERT_NE(child->answer(first), "");
    child->signal(SIGSTOP);
    std::size_t most = before;
    EXPECT_TRUE(eventually([&] {
      most = std::max(most, rss_bytes_of_this_process());
      return facts_of("child").now == sb::node_facts::state::silent;
    }));
    EXPECT_LT(most - before, bytes);
    EXPECT_TRUE(is_empty(home()));
    child->signal(SIGCONT);
    EXPECT_TRUE(is_up("child"));
  }
};

// What waits to be read, and what is on its way there from Python.
TEST_F(StandsStill, WhileItDoesThenWhatItHasAskedForIsBounded) {
  expect_no_more_than(400 * mebibyte);
}

class Bounded : public StandsStill {
protected:
  static constexpr std::size_t kept_max = 32 * mebibyte;
  Bounded() : StandsStill{kept_max} {}
};

TEST_F(Bounded, WhileAReceiverStandsStillThenWhatItAsksForIsBounded) {
  expect_no_more_than(5 * kept_max);
}

class Members : public Cluster {};

// The name and the place of the one before, whose end that proves.
TEST_F(Members, WhenAnOwnerIsBackAfterItsPowerWasGoneThenItsIdIsFree) {
  const place there{1};
  auto child = join("child", there);
  std::uint64_t epoch = 0;
  {
    const auto session = open("child");
    epoch = epoch_of(session);
    there.cut();
    child.reset();
    EXPECT_EQ(code_of(session.eval("1")), sb::errc::node_down);
  }
  EXPECT_TRUE(is_silent("child"));
  EXPECT_EQ(code_of(try_open()), sb::errc::node_down);
  there.mend();
  child = join("child", there);
  EXPECT_GT(epoch_of(open()), epoch);
}

TEST_F(Members, GivenANameThatIsLinkedThenAnotherOfItIsNotAdmitted) {
  const place there{1}, elsewhere{2};
  const auto child = join("child", there);
  const auto incarnation = facts_of("child").incarnation;
  const auto session = open("child");
  const auto same = begin("child", elsewhere);
  ASSERT_NE(same->address(), "");
  EXPECT_NE(same->ask("nodes"), "");
  EXPECT_EQ(session.eval("1"), sb::value{1});
  EXPECT_EQ(facts_of("child").incarnation, incarnation);
  // It tries on, and has the name once that is free.
  child->signal(SIGKILL);
  EXPECT_TRUE(same->has_joined());
  EXPECT_NE(facts_of("child").incarnation, incarnation);
}

TEST_F(Members, GivenASilentNodeThenItsNameIsForgottenBeforeItMoves) {
  const place there{1}, elsewhere{2};
  const auto child = join("child", there);
  std::optional session{open("child")};
  const auto incarnation = facts_of("child").incarnation;
  const auto path = session->call("pathlib", "Path", "x");
  child->signal(SIGSTOP);
  EXPECT_TRUE(is_silent("child"));
  EXPECT_EQ(code_of(session->str(*path)), sb::errc::node_down);
  session.reset();
  {
    const auto same = begin("child", elsewhere);
    ASSERT_NE(same->address(), "");
    EXPECT_EQ(code_of(try_open()), sb::errc::node_down);
    EXPECT_EQ(facts_of("child").incarnation, incarnation);
    ASSERT_TRUE(home().forget_node("child"));
    EXPECT_TRUE(same->has_joined());
    EXPECT_NE(facts_of("child").incarnation, incarnation);
    const auto anew = open("child");
    EXPECT_EQ(code_of(anew.str(*path)), sb::errc::ref_stale);
    // It had the name; it is told that it has it no more.
    child->signal(SIGCONT);
    EXPECT_TRUE(eventually(
      [&] { return child->ask("nodes").find(" nodes") == std::string::npos; }));
    EXPECT_EQ(anew.eval("1"), sb::value{1});
  }
}

TEST_F(Members, WhenANodeIsDrainedAndRestartedThenNothingMovesSilently) {
  const place there{1};
  auto child = join("child", there);
  const auto session = open("child");
  ASSERT_TRUE(session.exec("kept = 1"));
  gate passes;
  auto running = session.async().eval(passes.wait_here());
  ASSERT_TRUE(passes.has_a_caller());
  ASSERT_TRUE(home().drain_node("child", 300ms));
  const auto refused = try_open("child", "another");
  ASSERT_FALSE(refused);
  const auto ended = error_of(running.get());
  EXPECT_EQ(ended.code(), sb::errc::session_closed);
  EXPECT_THAT(ended.message(), HasSubstr("drain"));
  passes.open();
  EXPECT_TRUE(has_sessions("child", 0));
  EXPECT_EQ(child->ask("leave"), "done");
  child.reset();
  EXPECT_TRUE(is_gone("child"));
  child = join("child", there);
  EXPECT_EQ(open("child").eval("'kept' in globals()"), sb::value{false});
}

TEST_F(Members, WhenTheDirectoryEndsThenSessionsLiveUntilAnotherIsThere) {
  const place first{1}, second{2};
  auto lead = std::make_unique<member>(first, member_of("lead", ""));
  const auto address = lead->address();
  const member owner{second, member_of("owner", address)};
  auto wanted = settings_of("user", "10.77.0.1:0");
  wanted.cluster.join = {address};
  const sb::bridge user{wanted};
  const auto try_to = [&](const std::string& id) {
    return sb::attempt([&] {
      return user.open_session(
        {.id = id, .scope = sb::scope::cluster, .at = "owner"});
    });
  };
  std::optional<sb::session> session;
  ASSERT_TRUE(eventually([&] {
    if (auto opened = try_to("shared"))
      session = *std::move(opened);
    return session.has_value();
  }));
  ASSERT_TRUE(session->exec("kept = 1"));
  const auto epoch = epoch_of(*session);
  lead->signal(SIGKILL);
  EXPECT_TRUE(eventually([&] { return !user.nodes(); }));
  EXPECT_EQ(session->eval("kept"), sb::value{1});
  EXPECT_EQ(code_of(try_to("new")), sb::errc::node_down);
  EXPECT_EQ(code_of(user.nodes()), sb::errc::node_down);
  auto again = member_of("lead", "");
  again.port = address.substr(address.rfind(':') + 1);
  lead = std::make_unique<member>(first, again);
  ASSERT_EQ(lead->address(), address);
  // It knows of no session: they end before their nodes are admitted.
  EXPECT_TRUE(eventually([&] {
    const auto nodes = user.nodes();
    return nodes && nodes->size() == 3;
  }));
  // Of the session, or of the link to who ends it, whichever is heard first.
  EXPECT_FALSE(session->eval("kept"));
  session.reset();
  EXPECT_TRUE(eventually([&] {
    if (auto opened = try_to("shared"))
      session = *std::move(opened);
    return session.has_value();
  }));
  EXPECT_EQ(session->eval("'kept' in globals()"), sb::value{false});
  EXPECT_GT(epoch_of(*session), epoch);
}

} // namespace snakebridge::testing
