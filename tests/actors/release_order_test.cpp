// SUPERVISION.md scenario 44 on a real scheduler: whoever has seen a session's
// DOWN finds none of its objects, round after round, however it ended.
#include <array>
#include <atomic>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <gtest/gtest.h>

#include "actors/client.hpp"
#include "actors/sessions.hpp"
#include "config/tunables.hpp"
#include "testing/fake_host.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {

struct sharing_scheduler : caf::actor_system_config {
  sharing_scheduler() {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", 2);
    set("logger.verbosity", caf::atom("quiet"));
  }
};

} // namespace

class ReleaseOrder : public ::testing::Test {
protected:
  ReleaseOrder() {
    const auto queue = places->interpreter(1);
    // As the interpreter actor does it: the host's events do not keep it.
    host->start(
      {.on_ready = [queue,
                    weak = std::weak_ptr{host}] { queue->attach(weak.lock()); },
       .on_room = [queue] { queue->pump(); },
       .on_end = [queue, which = host.get()](
                   host_end end) { queue->detach(which, 1, std::move(end)); }});
  }
  ~ReleaseOrder() override { host->kill("the test ends"); }

  /// One session's life; true if its end was seen after its release.
  bool live_and_end(caf::scoped_actor& self, caf::exit_reason how) {
    auto owner = std::make_optional<client>(system, known, open_sessions);
    const auto opened = or_throw(owner->open({}));
    const auto actor = opened->actor;
    self->monitor(actor);
    for (int i = 0; i < 3; ++i)
      if (!opened->calls->run({.module = "fake", .name = "object"}, {}))
        return false;
    if (host->live_objects() != 3)
      return false;
    if (how == caf::exit_reason::normal)
      owner.reset();
    else
      caf::anon_send_exit(actor, how);
    bool ended = false;
    self->receive([&](const caf::down_msg&) { ended = true; },
                  caf::after(30s) >> [] {});
    return ended && host->live_objects() == 0;
  }

  sharing_scheduler settings;
  caf::actor_system system{settings};
  std::shared_ptr<const pools> places = std::make_shared<const pools>(
    std::vector<pool_config>{{.size = 1}}, std::make_shared<thread_timers>());
  std::shared_ptr<fake_host> host =
    std::make_shared<fake_host>(incarnation{"default", 1, 1});
  std::shared_ptr<sessions> open_sessions =
    std::make_shared<sessions>(system, places, 24h);
  std::shared_ptr<clients> known = std::make_shared<clients>();
};

// SUPERVISION 44
TEST_F(ReleaseOrder, WhenTheEndIsSeenThenTheReleaseHasBeenRoundAfterRound) {
  constexpr int rounds = 20'000;
  constexpr std::array ways{caf::exit_reason::normal, caf::exit_reason::kill,
                            caf::exit_reason::user_shutdown};
  caf::scoped_actor self{system};
  for (int round = 0; round < rounds; ++round)
    ASSERT_TRUE(live_and_end(self, ways[round % ways.size()]))
      << "round " << round;
  EXPECT_EQ(open_sessions->size(), 0U);
}

// Joining by id races with the end of the last owner: nobody ever joins a
// session that does not serve.
TEST_F(ReleaseOrder, WhenManyJoinAndLeaveOneIdThenEachIsServed) {
  constexpr int rounds = 1'000;
  std::atomic<int> refused = 0, served = 0;
  const auto join_and_leave = [&] {
    for (int round = 0; round < rounds; ++round) {
      client owner{system, known, open_sessions};
      const auto opened = or_throw(owner.open({.id = "shared"}));
      const auto got =
        opened->calls->run({.module = "fake", .name = "object"}, {});
      (got ? served : refused) += 1;
    }
  };
  std::vector<std::thread> owners;
  for (int i = 0; i < 4; ++i)
    owners.emplace_back(join_and_leave);
  for (auto& each : owners)
    each.join();
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(served, 4 * rounds);
  system.await_all_actors_done();
  EXPECT_EQ(host->live_objects(), 0U);
  EXPECT_EQ(open_sessions->size(), 0U);
}

// It would wait for a day.
TEST_F(ReleaseOrder, WhenTheBridgeStopsThenWhoWaitsToOpenIsTold) {
  std::promise<void> go_on;
  const auto held = go_on.get_future().share();
  const auto threads = system.scheduler().num_workers();
  for (std::size_t i = 0; i < threads; ++i)
    system.spawn([held](caf::event_based_actor*) { held.wait(); });
  for (std::size_t i = 0; i < limits::unheard_ends_max; ++i)
    ASSERT_TRUE(client(system, known, open_sessions).open({}));
  auto waits = std::async(std::launch::async, [this] {
    return client(system, known, open_sessions).open({}).error().code();
  });
  open_sessions->close();
  const bool told = waits.wait_for(30s) == std::future_status::ready;
  go_on.set_value();
  EXPECT_TRUE(told);
  EXPECT_EQ(waits.get(), errc::shutting_down);
  system.await_all_actors_done();
}

} // namespace snakebridge::testing
