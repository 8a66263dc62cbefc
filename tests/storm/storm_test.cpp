// Clients and enemies on one bridge with real workers. The seed says which
// enemy comes when; after each round, when all is quiet, everything is as it
// should be. A longer storm, or the one of another seed:
//   ./dev storm SECONDS [SEED]
#include <algorithm>
#include <array>
#include <cstdlib>
#include <future>
#include <iostream>
#include <latch>
#include <numeric>
#include <optional>
#include <random>
#include <ranges>
#include <span>

#include <malloc.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "tests/storm/enemies.hpp"
#include "tests/support/process_facts.hpp"

namespace snakebridge::testing {

namespace {

// A variable all processes of a storm have.
constexpr const char* mark_name = "SNAKEBRIDGE_STORM_MARK";
// Enemies one by one, then two at once; by then all that stays is there.
constexpr int warm_ups = 2;
constexpr int rounds_least = warm_ups + 1;
constexpr std::size_t rss_growth_bytes_max = std::size_t{8} << 20U;

constexpr std::uint32_t workers = 2, spared = 1, spares = 1;
constexpr std::uint32_t processes = workers + spared + spares;
constexpr std::uint64_t recycle_calls = 50;

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::vector<std::uint64_t> seeds() {
  if (const auto wanted = number_of("SNAKEBRIDGE_STORM_SEED", 0))
    return {wanted};
  return {1, 2, 3};
}

// Without what the allocator keeps for later, which is more or less by chance.
std::size_t bytes_in_use() {
  ::malloc_trim(0);
  return rss_bytes_of_this_process();
}

// Two pools of workers, of which one has spares and recycles, and Python in
// this process for those enemies that leave it alive.
sb::config stormy(const std::string& mark) {
  auto wanted = one_pool(sb::placement::worker, workers);
  // No enemy holds a worker for so long.
  wanted.timeout = 20s;
  auto& plain = wanted.pools[0];
  plain.restart = {.intensity = 30, .period = 1s};
  plain.cancel_grace = plain.kill_grace = 50ms;
  plain.env = {{mark_name, mark}};
  auto other = plain;
  other.name = "spared";
  other.size = spared;
  other.spares = spares;
  other.recycle.calls = recycle_calls;
  wanted.pools.push_back(std::move(other));
  wanted.pools.push_back({.name = "embedded",
                          .placement = sb::placement::embedded,
                          .cancel_grace = 50ms});
  return wanted;
}

} // namespace

class Storm : public ::testing::TestWithParam<std::uint64_t> {
protected:
  void SetUp() override {
    std::cerr << "replay: ./dev storm " << seconds_ << ' ' << GetParam()
              << std::endl;
  }

  void TearDown() override {
    for (auto& each : kept_)
      each.session.reset();
    bridge_.reset();
    EXPECT_TRUE(eventually([&] { return marked() == 0; }))
      << "an orphan lives on";
    EXPECT_EQ(look_at_this_process().children, 0U);
  }

  /// Enemies of each kind, so many at once, in an order of the seed, while
  /// clients call.
  void rage(std::size_t at_once) {
    std::vector<std::size_t> deck(enemies::count());
    std::iota(deck.begin(), deck.end(), std::size_t{0});
    std::shuffle(deck.begin(), deck.end(), random_);
    const clients calling{*bridge_, pools_, random_(), answers_};
    for (std::size_t i = 0; i < deck.size(); i += at_once) {
      const auto last = std::min(i + at_once, deck.size());
      const auto struck = strike_together({&deck[i], deck.data() + last});
      EXPECT_TRUE(calling.all_go_on()) << "after " << struck;
    }
  }

  void expect_all_is_well() {
    ASSERT_TRUE(eventually([this] { return is_quiet(); }));
    EXPECT_EQ(answers_.wrong(), std::vector<std::string>{});
    expect_deaths_were_struck();
    const auto held = look_and_hold_more();
    EXPECT_TRUE(eventually([&] {
      const auto now = bridge_->stats();
      return now.sessions == kept_.size() && now.live_objects() == held;
    }))
      << bridge_->stats().sessions << " sessions with "
      << bridge_->stats().live_objects() << " objects; " << held << " are held";
    EXPECT_TRUE(eventually([&] { return marked() == processes; }))
      << marked() << " processes of " << processes << " workers";
    EXPECT_TRUE(eventually([&] { return look_at_this_process() == calm_; }))
      << look_at_this_process() << "; before: " << calm_;
  }

  /// A worker of the pool that recycles is replaced, as soon as nobody uses it.
  void expect_it_recycles() {
    const auto so_far = [this] {
      return bridge_->stats().pools.at(1).interpreters.at(0).recycled;
    };
    const auto before = so_far();
    {
      const auto session = bridge_->open_session();
      for (std::uint64_t i = 0; i < recycle_calls; ++i)
        EXPECT_EQ(session.with({.pool = "spared"}).eval("1"), 1);
    }
    EXPECT_TRUE(eventually([&] { return so_far() > before; }));
  }

  /// Workers, spare ones too, and what they started.
  std::size_t marked() const { return processes_with(mark_name, mark_); }

  bool is_time_left() const { return std::chrono::steady_clock::now() < end_; }

