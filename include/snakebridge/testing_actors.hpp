#pragma once
// The fixture of every actor test: an actor system whose scheduler runs when
// told to and whose clock stands still until moved. It owns the system; all
// actors run on the test's own thread, inside `settle` and `advance`. At its
// end a test must leave no actor: `ends_with_test` ends those that it does not
// end itself. A bridge on fake Python may run on it, too. Needs GoogleTest and
// CAF.
//
// On this clock are: what actors send delayed, the time a request may take, the
// timeouts of calls, restarts and their backoff, breakers, recycling by age,
// the answers and starts of fake Python. What blocks its thread cannot wait for
// it: a thread's own call that is not answered at once is deadline_exceeded,
// and the patience of `drain` and `resize` is on the machine's clock. Fake
// objects have no ttl.

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <snakebridge/testing.hpp>

namespace snakebridge::testing {

/// The reply to one request, when it comes. `Value` is void for an empty one.
template <class Value>
class answer {
public:
  using stored = std::conditional_t<std::is_void_v<Value>, caf::unit_t, Value>;

  bool arrived() const { return slot_->value || slot_->error; }
  bool is_value() const { return slot_->value.has_value(); }

  /// The value; a test that gets an error or nothing instead fails.
  const stored& value() const {
    if (slot_->value)
      return *slot_->value;
    if (slot_->error)
      throw std::logic_error{to_string(slot_->error).insert(0, "answered ")};
    throw std::logic_error{"no answer arrived"};
  }

  /// The error; a test that gets a value or nothing instead fails.
  const caf::error& error() const {
    if (slot_->error)
      return slot_->error;
    throw std::logic_error{slot_->value ? "answered, but not with an error"
                                        : "no answer arrived"};
  }

  void set(stored value) const { slot_->value.emplace(std::move(value)); }
  void fail(caf::error why) const { slot_->error = std::move(why); }

private:
  struct slot {
    std::optional<stored> value;
    caf::error error;
  };
  std::shared_ptr<slot> slot_ = std::make_shared<slot>();
};

class deterministic : public ::testing::Test {
protected:
  deterministic() {
    config_.set("scheduler.policy", caf::atom("testing"));
    config_.set("logger.verbosity", caf::atom("quiet"));
    system_.emplace(config_);
  }

  void TearDown() override {
    settle();
    for (auto i = leftovers_.rbegin(); i != leftovers_.rend(); ++i)
      caf::anon_send_exit(*i, caf::exit_reason::user_shutdown);
    leftovers_.clear();
    settle();
    bridge_.reset();
    advance(std::chrono::minutes{1});
    auto running = system_->registry().running();
    EXPECT_EQ(running, 0u) << "actors left, or requests never answered";
    // A failed test must not hang the run.
    system_->await_actors_before_shutdown(running == 0);
  }

  caf::actor_system& system() { return *system_; }

  /// A bridge on this system, which knows of Python what `python` does, until
  /// the test ends.
  bridge& start_bridge(const fake_python& python,
                       config wanted = {.pools = {{.size = 1}}}) {
    bridge_ = python.start(system(), std::move(wanted));
    return *bridge_;
  }

  caf::scheduler::test_coordinator& scheduler() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(
      system_->scheduler());
  }

  /// Runs every actor until none has a message. Time stands still.
  void settle() {
    for (auto left = jobs_max; scheduler().try_run_once(); --left)
      if (left == 0) {
        ADD_FAILURE() << "the actors never come to rest";
        return;
      }
  }

  /// Lets `time` pass, each timer firing at its own moment.
  void advance(caf::timespan time) {
    auto& clock = scheduler().clock();
    auto until = clock.now() + time;
    settle();
    while (clock.has_pending_timeout()) {
      auto due = clock.schedule().begin()->first;
      if (due > until)
        break;
      clock.advance_time(std::max(due - clock.now(), {}));
      settle();
    }
    clock.advance_time(until - clock.now());
    settle();
  }

  /// Sends a request, settles, and returns the answer, if it has come.
  template <class Value, class... Arguments>
  answer<Value> ask(const caf::actor& whom, Arguments... arguments) {
    auto reply = post<Value>(whom, std::move(arguments)...);
    settle();
    return reply;
  }

  /// Puts a request into the mailbox of `whom` and runs nobody but the asker.
  template <class Value, class... Arguments>
  answer<Value> post(const caf::actor& whom, Arguments... arguments) {
    answer<Value> reply;
    auto asker = [whom, reply](caf::event_based_actor* self,
                               Arguments... forwarded) {
      auto request =
        self->request(whom, caf::infinite, std::move(forwarded)...);
      auto fail = [reply](caf::error& why) { reply.fail(std::move(why)); };
      if constexpr (std::is_void_v<Value>)
        request.then([reply] { reply.set(caf::unit); }, fail);
      else
        request.then([reply](Value& got) { reply.set(std::move(got)); }, fail);
    };
    auto sender = system_->spawn(asker, std::move(arguments)...);
    scheduler().prioritize(sender);
    scheduler().run_once();
    return reply;
  }

  /// Ended by the fixture when the test is over, last come first.
  const caf::actor& ends_with_test(const caf::actor& leftover) {
    return leftovers_.emplace_back(leftover);
  }

private:
  static constexpr std::size_t jobs_max = 1'000'000;

  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  std::vector<caf::actor> leftovers_;
  std::unique_ptr<bridge> bridge_;
};

} // namespace snakebridge::testing
