// What stands for a session of the cluster while that is opened.
#include "actors/opening_session.hpp"

#include <snakebridge/testing_actors.hpp>

#include "actors/errors.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {

caf::behavior quiet(caf::event_based_actor*, caf::unit_t) {
  return {[](caf::unit_t) {}};
}

/// Answers with what it is asked, and notes that.
caf::behavior echo(caf::event_based_actor*, std::vector<std::string>* heard) {
  return {[heard](const eval_message& asked) {
    heard->push_back(asked.expression);
    return value{asked.expression};
  }};
}

} // namespace

class OpeningSession : public deterministic {
protected:
  auto eval(const std::string& expression) {
    return ask<value>(untyped(), eval_message{expression});
  }
  caf::actor untyped() const { return caf::actor_cast<caf::actor>(opening); }
  caf::actor opened() {
    const auto made = system().spawn(echo, &heard);
    end_opening(opening, caf::actor_cast<session_actor>(made));
    settle();
    return ends_with_test(made);
  }
  /// It answers nobody any more.
  bool has_ended() {
    const auto asked = eval("there?");
    return asked.arrived() && !asked.is_value();
  }

  std::vector<std::string> heard;
  const caf::actor client = ends_with_test(system().spawn(quiet, caf::unit));
  const session_actor opening =
    spawn_opening_session(system(), client.address());
};

TEST_F(OpeningSession, WhenItIsOpenThenWhatCameBeforeIsAnsweredInOrder) {
  const auto one = eval("1"), two = eval("2");
  settle();
  EXPECT_FALSE(one.arrived());
  opened();
  const auto three = eval("3");
  EXPECT_EQ(one.value(), value{"1"});
  EXPECT_EQ(two.value(), value{"2"});
  EXPECT_EQ(three.value(), value{"3"});
  EXPECT_EQ(heard, (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(OpeningSession, WhenItCannotBeOpenedThenAllAreToldWhy) {
  const auto before = eval("1");
  end_opening(opening,
              tl::unexpected{error{errc::node_down, "no node of that name"}});
  const auto after = eval("2");
  for (const auto& each : {before, after}) {
    const auto why = to_error(each.error());
    EXPECT_EQ(why.code(), errc::node_down);
    EXPECT_EQ(why.message(), "no node of that name");
  }
}

TEST_F(OpeningSession, WhenItsClientEndsThenItDoes) {
  const auto before = eval("1");
  caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
  settle();
  EXPECT_TRUE(before.arrived());
  EXPECT_TRUE(has_ended());
}

TEST_F(OpeningSession, WhenTheSessionEndsThenItDoes) {
  const auto session = opened();
  EXPECT_FALSE(has_ended());
  caf::anon_send_exit(session, caf::exit_reason::user_shutdown);
  settle();
  EXPECT_TRUE(has_ended());
}

} // namespace snakebridge::testing
