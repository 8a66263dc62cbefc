// A worker that is sent what is no message: it says so and serves on where it
// can, and ends where it cannot tell what was meant.
#include <limits>

#include <gmock/gmock.h>
#include <poll.h>

#include "runtime/base/build_mark.hpp"
#include "runtime/hosts/worker_process.hpp"
#include "runtime/wire/messages.hpp"
#include "runtime/wire/socket_channel.hpp"
#include "tests/support/host_fixture.hpp"
#include "tests/support/word_message.hpp"

namespace snakebridge::testing {

using ::testing::HasSubstr;

class HostileHost : public ::testing::Test {
protected:
  static constexpr std::size_t bytes_max = 1 << 20;

  HostileHost()
      : process{worker_process::start(find_worker({}).value(), {}).value()},
        control{std::move(process.control), bytes_max},
        data{std::move(process.data), bytes_max, process.shared().to_worker,
             process.shared().to_host} {}
  ~HostileHost() override { process.kill(); }

  static void send(channel& to, frame_kind kind, std::uint64_t call,
                   std::vector<word> message) {
    to.send({.words = 0,
             .kind = kind,
             .call = call,
             .deadline_ns = std::numeric_limits<std::int64_t>::max()},
            message_of(std::move(message)));
  }

  static frame next(channel& from) {
    std::vector<frame> arrived;
    from.receive(arrived, true);
    return arrived.empty() ? frame{} : std::move(arrived.front());
  }

  static std::vector<word> flat(wire::outgoing& message) {
    std::vector<word> made;
    for (const auto& part : message.parts())
      made.insert(made.end(), part.begin(), part.end());
    return made;
  }

  void start(unsigned threads = 1) {
    wire::outgoing orders;
    auto start = orders.builder().initRoot<schema::Start>();
    start.setBuild(std::string{build_mark()});
    start.setPayloadBytesMax(bytes_max);
    start.setHostPid(::getpid());
    start.setThreads(threads);
    send(control, frame_kind::start, 0, flat(orders));
    ASSERT_EQ(next(control).header.kind, frame_kind::ready);
  }

  result<value> ask(std::uint64_t call, std::vector<word> message) {
    send(data, frame_kind::request, call, std::move(message));
    const auto reply = next(data);
    EXPECT_EQ(reply.header.call, call);
    auto answered = wire::decode_reply(reply, {"a", 1, 1}, ref_rules{}.max);
    EXPECT_FALSE(answered.malformed);
    return answered.outcome;
  }

  static std::vector<word> sum() {
    auto asked =
      wire::encode_request(asking(verb::evaluate, {}, "1 + 1"), 1, bytes_max);
    return flat(*asked.value());
  }

  static std::vector<word> noise() { return std::vector<word>(8, ~word{0}); }

  worker_process process;
  socket_channel control;
  socket_channel data;
};

TEST_F(HostileHost, GivenOrdersThatDoNotParseThenItSaysWhyItDoesNotStart) {
  send(control, frame_kind::start, 0, noise());
  const auto told = next(control);
  ASSERT_EQ(told.header.kind, frame_kind::failed);
  bool malformed = false;
  const auto why = wire::decode_start_failure(told, malformed);
  EXPECT_FALSE(malformed);
  EXPECT_THAT(why.message(), HasSubstr("does not parse"));
}

// ORIGINAL P33
TEST_F(HostileHost, GivenARequestThatDoesNotParseThenItAnswersAndServesOn) {
  start();
  EXPECT_EQ(code_of(ask(call_id(1, 0), noise())), errc::message_malformed);
  EXPECT_EQ(value_of(ask(call_id(2, 0), sum())), value{2});
}

TEST_F(HostileHost, GivenABridgeOfAnotherBuildThenItIsRefusedByName) {
  wire::outgoing orders;
  orders.builder().initRoot<schema::Start>().setBuild("0.0.0-other");
  send(control, frame_kind::start, 0, flat(orders));
  const auto told = next(control);
  ASSERT_EQ(told.header.kind, frame_kind::failed);
  bool malformed = false;
  const auto why = wire::decode_start_failure(told, malformed);
  EXPECT_EQ(why.code(), errc::startup_failed);
  EXPECT_THAT(why.message(), HasSubstr("0.0.0-other"));
  EXPECT_THAT(why.message(), HasSubstr(std::string{build_mark()}));
}

TEST_F(HostileHost, GivenOrdersForMoreThreadsThanThereMayBeThenItIsRefused) {
  wire::outgoing orders;
  orders.builder().initRoot<schema::Start>().setThreads(65);
  send(control, frame_kind::start, 0, flat(orders));
  EXPECT_EQ(next(control).header.kind, frame_kind::failed);
}

TEST_F(HostileHost, GivenAReleaseThatDoesNotParseThenItEnds) {
  start();
  send(data, frame_kind::release, 0, noise());
  std::vector<frame> arrived;
  EXPECT_EQ(data.receive(arrived, true), channel_state::closed);
}

TEST_F(HostileHost, GivenACallForAnExecutorItDoesNotHaveThenItEnds) {
  start(2);
  send(data, frame_kind::request, call_id(1, 2), sum());
  std::vector<frame> arrived;
  EXPECT_EQ(data.receive(arrived, true), channel_state::closed);
  pollfd ended{process.watch(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 30'000), 1);
}

TEST_F(HostileHost, GivenNoFrameThenItEnds) {
  start();
  send(data, static_cast<frame_kind>(77), 1, {});
  std::vector<frame> arrived;
  EXPECT_EQ(data.receive(arrived, true), channel_state::closed);
}

} // namespace snakebridge::testing
