// Workers that run several calls at a time, as a program sees them.
#include "tests/api/python_fixture.hpp"

#include <map>
#include <set>
#include <thread>

namespace snakebridge::testing {

class Threads : public ::testing::Test {
protected:
  static constexpr std::uint32_t workers = 2, threads = 4;

  static sb::config wanted() {
    auto made = one_pool(sb::placement::worker, workers);
    made.pools[0].threads = threads;
    return made;
  }
  ~Threads() override {
    sessions.clear();
    EXPECT_TRUE(is_empty(bridge));
  }
  void open(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      sessions.push_back(bridge.open_session({.id = "s" + std::to_string(i)}));
      // Shared by all sessions of one worker.
      const auto made = sessions.back().exec(
        "import builtins, os, threading\n"
        "meet = builtins.__dict__.setdefault('meet', threading.Barrier("
        + std::to_string(threads) + "))\n");
      ASSERT_TRUE(made) << made;
    }
  }

  sb::bridge bridge{wanted()};
  std::vector<sb::session> sessions;
};

// Each call waits for three others in its worker: eight run at a time, and then
// the other eight.
// ORIGINAL P19
TEST_F(Threads, GivenSixteenThreadsOnTwoWorkersOfFourThenEightRunAtATime) {
  open(2 * workers * threads);
  std::vector<std::thread> callers;
  std::vector<sb::result<sb::value>> met(sessions.size());
  for (std::size_t i = 0; i < sessions.size(); ++i)
    callers.emplace_back(
      [&, i] { met[i] = sessions[i].eval("meet.wait(30), os.getpid()"); });
  for (auto& each : callers)
    each.join();
  std::map<std::int64_t, std::multiset<std::int64_t>> places;
  for (const auto& each : met) {
    ASSERT_TRUE(each) << each;
    const auto [place, pid] =
      each->as<std::tuple<std::int64_t, std::int64_t>>();
    places[pid].insert(place);
  }
  ASSERT_EQ(places.size(), workers);
  for (const auto& [pid, each] : places)
    EXPECT_EQ(each, (std::multiset<std::int64_t>{0, 0, 1, 1, 2, 2, 3, 3}));
}

TEST_F(Threads, WhenASessionCallsFromManyThreadsThenItsThreadIsTheSame) {
  open(3);
  std::vector<std::thread> callers;
  std::vector<sb::result<sb::value>> names(12);
  for (std::size_t i = 0; i < names.size(); ++i)
    callers.emplace_back([&, i] {
      names[i] =
        sessions[i % 3].eval("f'{os.getpid()} {threading.get_ident()}'");
    });
  for (auto& each : callers)
    each.join();
  std::set<std::string> of_all;
  for (std::size_t which = 0; which < 3; ++which) {
    std::set<std::string> of_one;
    for (std::size_t i = which; i < names.size(); i += 3)
      of_one.insert(names[i]->as<std::string>());
    EXPECT_EQ(of_one.size(), 1u);
    of_all.merge(of_one);
  }
  EXPECT_EQ(of_all.size(), 3u);
}

TEST_F(Threads, WhenAWorkerDiesThenAllItsSessionsLiveOn) {
  open(workers * threads);
  ASSERT_FALSE(sessions[0].call("os", "_exit", 1));
  for (auto& each : sessions)
    EXPECT_EQ(each.eval("1 + 1"), 2);
}

TEST(ThreadsOfAnEmbeddedPool, WhenItWantsMoreThanOneThenItIsRefused) {
  auto wanted = one_pool(sb::placement::embedded);
  wanted.pools[0].threads = 2;
  const auto started = sb::bridge::start(wanted);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), sb::errc::config_invalid);
  EXPECT_THAT(started.error().message(), ::testing::HasSubstr("threads"));
}

TEST(ThreadsOfAPool, WhenItWantsNoneOrTooManyThenItIsRefused) {
  for (const auto count : {0U, 65U}) {
    auto wanted = one_pool(sb::placement::worker);
    wanted.pools[0].threads = count;
    const auto started = sb::bridge::start(wanted);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code(), sb::errc::config_invalid);
    EXPECT_THAT(started.error().message(),
                ::testing::HasSubstr("pool.default.threads"));
  }
}

} // namespace snakebridge::testing
