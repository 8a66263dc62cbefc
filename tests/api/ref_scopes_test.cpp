// The end of a ref_scope: it frees what was made in it, though its interpreter
// has no time for that, or no room.
#include "config/tunables.hpp"
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"

#include <future>
#include <optional>
#include <vector>

namespace snakebridge::testing {

namespace {

/// A call that comes to nothing else than to wait until the gate opens.
class busy {
public:
  explicit busy(const sb::caller& with)
      : held_{std::async(std::launch::async, [with, code = here_.wait_here()] {
          return with.eval(code);
        })} {}

  ~busy() { here_.open(); }
  busy(const busy&) = delete;
  busy& operator=(const busy&) = delete;

  bool is_running() { return here_.has_a_caller(); }
  bool has_ended() const {
    return held_.wait_for(0s) == std::future_status::ready;
  }
  sb::result<sb::value> end() {
    here_.open();
    return held_.get();
  }

private:
  gate here_;
  std::future<sb::result<sb::value>> held_;
};

} // namespace

/// One interpreter that another thread keeps busy when a scope ends.
class ScopesOfTheBusy : public ::testing::TestWithParam<sb::placement> {
protected:
  sb::bridge& start(std::chrono::milliseconds timeout,
                    sb::pool_config pool = {}) {
    auto wanted = one_pool(GetParam());
    pool.size = 1;
    pool.placement = GetParam();
    wanted.pools = {std::move(pool)};
    wanted.timeout = timeout;
    return bridge_.emplace(std::move(wanted));
  }
  /// For calls that have time in spite of the configuration.
  sb::caller patient() const {
    return bridge_->with(
      {.timeout = 1min, .affinity = sb::affinity::strict_queue});
  }
  /// Ends a scope with an object in it while another call runs, and then that.
  void end_scope_of_the_busy() {
    std::optional<busy> other;
    {
      const sb::ref_scope mine{*bridge_};
      ASSERT_TRUE(patient().eval("object()"));
      other.emplace(patient());
      ASSERT_TRUE(other->is_running());
    }
    EXPECT_FALSE(other->has_ended()) << "the scope waited for it";
    EXPECT_EQ(bridge_->stats().live_objects(), 1U);
    EXPECT_EQ(other->end(), "");
  }
  bool is_freed() const {
    return eventually([this] { return bridge_->stats().live_objects() == 0; });
  }

private:
  std::optional<sb::bridge> bridge_;
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(ScopesOfTheBusy);

TEST_P(ScopesOfTheBusy, WhenTheTimeoutIsOverThenTheyEndAndItIsFreedLater) {
  start(20ms);
  end_scope_of_the_busy();
  EXPECT_TRUE(is_freed());
}

TEST_P(ScopesOfTheBusy, GivenAPoolThatFailsFastThenItIsFreedAllTheSame) {
  start(20ms, {.affinity = sb::affinity::strict_fail_fast});
  end_scope_of_the_busy();
  EXPECT_TRUE(is_freed());
}

TEST_P(ScopesOfTheBusy, GivenTimeThenTheyEndWhenItIsFreed) {
  auto& bridge = start(1min, {.affinity = sb::affinity::strict_fail_fast});
  // It outlives the thread of the scope.
  const auto session = bridge.open_session();
  std::optional<busy> other;
  auto ends = std::async(std::launch::async, [&] {
    const sb::ref_scope mine{session};
    ASSERT_TRUE(session.eval("object()"));
    other.emplace(patient());
    ASSERT_TRUE(other->is_running());
  });
  // The third is that of the scope's end.
  ASSERT_TRUE(eventually([&] { return first_of(bridge).calls == 3; }));
  EXPECT_EQ(bridge.stats().live_objects(), 1U);
  EXPECT_EQ(other->end(), "");
  ends.get();
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
}

TEST_P(ScopesOfTheBusy, GivenAFullQueueThenItIsFreedAllTheSame) {
  auto& bridge = start(20ms, {.queue_max = 1});
  std::optional<busy> other;
  std::vector<std::future<bool>> fill;
  {
    const sb::ref_scope mine{bridge};
    ASSERT_TRUE(patient().eval("object()"));
    other.emplace(patient());
    ASSERT_TRUE(other->is_running());
    // So many wait in a worker, and one in its queue.
    for (std::size_t i = 0; i <= limits::handed_over_max; ++i)
      fill.push_back(std::async(std::launch::async, [this] {
        return eventually([this] { return patient().eval("1") == 1; });
      }));
    ASSERT_TRUE(eventually([&] {
      const auto probe = bridge.with({.timeout = 1ms}).eval("1");
      return !probe && probe.error().code() == sb::errc::overloaded;
    }));
  }
  EXPECT_FALSE(other->has_ended());
  EXPECT_EQ(other->end(), "");
  for (auto& each : fill)
    EXPECT_TRUE(each.get());
  EXPECT_TRUE(is_freed());
}

TEST_P(ScopesOfTheBusy, GivenADrainedPoolThenItIsFreedAllTheSame) {
  auto& bridge = start(1min);
  {
    const sb::ref_scope mine{bridge};
    ASSERT_TRUE(bridge.eval("object()"));
    ASSERT_TRUE(bridge.drain("default", 1min));
    EXPECT_EQ(code_of(bridge.eval("1")), sb::errc::pool_down);
  }
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
  ASSERT_TRUE(bridge.resume("default"));
}

TEST(ScopesOfAPool, WhenItsCircuitIsOpenThenWhatLivesIsFreedAllTheSame) {
  auto wanted = one_pool(sb::placement::worker, 2);
  wanted.pools[0].breaker = {.failures = 1, .period = 1min, .open = 1min};
  const sb::bridge bridge{std::move(wanted)};
  const auto session = bridge.open_session(), other = bridge.open_session();
  {
    const sb::ref_scope mine{session};
    ASSERT_TRUE(session.eval("object()"));
    // In the other worker.
    EXPECT_EQ(code_of(other.call("os", "_exit", 1)),
              sb::errc::interpreter_died);
    EXPECT_EQ(code_of(session.eval("1")), sb::errc::pool_down);
    EXPECT_EQ(bridge.stats().live_objects(), 1U);
  }
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
}

class NestedScopes : public EachPlacement {};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(NestedScopes);

// It outlived the scope around, if that covered another caller.
TEST_P(NestedScopes, WhenARefIsKeptThenTheOneAroundReleasesItWhateverItCovers) {
  const auto session = bridge.open_session();
  {
    const sb::ref_scope around{bridge};
    {
      sb::ref_scope mine{session};
      mine.keep(or_throw(session.eval("object()")));
      or_throw(session.eval("object()"));
    }
    EXPECT_EQ(bridge.stats().live_objects(), 1U);
  }
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
}

TEST_P(NestedScopes, GivenOneOfAnotherBridgeAroundThenItIsPassedOver) {
  const sb::bridge other{one_pool(sb::placement::worker)};
  sb::ref kept;
  {
    const sb::ref_scope of_this{bridge};
    const sb::ref_scope of_the_other{other};
    sb::ref_scope mine{bridge};
    kept = path();
    mine.keep(kept);
  }
  EXPECT_EQ(bridge.stats().live_objects(), 0U);
  {
    const sb::ref_scope of_the_other{other};
    sb::ref_scope mine{bridge};
    kept = path();
    mine.keep(kept);
  }
  EXPECT_EQ(bridge.str(kept), "/tmp");
}

} // namespace snakebridge::testing
