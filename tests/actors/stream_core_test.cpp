// One stream on the program's side, on fake hosts and fake time.
#include "actors/stream_core.hpp"

#include "tests/actors/acting.hpp"

namespace snakebridge::testing {

class StreamCore : public acting {
protected:
  void begin(fake_manners how = {}) {
    start_bridge({{.size = 1}}, how);
    const auto owner = client("client");
    session = or_throw(open_sessions->open({.id = "a"}, owner.address())).core;
    settle();
    happened.take();
  }
  std::shared_ptr<stream_core> stream(operation source,
                                      stream_rules rules = {}) {
    return std::make_shared<stream_core>(session, std::move(source),
                                         call_options{}, rules);
  }
  /// Over so many numbers.
  std::shared_ptr<stream_core> numbers(int count, stream_rules rules = {}) {
    list all;
    for (int i = 0; i < count; ++i)
      all.push_back(i);
    return stream({.what = verb::stream,
                   .module = "fake",
                   .name = "echo",
                   .positional = {value{std::move(all)}}},
                  rules);
  }
  std::optional<stream_core::batch> take(stream_core& from) {
    return from.take([this] { happened.add("news"); });
  }
  std::size_t size_of_next(stream_core& from) {
    const auto taken = take(from);
    return taken ? taken->items.size() : ~std::size_t{0};
  }
  errc end_of(stream_core& from) {
    return take(from).value().failed.value().code();
  }

  session_ptr session;
};

TEST_F(StreamCore, WhenABatchIsTakenThenTwoMoreAreAskedForAndAreLarger) {
  begin();
  const auto all = numbers(100);
  EXPECT_EQ(took_place(), events{});
  EXPECT_EQ(size_of_next(*all), 1U);
  EXPECT_EQ(took_place(),
            (events{"call:fake.echo", "call:next(fake.stream)",
                    "call:next(fake.stream)", "call:next(fake.stream)"}));
  EXPECT_EQ(places->streams().open, 1U);
  EXPECT_EQ(places->streams().items, 4U + 16U);
  EXPECT_EQ(size_of_next(*all), 4U);
  EXPECT_EQ(took_place(), (events{"call:next(fake.stream)"}));
  EXPECT_EQ(size_of_next(*all), 16U);
  EXPECT_EQ(size_of_next(*all), 64U);
  EXPECT_EQ(size_of_next(*all), 15U);
  EXPECT_EQ(size_of_next(*all), 0U);
  EXPECT_FALSE(take(*all)->failed);
  EXPECT_EQ(places->streams().open, 0U);
  EXPECT_EQ(host().live_objects(), 0U);
}

TEST_F(StreamCore, GivenALimitThenNoBatchIsLarger) {
  begin();
  const auto all = numbers(10, {.batch_items = 3});
  for (const auto size : {1U, 3U, 3U, 3U, 0U})
    EXPECT_EQ(size_of_next(*all), size);
}

TEST_F(StreamCore, WhenNoItemComesInTimeThenItEnds) {
  begin({.holds_items = true});
  const auto slow = numbers(3, {.timeout = 10s});
  EXPECT_FALSE(take(*slow));
  advance(9s);
  host().deliver({1});
  EXPECT_EQ(took_place(),
            (events{"call:fake.echo", "call:next(fake.stream)", "news"}));
  EXPECT_EQ(size_of_next(*slow), 1U);
  EXPECT_FALSE(take(*slow));
  advance(9s); // since that one
  EXPECT_EQ(took_place(), events{});
  advance(2s);
  EXPECT_EQ(took_place(), (events{"abandon:next(fake.stream)", "news"}));
  EXPECT_EQ(end_of(*slow), errc::deadline_exceeded);
  EXPECT_EQ(size_of_next(*slow), 0U);
  host().finish(false);
  EXPECT_EQ(took_place(), (events{"call:close(fake.stream)"}));
  EXPECT_EQ(host().live_objects(), 0U);
}

TEST_F(StreamCore, WhenItIsClosedThenWhatRunsIsGivenUpAndWhatComesIsLetGo) {
  begin({.holds_items = true});
  const auto one = numbers(3);
  EXPECT_FALSE(take(*one));
  host().deliver({1});
  host().finish(true);
  EXPECT_EQ(size_of_next(*one), 1U);
  host().deliver({2});
  EXPECT_EQ(places->streams().items, 1U);
  happened.take();
  one->close([this](const result<void>&) { happened.add("closed"); });
  EXPECT_EQ(took_place(), (events{"abandon:next(fake.stream)"}));
  EXPECT_EQ(places->streams().items, 0U);
  EXPECT_EQ(places->streams().open, 0U);
  host().deliver({ref{.node = {},
                      .session = "a",
                      .interpreter = 1,
                      .epoch = 1,
                      .slot = 7,
                      .type_name = "fake.object"}});
  host().finish(true);
  EXPECT_EQ(took_place(),
            (events{"call:close(fake.stream)", "closed", "call:release"}));
  EXPECT_EQ(size_of_next(*one), 0U);
  EXPECT_EQ(host().live_objects(), 0U);
}

TEST_F(StreamCore, WhenItIsClosedBeforeItHasBegunThenNothingRuns) {
  begin();
  const auto one = numbers(3);
  one->close([this](const result<void>&) { happened.add("closed"); });
  EXPECT_EQ(took_place(), (events{"closed"}));
  EXPECT_EQ(size_of_next(*one), 0U);
}

TEST_F(StreamCore, WhenItIsClosedWhileItBeginsThenNothingIsLeft) {
  begin();
  const auto one =
    stream({.what = verb::stream, .module = "fake", .name = "hold"});
  EXPECT_FALSE(take(*one));
  one->close([this](const result<void>&) { happened.add("closed"); });
  host().finish_with_object(); // too late
  EXPECT_EQ(took_place(),
            (events{"call:fake.hold", "news", "abandon:fake.hold", "closed"}));
  EXPECT_EQ(places->streams().open, 0U);
}

TEST_F(StreamCore, WhenTheInterpreterDiesThenWhatCameIsKept) {
  begin({.holds_items = true});
  const auto one = numbers(3);
  EXPECT_FALSE(take(*one));
  host().deliver({1});
  host().finish(true);
  EXPECT_EQ(size_of_next(*one), 1U);
  host().deliver({2});
  host().deliver({3, 4});
  host().die("it crashed");
  settle();
  EXPECT_EQ(size_of_next(*one), 1U);
  EXPECT_EQ(size_of_next(*one), 2U);
  EXPECT_EQ(end_of(*one), errc::interpreter_died);
  EXPECT_EQ(places->streams().open, 0U);
}

TEST_F(StreamCore, WhenTheSessionEndsThenItDoes) {
  begin();
  const auto one = numbers(100);
  EXPECT_EQ(size_of_next(*one), 1U);
  session->close();
  EXPECT_EQ(size_of_next(*one), 4U); // they were there
  EXPECT_EQ(size_of_next(*one), 16U);
  EXPECT_EQ(end_of(*one), errc::session_closed);
}

TEST_F(StreamCore, GivenWhatCannotBeIteratedThenItEndsWithTheError) {
  begin();
  const auto none = stream({.what = verb::iterate, .target = 5});
  EXPECT_EQ(end_of(*none), errc::not_iterable);
  EXPECT_EQ(places->streams().open, 0U);
}

} // namespace snakebridge::testing
