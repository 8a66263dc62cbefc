// A child stuck in Python past its time, where nothing can end it: in this
// process. The bridge's own tree, with the host that a user has.
#include <atomic>
#include <future>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include "actors/session_core.hpp"
#include "bridge/tree.hpp"
#include "tests/api/gate.hpp"
#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

class StuckInPython : public ::testing::Test {
protected:
  StuckInPython() {
    root_ = *spawn_supervisor(
      system_, root_spec(*places_, real_hosts(settings_, threads_),
                         [](const caf::actor&) {}));
    or_throw(calls()->wait_ready(1, steady_clock::now() + patience));
  }

  ~StuckInPython() override {
    for (const auto& each : submitting_)
      each->close();
    self_->send_exit(root_, caf::exit_reason::user_shutdown);
    self_->wait_for(root_);
    EXPECT_TRUE(threads_->wait_for_none(patience));
    deadlines_->stop();
  }

  std::shared_ptr<dispatcher> calls() { return places_->of(1)->calls; }

  result<value> eval(std::string expression) {
    session_core session{
      places_, ++last_session_, "a session", {.timeout = patience}};
    auto answer =
      session.run({.what = verb::evaluate, .name = std::move(expression)}, {});
    session.close();
    return answer;
  }

  /// The same for somebody who does not wait.
  std::future<result<value>> submit(std::string expression) {
    auto told = std::make_shared<std::promise<result<value>>>();
    submitting_.push_back(
      std::make_shared<session_core>(places_, ++last_session_, "a session",
                                     session_rules{.timeout = patience}));
    submitting_.back()->submit(
      {.what = verb::evaluate, .name = std::move(expression)}, {},
      [told](result<value> outcome) { told->set_value(std::move(outcome)); });
    return told->get_future();
  }

  template <class Supervisor>
  caf::actor first_child_of(const Supervisor& boss) {
    std::vector<child_row> rows;
    self_->request(boss, patience, which_children_atom::value)
      .receive([&](std::vector<child_row>& told) { rows = std::move(told); },
               [](const caf::error& why) { FAIL() << describe(why); });
    return rows.at(0).handle;
  }

  void kill_interpreter() {
    const auto interpreters = first_child_of(root_);
    const auto pool = first_child_of(interpreters);
    self_->send_exit(first_child_of(pool), caf::exit_reason::kill);
  }

private:
  const sb::config settings_ =
    or_throw(checked(one_pool(sb::placement::embedded)));
  std::shared_ptr<timers> deadlines_ = std::make_shared<thread_timers>();
  std::shared_ptr<live_threads> threads_ = std::make_shared<live_threads>();
  std::shared_ptr<const pools> places_ =
    std::make_shared<const pools>(settings_.pools, deadlines_);
  caf::actor_system_config system_settings_;
  caf::actor_system system_{system_settings_};
  caf::scoped_actor self_{system_};
  supervisor_actor root_;
  std::atomic<std::uint64_t> last_session_ = 0;
  std::vector<session_ptr> submitting_;
};

// SUPERVISION 33
TEST_F(StuckInPython, WhenItIsKilledThenItIsAbandonedAndANewOneIsUp) {
  std::future<result<value>> stuck;
  gate here; // opens before `stuck` waits for its thread
  stuck =
    std::async(std::launch::async, [&] { return eval(here.wait_here()); });
  ASSERT_TRUE(here.has_a_caller());
  ::testing::internal::CaptureStderr(); // the log
  kill_interpreter();
  const bool is_up = eventually([&] { return eval("6 * 7") == 42; });
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::HasSubstr("interpreter 1 of pool 'default' is "
                                   "abandoned"));
  ASSERT_TRUE(is_up);
  EXPECT_EQ(calls()->look(1).epoch, 2U);
  // The other is in Python still, and its thread with it.
  EXPECT_EQ(stuck.wait_for(0s), std::future_status::timeout);
  here.open();
  EXPECT_EQ(stuck.get(), "");
}

// They waited until it came back, and so did all that came later.
TEST_F(StuckInPython, WhenItIsAbandonedThenNobodyWaitsForIt) {
  gate here;
  auto stuck = submit(here.wait_here());
  ASSERT_TRUE(here.has_a_caller());
  auto behind_it = submit("'it ran'");
  auto in_line =
    std::async(std::launch::async, [&] { return eval("'it ran, too'"); });
  EXPECT_TRUE(eventually([&] {
    const auto now = calls()->look(1);
    return now.waiting + now.host.running == 3U;
  }));
  kill_interpreter();
  const auto lost = error_of(stuck.get());
  EXPECT_EQ(lost.code(), errc::interpreter_died);
  EXPECT_TRUE(lost.may_have_run());
  EXPECT_EQ(behind_it.get(), "it ran");
  EXPECT_EQ(in_line.get(), "it ran, too");
  here.open();
}

} // namespace snakebridge::testing
