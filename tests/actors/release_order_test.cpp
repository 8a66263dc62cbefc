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
#include "tests/support/eventually.hpp"
#include "tests/support/process_facts.hpp"

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
    const auto calls = places->of(1)->calls;
    // As the interpreter actor does it: the host's events do not keep it.
    host->start(
      {.on_ready =
         [calls, weak = std::weak_ptr{host}] { calls->attach(1, weak.lock()); },
       .on_room = [calls] { calls->pump(1); },
       .on_end =
         [calls, which = host.get()](host_end end) {
           calls->detach(1, which, 1, std::move(end));
         }});
  }
  ~ReleaseOrder() override { host->kill("the test ends"); }

  /// One session's life; true if its end was seen after its release.
  bool live_and_end(caf::scoped_actor& self, caf::exit_reason how) {
    auto owner = std::make_optional<client>(system, known, open_sessions);
    const auto opened = or_throw(owner->open({}));
    const auto actor = opened->members.actor;
    self->monitor(actor);
    for (int i = 0; i < 3; ++i)
      if (!opened->run({.module = "fake", .name = "object"}, {}))
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
    std::make_shared<sessions>(system, places, session_rules{.timeout = 24h});
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
      const auto got = opened->run({.module = "fake", .name = "object"}, {});
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

// With a scheduler that has no time for the ends of sessions.
class HeldUpEnds : public ReleaseOrder {
protected:
  HeldUpEnds() {
    const auto threads = system.scheduler().num_workers();
    for (std::size_t i = 0; i < threads; ++i)
      system.spawn([held = held_](caf::event_based_actor*) { held.wait(); });
  }
  ~HeldUpEnds() override {
    if (held_.wait_for(0s) != std::future_status::ready)
      let_go();
    system.await_all_actors_done();
  }

  void let_go() { go_on_.set_value(); }

  void end_sessions(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_TRUE(client(system, known, open_sessions).open({}));
  }

  result<session_ptr> open(call_options& of_call) {
    return client(system, known, open_sessions).open({}, of_call);
  }

  /// What `work` is going to answer, on a thread of its own that waits by now.
  template <class Work>
  static auto begin(Work work) {
    std::promise<pid_t> started;
    auto thread = started.get_future();
    auto answer = std::async(std::launch::async,
                             [work, started = std::move(started)]() mutable {
                               started.set_value(::gettid());
                               return work();
                             });
    EXPECT_TRUE(eventually([id = thread.get()] { return is_asleep(id); }));
    return answer;
  }

private:
  std::promise<void> go_on_;
  const std::shared_future<void> held_ = go_on_.get_future().share();
};

TEST_F(HeldUpEnds, GivenTheCallsTimeoutThenNobodyWaitsLonger) {
  end_sessions(limits::unheard_ends_max);
  call_options brief{.timeout = 1ms};
  EXPECT_EQ(open(brief).error().code(), errc::overloaded);
  EXPECT_LE(*brief.timeout, 0ms);
}

TEST_F(HeldUpEnds, WhenTheyAreHeardOfThenWhoWaitsOpensAndHasLessTimeLeft) {
  end_sessions(limits::unheard_ends_max);
  call_options long_call{.timeout = 1h};
  auto waits = begin([&] { return open(long_call); });
  let_go();
  EXPECT_TRUE(waits.get());
  EXPECT_LT(*long_call.timeout, 1h);
}

TEST_F(HeldUpEnds, WhenTheCallIsCancelledThenItWaitsNoLonger) {
  end_sessions(limits::unheard_ends_max);
  cancel_source source;
  call_options cancellable{.cancel = source.token()};
  auto waits = begin([&] { return open(cancellable); });
  source.cancel();
  EXPECT_EQ(waits.get().error().code(), errc::cancelled);
}

// It would wait for a day.
TEST_F(HeldUpEnds, WhenTheBridgeStopsThenWhoWaitsToOpenIsTold) {
  end_sessions(limits::unheard_ends_max);
  call_options as_configured;
  auto waits = begin([&] { return open(as_configured); });
  open_sessions->close();
  EXPECT_EQ(waits.get().error().code(), errc::shutting_down);
}

// Whoever waits for Python does not hold up those who open.
TEST_F(HeldUpEnds, GivenAReleaseThatWaitsThenItIsNoUnheardEnd) {
  client owner{system, known, open_sessions};
  const auto released = or_throw(owner.open({})),
             busy = or_throw(owner.open({}));
  ASSERT_TRUE(released->run({.module = "fake", .name = "object"}, {}));
  std::promise<void> held;
  busy->submit({.module = "fake", .name = "hold"}, {},
               [&](const result<value>&) { held.set_value(); });
  end_sessions(limits::unheard_ends_max - 1);
  auto waits = begin([&] { return open_sessions->release(released); });
  call_options at_once{.timeout = 0ms};
  EXPECT_TRUE(open_sessions->await_room(at_once));
  host->finish({});
  held.get_future().wait();
  EXPECT_EQ(waits.get(), 1U);
  EXPECT_EQ(open_sessions->await_room(at_once).error().code(),
            errc::overloaded);
}

} // namespace snakebridge::testing
