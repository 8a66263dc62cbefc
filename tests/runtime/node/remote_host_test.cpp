// The host of a session on another node: what it sends, whom it answers, and
// what becomes of calls nobody waits for.
#include "runtime/node/remote_host.hpp"

#include <future>

#include <gtest/gtest.h>

#include "config/tunables.hpp"
#include "runtime/wire/messages.hpp"
#include "runtime/wire/remote_messages.hpp"

namespace snakebridge::testing {

namespace {

struct noted {
  std::vector<remote_session::on_reply> sent;
  std::vector<sent_request> requests;
  std::vector<std::uint64_t> cancelled;
  bool has_ended = false;
};

/// The link, which answers when a test says so.
class noting_session final : public remote_session {
public:
  explicit noting_session(noted& in) : in_{in} {}
  ~noting_session() override { in_.has_ended = true; }

  std::uint64_t submit(sent_request request, steady_clock::time_point,
                       on_reply done) override {
    in_.requests.push_back(std::move(request));
    in_.sent.push_back(std::move(done));
    return in_.sent.size();
  }
  void cancel(std::uint64_t call) override { in_.cancelled.push_back(call); }

private:
  noted& in_;
};

std::vector<word> words_of(message& made) {
  std::vector<word> words;
  for (const auto& part : made.parts())
    words.insert(words.end(), part.begin(), part.end());
  return words;
}

std::vector<word> reply_of(const result<value>& outcome) {
  return words_of(*or_throw(wire::encode_remote_reply(outcome, {}, 1 << 20)));
}

/// What a link holds of a reply.
struct noted_hold final : link_hold {
  void keep() override { is_kept = true; }
  bool is_kept = false;
};

const value object{ref{.node = "owner",
                       .session = "shared",
                       .interpreter = 2,
                       .epoch = 3,
                       .slot = 7,
                       .session_epoch = 9}};

} // namespace

class RemoteHost : public ::testing::Test {
protected:
  RemoteHost() {
    host->start({.on_ready = [this] { ++ready; },
                 .on_room = [this] { ++room; },
                 .on_end = [](const host_end&) {}});
  }

  /// A call on its way; its answer goes to `answers`.
  exchange_ptr call(int number, list given = {}) {
    const auto made = std::make_shared<exchange>(
      operation{.what = verb::call,
                .module = "m",
                .name = "f",
                .positional = std::move(given)},
      gate, steady_clock::now() + std::chrono::hours{1},
      destination{.route = std::make_shared<const call_route>()},
      [this, number](result<value> answer) {
        answers.emplace_back(number, std::move(answer));
      });
    made->prepared = or_throw(wire::encode_request(made->asked, 1, 1 << 20));
    return made;
  }
  exchange_ptr sent_call(int number) {
    const auto made = call(number);
    EXPECT_TRUE(host->accept(made));
    host->flush();
    return made;
  }

  noted over;
  int ready = 0, room = 0;
  std::vector<std::pair<int, result<value>>> answers;
  const std::shared_ptr<session_gate> gate = std::make_shared<session_gate>(
    1, "shared", ref_rules{},
    session_home{.node = "owner", .epoch = 9, .is_elsewhere = true});
  const std::shared_ptr<value_thread> values = std::make_shared<value_thread>();
  const std::shared_ptr<remote_host> host = std::make_shared<remote_host>(
    std::make_unique<noting_session>(over), values, 1 << 20);
};

TEST_F(RemoteHost, WhenItStartsThenItIsReady) {
  EXPECT_EQ(ready, 1);
  EXPECT_FALSE(host->has_ended());
}

TEST_F(RemoteHost, WhenAReplyComesThenItsCallIsAnsweredAndThereIsRoom) {
  sent_call(1);
  sent_call(2);
  EXPECT_EQ(host->running(), 2U);
  over.sent.at(1)(received_message{reply_of(value{"two"})});
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].first, 2);
  EXPECT_EQ(answers[0].second, value{"two"});
  EXPECT_EQ(room, 1);
  EXPECT_EQ(host->running(), 1U);
  over.sent.at(0)(tl::unexpected{error{errc::node_down, "gone"}});
  EXPECT_EQ(answers.at(1).second.error().code(), errc::node_down);
}

