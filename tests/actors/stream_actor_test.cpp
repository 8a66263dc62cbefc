// Streams of actors: items as messages, as they are asked for.
#include "actors/stream_actor.hpp"

#include <gmock/gmock.h>

#include "tests/actors/acting.hpp"

namespace snakebridge::testing {

namespace {

struct go_on {
  std::size_t items;
};

} // namespace

} // namespace snakebridge::testing

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::testing::go_on)

namespace snakebridge::testing {

class StreamActor : public acting {
protected:
  /// Opens a stream over so many numbers, and reads as it is told to.
  caf::actor reader(const std::string& session, int count) {
    list all;
    for (int i = 0; i < count; ++i)
      all.push_back(i);
    const auto made = ends_with_test(system().spawn(
      [this, session](caf::event_based_actor* self,
                      const stream_message& what) -> caf::behavior {
        const auto from = caf::actor_cast<session_actor>(
          open(session, caf::actor_cast<caf::actor>(self)));
        self->request(from, caf::infinite, what)
          .then([this](const stream_actor& opened) { items = opened; });
        return {[this, self](go_on wanted) {
          self->request(items, caf::infinite, more_message{wanted.items})
            .then(
              [this](const items_message& got) {
                happened.add(repr(value{got.items})
                             + (got.ended ? " end" : ""));
              },
              [this](const caf::error& why) {
                happened.add(std::string{to_string(to_error(why).code())});
              });
        }};
      },
      stream_message{"fake", "echo", {value{std::move(all)}}}));
    settle();
    return made;
  }
  events told(const caf::actor& whom, std::size_t items) {
    caf::anon_send(whom, go_on{items});
    return took_place();
  }

  stream_actor items;
};

TEST_F(StreamActor, GivenADemandThenSoManyComeAtMost) {
  start_bridge();
  const auto one = reader("a", 7);
  EXPECT_EQ(took_place(), events{}); // nothing was asked for
  EXPECT_EQ(told(one, 3), (events{"call:fake.echo", "call:next(fake.stream)",
                                  "call:next(fake.stream)",
                                  "call:next(fake.stream)", "[0]"}));
  EXPECT_EQ(told(one, 3), (events{"[1, 2, 3]"}));
  EXPECT_EQ(told(one, 3), (events{"[4]"}));
  EXPECT_EQ(told(one, 3), (events{"[5, 6]"}));
  EXPECT_EQ(told(one, 3), (events{"[] end"}));
  EXPECT_EQ(told(one, 3), (events{"[] end"}));
  EXPECT_EQ(told(one, 0), (events{"config_invalid"}));
  EXPECT_EQ(host().live_objects(), 0U);
}

TEST_F(StreamActor, WhenItemsComeLaterThenWhoAskedGetsThemInTurn) {
  start_bridge({{.size = 1}}, {.holds_items = true});
  const auto one = reader("a", 7);
  EXPECT_EQ(told(one, 1), (events{"call:fake.echo", "call:next(fake.stream)"}));
  EXPECT_EQ(told(one, 5), events{});
  host().deliver({1});
  host().finish(true);
  EXPECT_EQ(took_place(), (events{"call:next(fake.stream)", "[1]"}));
  host().deliver({2, 3});
  EXPECT_EQ(took_place(), (events{"[2, 3]"}));
  EXPECT_EQ(told(one, 5), events{});
  host().die("it crashed");
  EXPECT_THAT(took_place(), ::testing::Contains("interpreter_died"));
  EXPECT_EQ(told(one, 5), (events{"[] end"}));
}

TEST_F(StreamActor, WhenItsClientEndsThenSoDoesItAndPythonIsToldTo) {
  start_bridge({{.size = 1}}, {.holds_items = true});
  ends_with_test(open("a", client("other"))); // the session goes on
  const auto one = reader("a", 7);
  told(one, 1);
  caf::anon_send_exit(one, caf::exit_reason::kill);
  EXPECT_EQ(took_place(), (events{"abandon:next(fake.stream)"}));
  host().finish(true);
  EXPECT_EQ(took_place(), (events{"call:close(fake.stream)"}));
  EXPECT_EQ(places->streams().open, 0U);
  items = nullptr;
}

TEST_F(StreamActor, WhenItEndsThenWhoWaitsForItemsIsAnswered) {
  start_bridge({{.size = 1}}, {.holds_items = true});
  const auto one = reader("a", 7);
  const auto waits =
    post<items_message>(caf::actor_cast<caf::actor>(items), more_message{1});
  settle();
  caf::anon_send_exit(one, caf::exit_reason::kill);
  settle();
  EXPECT_EQ(to_error(waits.error()).code(), errc::session_closed);
  items = nullptr;
}

TEST_F(StreamActor, WhenItIsForgottenThenItsStreamEnds) {
  start_bridge();
  const auto one = reader("a", 100);
  told(one, 1);
  items = nullptr;
  EXPECT_EQ(took_place(), (events{"call:close(fake.stream)"}));
  EXPECT_EQ(places->streams().open, 0U);
}

TEST_F(StreamActor, GivenMoreRequestsThanMayWaitThenOthersAreOverloaded) {
  start_bridge({{.size = 1}}, {.holds_items = true});
  const auto one = reader("a", 7);
  for (std::size_t i = 0; i < limits::stream_requests_max; ++i)
    told(one, 1);
  EXPECT_EQ(told(one, 1), (events{"overloaded"}));
}

} // namespace snakebridge::testing