  /// What this process has of the system's when all is quiet.
  void remember_calm() {
    ASSERT_TRUE(is_ready(*bridge_));
    // What the first stream and the first await make is there.
    for (const auto& pool : pools_) {
      const auto session = bridge_->open_session();
      auto one = session.with({.pool = pool}).stream("builtins", "range", 1);
      EXPECT_EQ(std::ranges::distance(one), 1);
      EXPECT_EQ(session.with({.pool = pool}).call("asyncio", "sleep", 0, 1), 1);
    }
    // And the threads that callbacks are destroyed on.
    std::latch both{2};
    const auto meet = [&] {
      return bridge_->async().eval("1").then(
        [&](const sb::result<sb::value>&) { both.arrive_and_wait(); });
    };
    ASSERT_TRUE(sb::when_all(meet(), meet()).get());
    ASSERT_TRUE(bridge_->release_auto_session());
    ASSERT_TRUE(eventually(
      [&] { return bridge_->stats().pools.at(1).spares == spares; }));
    // What the caller of a thread before left may still be ending.
    EXPECT_TRUE(eventually([&] {
      calm_ = look_at_this_process();
      return calm_.children == processes;
    }));
    for (auto& each : kept_)
      each.session.emplace(bridge_->open_session());
  }

private:
  /// Every interpreter is up, and runs nothing: also no call that was given up,
  /// for it may yet die of that.
  bool is_quiet() const {
    for (const auto& pool : bridge_->stats().pools)
      for (const auto& each : pool.interpreters)
        if (!each.ready || each.running > 0 || each.waiting > 0)
          return false;
    return true;
  }

  /// A session that lives through all rounds, and the objects it made.
  struct keeper {
    std::string pool;
    std::optional<sb::session> session = {};
    std::vector<sb::value> objects = {};
  };

  const std::string& pool_for(std::size_t enemy) {
    const auto fit =
      enemies::needs_worker(enemy) ? pools_.size() - 1 : pools_.size();
    return pools_[random_() % fit];
  }

  /// Answers their names, and where they struck.
  std::string strike_together(std::span<const std::size_t> which) {
    std::string all;
    bool is_lethal = false;
    std::vector<std::future<bool>> struck;
    for (const auto each : which) {
      const auto& pool = pool_for(each);
      all += enemies::name(each) + " in '" + pool + "' ";
      is_lethal = is_lethal || enemies::is_lethal(each);
      struck.push_back(std::async(
        std::launch::async, [&, each] { return enemies_.strike(each, pool); }));
    }
    for (auto& each : struck)
      EXPECT_TRUE(each.get()) << all << "never struck";
    // Of two at once one may have died of the other's blow.
    deaths_least_ += is_lethal ? 1 : 0;
    return all;
  }

  /// All deaths are the enemies', each was one restart, and each cost the calls
  /// its worker had at most.
  void expect_deaths_were_struck() {
    std::uint64_t deaths = 0;
    for (const auto& pool : bridge_->stats().pools) {
      EXPECT_EQ(pool.down, "");
      std::uint64_t here = 0;
      for (const auto& each : pool.interpreters)
        here += each.deaths;
      if (pool.name != "spared") { // whose workers are replaced besides
        EXPECT_EQ(pool.restarts(), here) << pool.name;
      }
      if (pool.placement == sb::placement::embedded) {
        EXPECT_EQ(here, 0U);
      }
      deaths += here;
    }
    EXPECT_GE(deaths, deaths_least_);
    EXPECT_LE(deaths, enemies_.deaths_most());
    EXPECT_LE(answers_.lost(), deaths * (1 + limits::handed_over_max));
  }

  /// What the kept sessions hold: what they held and nobody's death has taken,
  /// and more.
  std::uint64_t look_and_hold_more() {
    std::uint64_t held = 0;
    for (auto& each : kept_) {
      std::erase_if(each.objects, [&](const sb::value& object) {
        return has_ended(*bridge_, object);
      });
      for (int i = 0; i < 3; ++i)
        each.objects.push_back(or_throw(
          each.session->with({.pool = each.pool}).call("builtins", "object")));
      for (const auto& object : each.objects) {
        const auto text = each.session->str(object);
        EXPECT_TRUE(text) << text.error();
      }
      held += each.objects.size();
    }
    return held;
  }

  const std::uint64_t seconds_ = number_of("SNAKEBRIDGE_STORM_SECONDS", 1);
  const std::chrono::steady_clock::time_point end_ =
    std::chrono::steady_clock::now() + std::chrono::seconds{seconds_};
  const std::string mark_ = std::to_string(::getpid());
  // The last has no worker.
  const std::vector<std::string> pools_{"default", "spared", "embedded"};
  std::mt19937_64 random_{GetParam()};
  tally answers_;
  std::optional<sb::bridge> bridge_{stormy(mark_)};
  enemies enemies_{*bridge_, answers_};
  std::uint64_t deaths_least_ = 0;
  std::array<keeper, 2> kept_{{{"default"}, {"embedded"}}};
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
    rage(1 + static_cast<std::size_t>(round) % 2);
    expect_all_is_well();
    if (HasFailure())
      return;
    if (round < warm_ups)
      rss_bytes = bytes_in_use();
  }
  expect_it_recycles();
  if (rss_is_ours) {
    EXPECT_LE(bytes_in_use(), rss_bytes + rss_growth_bytes_max);
  }
}

} // namespace snakebridge::testing
