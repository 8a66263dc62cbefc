// What the owner of a session does for a client that another node has in it.
#include "actors/granted_client.hpp"

#include <future>

#include "config/tunables.hpp"
#include "runtime/wire/messages.hpp"
#include "runtime/wire/remote_messages.hpp"
#include "tests/actors/acting.hpp"

namespace snakebridge::testing {

namespace {

std::vector<word> request_of(const operation& asked,
                             const call_route& route = {}) {
  const auto made = or_throw(wire::encode_request(asked, 1, 1 << 20));
  wire::write_route(*made, route);
  std::vector<word> words;
  for (const auto& part : made->parts())
    words.insert(words.end(), part.begin(), part.end());
  return words;
}

} // namespace

class GrantedClient : public acting {
protected:
  explicit GrantedClient(const fake_manners& manners = {}) {
    start_bridge({{.size = 1}}, manners);
  }

  /// Of a session there, which it ends with.
  std::unique_ptr<granted_client> granted(std::size_t payload_bytes_max) {
    auto mine = std::make_unique<snakebridge::client>(
      system(), std::make_shared<clients>(), open_sessions);
    auto opened = or_throw(open_sessions->open_at(
      "a", {.node = "owner", .epoch = 1}, mine->address()));
    mine->own(opened.core);
    settle();
    return std::make_unique<granted_client>(
      std::move(mine), opened.core, payload_bytes_max, values,
      [](const granted_client::on_counted&) {}, [] {});
  }

  const std::shared_ptr<value_thread> values = std::make_shared<value_thread>();
};

TEST_F(GrantedClient, WhenAReplyIsTooLargeThenWhatItKeptIsFreed) {
  auto there = granted(16);
  std::optional<error> told;
  there->submit(
    1, {request_of({.what = verb::call, .module = "fake", .name = "object"})},
    steady_clock::now() + a_day, [&](auto replied) {
      ASSERT_FALSE(replied);
      told = replied.error();
    });
  settle();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->code(), errc::payload_too_large);
  EXPECT_TRUE(told->may_have_run());
  EXPECT_EQ(host().live_objects(), 1U);
  advance(std::chrono::milliseconds{limits::let_go_ms});
  EXPECT_EQ(host().live_objects(), 0U);
  there.reset();
}

TEST_F(GrantedClient, WhenNobodyTakesAReplyThenWhatItKeptIsFreed) {
  auto there = granted(1 << 20);
  std::vector<remote_reply> replies;
  for (const std::uint64_t call : {1, 2})
    there->submit(
      call,
      {request_of({.what = verb::call, .module = "fake", .name = "object"})},
      steady_clock::now() + a_day,
      [&](auto replied) { replies.push_back(or_throw(std::move(replied))); });
  settle();
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(host().live_objects(), 2U);
  replies[0].objects->keep();
  replies.clear();
  advance(std::chrono::milliseconds{limits::let_go_ms});
  EXPECT_EQ(host().live_objects(), 1U);
  there.reset();
}

class GrantedStream : public GrantedClient {
protected:
  GrantedStream() : GrantedClient{{.holds_items = true}} {}

  static wire::reply decoded(const remote_reply& from) {
    std::vector<word> words;
    for (const auto& part : from.content->parts())
      words.insert(words.end(), part.begin(), part.end());
    return wire::decode_remote_reply(
      frame{.header = {.words = static_cast<std::uint32_t>(words.size())},
            .message = std::move(words)},
      {"a", 1, 1});
  }
};

TEST_F(GrantedStream, WhenItIsClosedThenObjectsThatWereNotAskedForAreFreed) {
  auto there = granted(1 << 20);
  std::vector<remote_reply> replies;
  const auto ask = [&](std::uint64_t call, const operation& asked) {
    call_route route;
    if (asked.target.is_ref())
      route.interpreter = route.epoch = 1;
    there->submit(
      call, {request_of(asked, route)}, steady_clock::now() + a_day,
      [&](auto replied) { replies.push_back(or_throw(std::move(replied))); });
    settle();
  };
  ask(1, {.what = verb::stream,
          .module = "fake",
          .name = "echo",
          .positional = {list{1, 2, 3}}});
  ASSERT_EQ(replies.size(), 1U);
  const auto stream = or_throw(decoded(replies[0]).outcome);
  replies[0].objects->keep();
  ask(2, {.what = verb::next, .target = stream, .batch = {.items = 2}});
  const auto made = [](std::uint64_t slot) {
    return ref{.node = {},
               .session = "a",
               .interpreter = 1,
               .epoch = 1,
               .slot = slot,
               .type_name = "fake.object"};
  };
  host().deliver({made(70)});
  host().deliver({made(71)});
  host().finish(true);
  settle();
  ASSERT_EQ(replies.size(), 2U);
  const auto first = decoded(replies[1]);
  EXPECT_TRUE(first.outcome) << first.outcome.error().message();
  EXPECT_EQ(first.items.size(), 1U);
  replies[1].objects->keep();
  happened.take();
  ask(3, {.what = verb::close, .target = stream});
  EXPECT_EQ(took_place(), (events{"call:close()"}));
  advance(std::chrono::milliseconds{limits::let_go_ms});
  EXPECT_EQ(took_place(), (events{"call:release"})); // of the second
  there.reset();
}

TEST_F(GrantedClient, WhenARequestIsLargeThenAnotherThreadReadsIt) {
  auto there = granted(1 << 20);
  std::promise<void> free;
  values->run([until = free.get_future().share()] { until.wait(); });
  operation large{.what = verb::call, .module = "fake", .name = "object"};
  large.positional.push_back(bytes{std::string(300'000, 'x')});
  int answered = 0;
  for (const std::uint64_t call : {1, 2})
    there->submit(call, {request_of(large)}, steady_clock::now() + a_day,
                  [&](const auto&) { ++answered; });
  there->cancel(2); // and it is never made
  settle();
  EXPECT_EQ(host().live_objects(), 0U);
  free.set_value();
  values->stop();
  settle();
  EXPECT_EQ(answered, 1);
  EXPECT_EQ(host().live_objects(), 1U);
  there.reset();
}

} // namespace snakebridge::testing