TEST_F(RemoteHost, WhenAReplyIsNoiseThenThatIsTheAnswer) {
  sent_call(1);
  over.sent.at(0)(received_message{{1, 2, 3}});
  EXPECT_EQ(answers.at(0).second.error().code(), errc::message_malformed);
}

TEST_F(RemoteHost, WhenACallIsGivenUpBeforeItLeavesThenItNeverDoes) {
  const auto made = call(1);
  ASSERT_TRUE(host->accept(made));
  EXPECT_EQ(host->abandon(*made), call_stage::queued);
  host->flush();
  EXPECT_TRUE(over.sent.empty());
  EXPECT_EQ(host->running(), 0U);
}

TEST_F(RemoteHost, WhenACallIsGivenUpOnItsWayThenItIsCancelledThere) {
  const auto made = sent_call(1);
  EXPECT_EQ(host->abandon(*made), call_stage::running);
  EXPECT_EQ(over.cancelled, std::vector<std::uint64_t>{1});
  EXPECT_EQ(room, 0);
  over.sent.at(0)(received_message{reply_of(value{1})}); // nobody hears it
  EXPECT_TRUE(answers.empty());
  EXPECT_EQ(room, 1); // the link has some by now
}

TEST_F(RemoteHost, GivenAReplyWithObjectsThenTheyAreTakenWithIt) {
  sent_call(1);
  const auto held = std::make_shared<noted_hold>();
  over.sent.at(0)(received_message{reply_of(object), held});
  EXPECT_EQ(answers.at(0).second, object);
  EXPECT_TRUE(held->is_kept);
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(RemoteHost, WhenACallIsGivenUpAsItsReplyComesThenItsObjectsAreNotTaken) {
  const auto claimed = sent_call(1);
  ASSERT_TRUE(claimed->claim());
  const auto abandoned = sent_call(2);
  host->abandon(*abandoned);
  for (const std::size_t call : {0U, 1U}) {
    const auto held = std::make_shared<noted_hold>();
    over.sent.at(call)(received_message{reply_of(object), held});
    EXPECT_FALSE(held->is_kept);
    EXPECT_EQ(held.use_count(), 1); // and so they are freed
  }
  EXPECT_TRUE(answers.empty());
}

// The thread of the link is free meanwhile.
TEST_F(RemoteHost, WhenAReplyIsLargeThenAnotherThreadReadsIt) {
  sent_call(1);
  std::promise<void> free;
  values->run([until = free.get_future().share()] { until.wait(); });
  const value large = bytes{std::string(300'000, 'x')};
  const auto held = std::make_shared<noted_hold>();
  over.sent.at(0)(received_message{reply_of(large), held});
  EXPECT_TRUE(answers.empty());
  EXPECT_EQ(host->running(), 1U); // it counts until it is read
  sent_call(2);
  over.sent.at(1)(received_message{reply_of(value{2})});
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].second, value{2});
  free.set_value();
  values->stop();
  EXPECT_EQ(answers.at(1).second, large);
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(RemoteHost, WhenARequestIsLargeThenAnotherThreadFreesIt) {
  auto made = call(1, {bytes{std::string(300'000, 'x')}});
  ASSERT_TRUE(host->accept(made));
  host->flush();
  over.requests.clear(); // they have been read
  const std::weak_ptr<exchange> there{std::exchange(made, nullptr)};
  std::promise<void> free;
  values->run([until = free.get_future().share()] { until.wait(); });
  over.sent.at(0)(received_message{reply_of(value{1})});
  EXPECT_EQ(answers.at(0).second, value{1});
  EXPECT_FALSE(there.expired());
  free.set_value();
  values->stop();
  EXPECT_TRUE(there.expired());
}

TEST_F(RemoteHost, WhenACallIsGivenUpWhileItsReplyIsReadThenNothingIsTaken) {
  const auto made = sent_call(1);
  std::promise<void> free;
  values->run([until = free.get_future().share()] { until.wait(); });
  const auto held = std::make_shared<noted_hold>();
  over.sent.at(0)(received_message{
    reply_of(list{object, bytes{std::string(300'000, 'x')}}), held});
  EXPECT_EQ(host->abandon(*made), call_stage::running);
  free.set_value();
  values->stop();
  EXPECT_FALSE(held->is_kept);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(host->running(), 0U);
  EXPECT_EQ(room, 1);
}

TEST_F(RemoteHost, WhenItsSessionLetsGoThenItTakesNoMore) {
  sent_call(1);
  host->release(gate->number, 0);
  EXPECT_TRUE(host->has_ended());
  EXPECT_TRUE(over.has_ended);
  EXPECT_FALSE(host->accept(call(2)));
}

TEST_F(RemoteHost, WhenItEndsBeforeACallLeavesThenThatIsAnswered) {
  const auto made = call(1);
  ASSERT_TRUE(host->accept(made));
  host->stop();
  host->flush();
  EXPECT_EQ(answers.at(0).second.error().code(), errc::session_closed);
}

TEST_F(RemoteHost, WhenTooManyAreOnTheirWayThenTheNextWaitsForRoom) {
  for (std::size_t sent = 0; sent < limits::remote_calls_max; ++sent)
    sent_call(static_cast<int>(sent));
  const auto next = call(-1);
  EXPECT_FALSE(host->accept(next));
  over.sent.at(0)(received_message{reply_of(value{1})});
  EXPECT_EQ(room, 1);
  EXPECT_TRUE(host->accept(next));
}

class CallbackOfRemoteHost : public RemoteHost {
protected:
  CallbackOfRemoteHost() {
    // A thread waits for it.
    made = std::make_shared<exchange>(
      operation{.what = verb::call,
                .module = "m",
                .name = "f",
                .positional = {callback{[this](int x) { ran.push_back(x); }}}},
      gate, steady_clock::now() + std::chrono::hours{1},
      destination{.route = std::make_shared<const call_route>()});
    made->prepared = or_throw(wire::encode_request(made->asked, 1, 1 << 20));
    EXPECT_TRUE(host->accept(made));
    host->flush();
  }
  void call_back(int x, std::uint64_t within) {
    detail::callback_arguments given;
    given.positional.emplace_back(x);
    over.requests.at(0).callbacks.at(0).second->call(
      {words_of(*or_throw(wire::encode_remote_called(given, 1 << 20)))},
      {.visit = 1, .within = within, .deadline = made->deadline},
      [this](result<remote_reply> reply) { told.push_back(std::move(reply)); });
  }

  exchange_ptr made;
  std::vector<int> ran;
  std::vector<result<remote_reply>> told;
};

TEST_F(CallbackOfRemoteHost, WhenItsCallIsWaitedForThenThatThreadRunsIt) {
  call_back(1, over.requests.at(0).number);
  EXPECT_TRUE(ran.empty());
  EXPECT_TRUE(made->do_job());
  EXPECT_EQ(ran, (std::vector{1}));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0]);
}

TEST_F(CallbackOfRemoteHost, WhenItIsCalledInNoCallThenItRunsAtOnce) {
  call_back(1, 0);
  call_back(2, over.requests.at(0).number + 1); // that is none of ours
  EXPECT_EQ(ran, (std::vector{1, 2}));
  EXPECT_FALSE(made->do_job());
}

TEST_F(CallbackOfRemoteHost, WhenItsCallIsGivenUpThenItNeverRuns) {
  call_back(1, over.requests.at(0).number);
  made->answer(tl::unexpected{error{errc::deadline_exceeded, "late"}});
  EXPECT_TRUE(made->do_job());
  EXPECT_TRUE(ran.empty());
  ASSERT_EQ(told.size(), 1U);
  ASSERT_FALSE(told[0]);
  EXPECT_EQ(told[0].error().code(), errc::cancelled);
}

} // namespace snakebridge::testing
