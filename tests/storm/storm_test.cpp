// Clients and enemies on one bridge with real workers. The seed says which
// enemy comes when; after each round, when all is quiet, everything is as it
// should be. A longer storm, or the one of another seed:
//   ./dev storm SECONDS [SEED]
#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <optional>

#include <unistd.h>

#include "tests/storm/enemies.hpp"
#include "tests/support/process_facts.hpp"

namespace snakebridge::testing {

namespace {

// A variable all processes of a storm have.
constexpr const char* mark_name = "SNAKEBRIDGE_STORM_MARK";
constexpr int rounds_least = 2;
constexpr std::uint32_t workers = 2;
constexpr std::size_t rss_growth_bytes_max = std::size_t{32} << 20U;

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::vector<std::uint64_t> seeds() {
  if (const auto wanted = number_of("SNAKEBRIDGE_STORM_SEED", 0))
    return {wanted};
  return {1, 2, 3};
}

sb::config stormy(const std::string& mark) {
  auto wanted = one_pool(sb::placement::worker, workers);
  wanted.timeout = 1s;
  wanted.pools[0].restart = {.intensity = 100, .period = 1s};
  wanted.pools[0].cancel_grace = wanted.pools[0].kill_grace = 50ms;
  wanted.pools[0].env = {{mark_name, mark}};
  return wanted;
}

} // namespace

class Storm : public ::testing::TestWithParam<std::uint64_t> {
protected:
  void SetUp() override {
    std::cerr << "replay: ./dev storm " << seconds_ << ' ' << GetParam()
              << std::endl;
    for (auto& each : kept_)
      each.session.emplace(bridge_->open_session());
  }

  void TearDown() override {
    for (auto& each : kept_)
      each.session.reset();
    bridge_.reset();
    EXPECT_TRUE(eventually([&] { return marked() == 0; }))
      << "an orphan lives on";
    EXPECT_EQ(look_at_this_process().children, 0U);
  }

  /// Enemies of each kind, in an order of the seed, while clients call.
  void rage() {
    std::vector<std::size_t> deck(enemies_.count());
    std::iota(deck.begin(), deck.end(), std::size_t{0});
    std::shuffle(deck.begin(), deck.end(), random_);
    for (auto& each : kept_)
      hold_more(each);
    const clients calling{*bridge_, random_(), answers_};
    for (const auto which : deck) {
      const auto before = answers_.right();
      EXPECT_TRUE(enemies_.strike(which)) << enemies_.name(which);
      EXPECT_TRUE(eventually([&] { return answers_.right() > before; }))
        << "no call is answered after " << enemies_.name(which);
    }
    enemies_.relent();
  }

  void expect_all_is_well() {
    ASSERT_TRUE(is_ready(*bridge_));
    EXPECT_EQ(answers_.wrong(), std::vector<std::string>{});
    EXPECT_EQ(bridge_->stats().pools[0].down, "");
    std::uint64_t deaths = 0;
    for (const auto& each : bridge_->stats().pools[0].interpreters)
      deaths += each.deaths;
    EXPECT_GE(deaths, enemies_.deaths_least());
    EXPECT_LE(deaths, enemies_.deaths_most() + answers_.late());
    std::uint64_t held = 0;
    for (auto& each : kept_)
      held += count_live(each);
    EXPECT_TRUE(eventually([&] {
      const auto now = bridge_->stats();
      return now.sessions == kept_.size() && now.live_objects() == held;
    }))
      << bridge_->stats().sessions << " sessions with "
      << bridge_->stats().live_objects() << " objects; " << held << " are held";
    EXPECT_TRUE(eventually([&] { return marked() == workers; }))
      << marked() << " processes of " << workers << " workers";
    EXPECT_TRUE(eventually([&] { return look_at_this_process() == calm_; }))
      << look_at_this_process() << "; before: " << calm_;
  }

  /// Workers, and what they started.
  std::size_t marked() const { return processes_with(mark_name, mark_); }

  bool is_time_left() const { return std::chrono::steady_clock::now() < end_; }

  /// What this process has of the system's when all is quiet.
  void remember_calm() {
    ASSERT_TRUE(is_ready(*bridge_));
    // What the caller of a thread before left may still be ending.
    EXPECT_TRUE(eventually([&] {
      calm_ = look_at_this_process();
      return calm_.children == workers;
    }));
  }

private:
  /// A session that lives through all rounds, and the objects it made.
  struct keeper {
    std::optional<sb::session> session;
    std::vector<sb::value> objects;
  };

  void hold_more(keeper& into) {
    for (int i = 0; i < 3; ++i)
      into.objects.push_back(
        or_throw(into.session->call("builtins", "object")));
  }

  std::uint64_t count_live(keeper& of) {
    std::erase_if(of.objects, [&](const sb::value& each) {
      const auto text = of.session->str(each);
      EXPECT_TRUE(text || text.error().code() == sb::errc::ref_stale)
        << text.error();
      return !text;
    });
    return of.objects.size();
  }

  const std::uint64_t seconds_ = number_of("SNAKEBRIDGE_STORM_SECONDS", 1);
  const std::chrono::steady_clock::time_point end_ =
    std::chrono::steady_clock::now() + std::chrono::seconds{seconds_};
  const std::string mark_ = std::to_string(::getpid());
  std::mt19937_64 random_{GetParam()};
  tally answers_;
  std::optional<sb::bridge> bridge_{stormy(mark_)};
  enemies enemies_{*bridge_, answers_};
  std::array<keeper, 2> kept_;
  process_facts calm_;
};

INSTANTIATE_TEST_SUITE_P(EachSeed, Storm, ::testing::ValuesIn(seeds()),
                         ::testing::PrintToStringParamName());

// SUPERVISION 53
TEST_P(Storm, WhateverStrikesThenAllIsWellOnceItIsQuiet) {
  remember_calm();
  std::size_t rss_bytes = 0;
  for (int round = 0; round < rounds_least || is_time_left(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    rage();
    expect_all_is_well();
    if (HasFailure())
      return;
    if (round == 0)
      rss_bytes = rss_bytes_of_this_process();
  }
  if (rss_is_ours) {
    EXPECT_LE(rss_bytes_of_this_process(), rss_bytes + rss_growth_bytes_max);
  }
}

} // namespace snakebridge::testing
