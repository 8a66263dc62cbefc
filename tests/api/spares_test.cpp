// Workers kept ready, what they import beforehand, and their replacement in
// time, with real Python. ORIGINAL P27.
#include "tests/api/python_fixture.hpp"
#include "tests/support/process_facts.hpp"
#include "tests/support/scratch_folder.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>

namespace snakebridge::testing {

using ::testing::HasSubstr;

namespace {

bool has_spares(const sb::bridge& bridge, std::size_t count) {
  return eventually([&] { return bridge.stats().pools.at(0).spares == count; });
}

// Those of our processes that are not the worker.
std::vector<int> spares_of(const sb::bridge& bridge) {
  auto spares = children_of_this_process();
  std::erase(spares, first_of(bridge).pid);
  return spares;
}

sb::config with_spares(std::uint32_t spares) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools[0].spares = spares;
  wanted.pools[0].preload = {"json", "xml.dom.minidom"};
  return wanted;
}

} // namespace

TEST(Spares, WhenAWorkerDiesThenASpareTakesItsPlaceAndAnotherIsMade) {
  const sb::bridge bridge{with_spares(1)};
  ASSERT_TRUE(has_spares(bridge, 1));
  const auto before = first_of(bridge).pid;
  const auto spares = spares_of(bridge);
  ASSERT_EQ(spares.size(), 1U);
  ::kill(before, SIGKILL);
  EXPECT_EQ(bridge.with({.idempotent = true}).call("math", "sqrt", 16), 4.0);
  EXPECT_EQ(first_of(bridge).pid, spares[0]);
  EXPECT_EQ(bridge.eval("'xml.dom.minidom' in __import__('sys').modules"),
            true);
  EXPECT_TRUE(has_spares(bridge, 1));
  EXPECT_EQ(first_of(bridge).epoch, 2U);
}

TEST(Spares, WhenASpareDiesThenItIsCollectedAndReplaced) {
  const sb::bridge bridge{with_spares(2)};
  ASSERT_TRUE(has_spares(bridge, 2));
  EXPECT_EQ(look_at_this_process().children, 3U);
  const auto mine = first_of(bridge).pid;
  const auto spares = spares_of(bridge);
  ASSERT_EQ(spares.size(), 2U);
  ::kill(spares[0], SIGKILL);
  EXPECT_TRUE(eventually([&] {
    const auto now = spares_of(bridge);
    return now.size() == 2 && std::count(now.begin(), now.end(), spares[0]) == 0
           && bridge.stats().pools.at(0).spares == 2;
  }))
    << look_at_this_process();
  EXPECT_EQ(first_of(bridge).pid, mine);
}

TEST(Spares, GivenAnIdlePoolThatLooksForNothingElseThenOneIsReplaced) {
  auto wanted = with_spares(1);
  auto& pool = wanted.pools[0];
  pool.heartbeat_limit = pool.stall_report = pool.stall_kill = 0ms;
  const sb::bridge bridge{wanted};
  ASSERT_TRUE(has_spares(bridge, 1));
  const auto spares = spares_of(bridge);
  ASSERT_EQ(spares.size(), 1U);
  ::kill(spares[0], SIGKILL);
  EXPECT_TRUE(eventually([&] {
    const auto now = spares_of(bridge);
    return now.size() == 1 && now != spares;
  }));
}

TEST(Spares, GivenANamedPythonThenItIsNotAskedForEachOfThem) {
  const scratch_folder folder;
  const auto python = folder / "python";
  const auto asked = folder / "asked";
  std::ofstream{python} << "#!/bin/sh\necho asked >> " << asked
                        << "\nexec /usr/bin/python3 \"$@\"\n";
  std::filesystem::permissions(python, std::filesystem::perms::owner_all);
  auto wanted = with_spares(2);
  wanted.pools[0].python = python;
  const sb::bridge bridge{wanted};
  ASSERT_TRUE(has_spares(bridge, 2));
  std::ifstream lines{asked};
  EXPECT_EQ(std::count(std::istreambuf_iterator<char>{lines}, {}, '\n'), 1);
}

