// Many children on real threads: SUPERVISION.md scenario 39. Both sizes are
// measured in one run on one machine and only their ratio is asserted, with
// room for a busy machine: a walk over all siblings for each start or stop
// would make ten times the children take a hundred times as long.
#include <snakebridge/supervisor.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scoped_actor.hpp>

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/under_tsan.hpp"

namespace snakebridge::testing {

namespace {

using duration = std::chrono::duration<double>;

constexpr auto few = 1'000;
constexpr auto many = 10'000;
constexpr auto ratio_max = 50.0;
// The best of some rounds; of more where a busy machine spoilt those.
constexpr auto rounds = 3;
constexpr auto rounds_max = 12;
constexpr std::chrono::minutes patience{2};

caf::behavior idle(caf::event_based_actor*, int) {
  return {[](up_atom) {}};
}

caf::expected<caf::actor> make_idle(caf::event_based_actor* supervisor) {
  return supervisor->system().spawn(idle, 0);
}

class SupervisorScale : public ::testing::Test {
protected:
  SupervisorScale() {
    config_.set("scheduler.policy", caf::atom("sharing"));
    system_.emplace(config_);
  }

  void SetUp() override {
    // Debian's CAF is not instrumented.
    if (under_tsan)
      GTEST_SKIP() << "ThreadSanitizer cannot see through CAF's mailboxes";
  }

  void start_and_stop(strategy how, int children) {
    caf::scoped_actor self{*system_};
    supervisor_spec spec{.strategy = how};
    if (how == strategy::simple_one_for_one)
      spec.children = {{.id = "child", .start = make_idle}};
    auto boss = *spawn_supervisor(*system_, spec);
    for (auto i = 0; i < children; ++i)
      if (how == strategy::simple_one_for_one)
        self->send(boss, start_child_atom::value);
      else
        self->send(boss, start_child_atom::value,
                   child_spec{.id = std::to_string(i), .start = make_idle});
    child_counts sums;
    self->request(boss, patience, count_children_atom::value)
      .receive([&](const child_counts& got) { sums = got; },
               [](const caf::error& why) { ADD_FAILURE() << to_string(why); });
    EXPECT_EQ(sums.active, static_cast<std::size_t>(children));
    self->send_exit(boss, caf::exit_reason::user_shutdown);
    self->wait_for(boss);
  }

  duration time_of(strategy how, int children) {
    auto begin = std::chrono::steady_clock::now();
    start_and_stop(how, children);
    return std::chrono::steady_clock::now() - begin;
  }

  double ratio_of(strategy how) {
    auto best_of_few = duration::max(), best_of_many = duration::max();
    auto ratio = 0.0;
    for (auto i = 0; i < rounds || (ratio >= ratio_max && i < rounds_max);
         ++i) {
      best_of_few = std::min(best_of_few, time_of(how, few));
      best_of_many = std::min(best_of_many, time_of(how, many));
      ratio = best_of_many / best_of_few;
    }
    return ratio;
  }

  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
};

} // namespace

// SUPERVISION 39
TEST_F(SupervisorScale, GivenTenTimesThePoolThenItIsNotAHundredTimesSlower) {
  EXPECT_LT(ratio_of(strategy::simple_one_for_one), ratio_max);
}

// SUPERVISION 39
TEST_F(SupervisorScale, GivenTenTimesTheSpecsThenItIsNotAHundredTimesSlower) {
  EXPECT_LT(ratio_of(strategy::one_for_one), ratio_max);
}

} // namespace snakebridge::testing
