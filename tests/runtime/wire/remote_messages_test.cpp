// Calls between nodes: what the owner reads of a request, and the caller of a
// reply.
#include "runtime/wire/remote_messages.hpp"

#include <gtest/gtest.h>

#include "runtime/wire/messages.hpp"

namespace snakebridge::testing {

namespace {

const ref_origin far_session{
  .session = "shared", .node = "owner", .session_epoch = 9};

frame arrived(message& sent) {
  frame made;
  for (const auto& part : sent.parts())
    made.message.insert(made.message.end(), part.begin(), part.end());
  made.header.words = static_cast<std::uint32_t>(made.message.size());
  return made;
}

frame request_of(const operation& asked, const call_route& route) {
  auto made = or_throw(wire::encode_request(asked, 1, 1 << 20));
  wire::write_route(*made, route);
  return arrived(*made);
}

wire::reply replied(const result<value>& outcome,
                    const std::vector<value>& items = {}) {
  const auto made =
    or_throw(wire::encode_remote_reply(outcome, items, 1 << 20));
  return wire::decode_remote_reply(arrived(*made), far_session);
}

ref object(std::uint64_t slot) {
  return {.node = "owner",
          .session = "shared",
          .interpreter = 3,
          .epoch = 2,
          .slot = slot,
          .type_name = "pathlib.Path",
          .session_epoch = 9};
}

} // namespace

TEST(RemoteRequest, GivenACallThenItsOwnerReadsAllOfIt) {
  const operation asked{.what = verb::method,
                        .name = "joinpath",
                        .target = object(5),
                        .positional = {"a", object(6)},
                        .named = {{"deep", list{1, 2}}},
                        .leaves = leaves::plain,
                        .keep_exception = true,
                        .awaits = true};
  const auto read = or_throw(wire::decode_remote_request(
    request_of(asked, {.interpreter = 3,
                       .epoch = 2,
                       .pool = "gpu",
                       .affinity = affinity::strict_queue,
                       .leaves_given = true,
                       .idempotent = true}),
    far_session));
  EXPECT_EQ(read.asked.what, verb::method);
  EXPECT_EQ(read.asked.name, "joinpath");
  EXPECT_EQ(read.asked.target, value{object(5)});
  EXPECT_EQ(read.asked.positional, asked.positional);
  EXPECT_EQ(read.asked.named, asked.named);
  EXPECT_EQ(read.asked.leaves, leaves::plain);
  EXPECT_TRUE(read.asked.keep_exception);
  EXPECT_TRUE(read.asked.awaits);
  EXPECT_EQ(read.route.interpreter, 3U);
  EXPECT_EQ(read.route.epoch, 2U);
  EXPECT_EQ(read.route.pool, "gpu");
  EXPECT_EQ(read.route.affinity, affinity::strict_queue);
  EXPECT_TRUE(read.route.leaves_given);
  EXPECT_TRUE(read.route.idempotent);
}

TEST(RemoteRequest, GivenNoRouteThenItIsTheSessions) {
  const auto read = or_throw(wire::decode_remote_request(
    request_of({.what = verb::call, .module = "math", .name = "sqrt"}, {}),
    far_session));
  EXPECT_EQ(read.asked.module, "math");
  EXPECT_EQ(read.route.interpreter, 0U);
  EXPECT_TRUE(read.route.pool.empty());
  EXPECT_FALSE(read.route.affinity);
  EXPECT_FALSE(read.route.leaves_given);
}

TEST(RemoteRequest, GivenNoiseThenItIsMalformed) {
  frame noise;
  noise.message = {1, 2, 3};
  noise.header.words = 3;
  const auto read = wire::decode_remote_request(noise, far_session);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), errc::message_malformed);
}

TEST(RemoteReply, GivenObjectsThenTheyAreOfTheirSessionThere) {
  const auto told = replied(value{list{1, object(5)}});
  ASSERT_TRUE(told.outcome) << told.outcome.error();
  EXPECT_EQ((*told.outcome)[1], value{object(5)});
  EXPECT_EQ((*told.outcome)[1].as<ref>().type_name, "pathlib.Path");
}

TEST(RemoteReply, GivenItemsOfAStreamThenTheyComeInOrder) {
  const auto told = replied(value{true}, {1, "two", object(7)});
  EXPECT_EQ(told.items, (std::vector<value>{1, "two", object(7)}));
  EXPECT_EQ(told.outcome, value{true});
}

TEST(RemoteReply, GivenAnErrorThenWhetherItMayHaveRunComesWithIt) {
  const error why{errc::quota_exceeded, "too many"};
  EXPECT_EQ(replied(tl::unexpected{why}).outcome.error(), why);
  EXPECT_FALSE(replied(tl::unexpected{why}).outcome.error().may_have_run());
  EXPECT_TRUE(replied(tl::unexpected{why.with_may_have_run(true)})
                .outcome.error()
                .may_have_run());
}

TEST(RemoteReply, GivenAPostMortemThenAllOfItCrosses) {
  const post_mortem death{.pid = 12,
                          .exit_status = 3,
                          .signal = "SIGKILL",
                          .reason = "too late",
                          .call = "time.sleep",
                          .session = "shared",
                          .interpreter = 3,
                          .epoch = 2,
                          .log_lines = {"one", "two"},
                          .stacks = "File",
                          .user_time = std::chrono::milliseconds{5},
                          .system_time = std::chrono::milliseconds{6},
                          .resident_bytes_max = 7};
  const auto told = replied(
    tl::unexpected{error{errc::interpreter_died, "it died", death, true}});
  const auto& failed = told.outcome.error();
  EXPECT_EQ(failed.code(), errc::interpreter_died);
  EXPECT_EQ(failed.message(), "it died");
  EXPECT_TRUE(failed.may_have_run());
  const auto* read = failed.post_mortem();
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->pid, death.pid);
  EXPECT_EQ(read->exit_status, death.exit_status);
  EXPECT_EQ(read->signal, death.signal);
  EXPECT_EQ(read->reason, death.reason);
  EXPECT_EQ(read->call, death.call);
  EXPECT_EQ(read->session, death.session);
  EXPECT_EQ(read->interpreter, death.interpreter);
  EXPECT_EQ(read->epoch, death.epoch);
  EXPECT_EQ(read->log_lines, death.log_lines);
  EXPECT_EQ(read->stacks, death.stacks);
  EXPECT_EQ(read->user_time, death.user_time);
  EXPECT_EQ(read->system_time, death.system_time);
  EXPECT_EQ(read->resident_bytes_max, death.resident_bytes_max);
}

} // namespace snakebridge::testing