TEST(Spares, WhenTheBridgeEndsThenNoneIsLeft) {
  { const sb::bridge first{with_spares(1)}; } // what a process has but once
  EXPECT_TRUE(eventually([] {
    return look_at_this_process().threads == own_threads; // others have ended
  }));
  const auto before = look_at_this_process();
  {
    const sb::bridge bridge{with_spares(3)};
    ASSERT_TRUE(has_spares(bridge, 3));
  }
  EXPECT_TRUE(eventually([&] { return look_at_this_process() == before; }))
    << look_at_this_process() << ", before: " << before;
}

TEST(Spares, WhenThePoolGivesUpThenItsSparesEnd) {
  auto wanted = with_spares(1);
  wanted.pools[0].restart.intensity = 0;
  const sb::bridge bridge{wanted};
  ASSERT_TRUE(has_spares(bridge, 1));
  ::kill(first_of(bridge).pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return look_at_this_process().children == 0; }));
  EXPECT_EQ(bridge.stats().pools.at(0).spares, 0U);
}

class Preload : public ::testing::TestWithParam<sb::placement> {};

TEST_P(Preload, GivenModulesThenTheyAreThereBeforeTheFirstCall) {
  auto wanted = one_pool(GetParam());
  wanted.pools[0].preload = {"wave"};
  const sb::bridge bridge{wanted};
  EXPECT_EQ(bridge.eval("'wave' in __import__('sys').modules"), true);
}

TEST_P(Preload, GivenAModuleThatIsNotThereThenTheStartSaysWhich) {
  auto wanted = one_pool(GetParam());
  wanted.pools[0].preload = {"json", "no_such_module"};
  const auto refused = error_of(sb::bridge::start(wanted));
  EXPECT_EQ(refused.code(), sb::errc::environment_invalid);
  EXPECT_THAT(refused.message(),
              HasSubstr("preload: module 'no_such_module' cannot be imported"));
}

INSTANTIATE_TEST_SUITE_P(Python, Preload,
                         ::testing::Values(sb::placement::worker,
                                           sb::placement::embedded),
                         [](const auto& info) {
                           return info.param == sb::placement::worker
                                    ? "worker"
                                    : "embedded";
                         });

// Any worker has more than a byte.
// ORIGINAL P27
TEST(RecyclingOfWorkers, WhenItsMemoryIsBeyondTheLimitThenItIsReplaced) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools[0].recycle.memory_bytes = 1;
  wanted.pools[0].restart.intensity = 0;
  const sb::bridge bridge{wanted};
  const auto before = first_of(bridge).pid;
  std::optional<sb::session> session = bridge.open_session();
  EXPECT_TRUE(session->exec("x = 5"));
  EXPECT_TRUE(eventually([&] { return first_of(bridge).due; }));
  EXPECT_EQ(session->eval("x"), 5) << "what a session has is not lost";
  EXPECT_EQ(first_of(bridge).pid, before);
  session.reset();
  EXPECT_TRUE(eventually([&] { return first_of(bridge).recycled > 0; }));
  EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
  EXPECT_EQ(first_of(bridge).deaths, 0U);
}

// It had a session that used it for ever.
TEST(RecyclingOfWorkers, GivenAThreadThatCallsOnThenItsWorkerIsReplaced) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.pools[0].recycle.calls = 10;
  wanted.pools[0].restart.intensity = 0;
  const sb::bridge bridge{wanted};
  const auto before = first_of(bridge).pid;
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
    return first_of(bridge).recycled > 0;
  }));
  EXPECT_EQ(bridge.call("math", "sqrt", 16), 4.0);
  EXPECT_NE(first_of(bridge).pid, before);
  EXPECT_EQ(first_of(bridge).deaths, 0U);
}

} // namespace snakebridge::testing
