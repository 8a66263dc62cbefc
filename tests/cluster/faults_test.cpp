// Each fault strikes a node at each stage of what it does, as the owner of a
// session and as one that uses it: whoever waits is answered, what the two held
// of each other is released, and no session has a second owner. NODES.md §4.
#include "tests/api/gate.hpp"
#include "tests/cluster/cluster_fixture.hpp"

namespace snakebridge::testing {

namespace {

using ::testing::HasSubstr;

enum class fault { kill, stop, cut, cut_to, cut_from, power };
enum class role { owner, user };
enum class stage { handshake, claim, open, call, reply, leave };

constexpr std::string_view fault_names[] = {"Kill",  "Stop",    "Cut",
                                            "CutTo", "CutFrom", "Power"};
constexpr std::string_view role_names[] = {"Owner", "User"};
constexpr std::string_view stage_names[] = {"Handshake", "Claim", "Open",
                                            "Call",      "Reply", "Leave"};

using parameter = std::tuple<fault, role, stage>;

std::string name_of(const ::testing::TestParamInfo<parameter>& tested) {
  const auto [how, who, when] = tested.param;
  return fmt::format("{}{}At{}", fault_names[static_cast<std::size_t>(how)],
                     role_names[static_cast<std::size_t>(who)],
                     stage_names[static_cast<std::size_t>(when)]);
}

// Of a handshake, what comes before TLS: less than the greeting, more than what
// makes the connection.
constexpr std::uint64_t greeting_bytes = 400;
constexpr const char* large = "b'x' * (4 << 20)";
constexpr std::uint64_t half_bytes = 1U << 20U; // of it

std::uint16_t port_in(const std::string& address) {
  return static_cast<std::uint16_t>(
    std::stoi(address.substr(address.rfind(':') + 1)));
}

} // namespace

class Faults : public Cluster, public ::testing::WithParamInterface<parameter> {
protected:
  void SetUp() override {
    Cluster::SetUp();
    if (IsSkipped())
      return;
    there_.emplace(1);
  }
  void TearDown() override {
    passes_.open();
    child_.reset();
    Cluster::TearDown();
  }

  fault how() const { return std::get<0>(GetParam()); }
  stage when() const { return std::get<2>(GetParam()); }
  member& child() { return *child_; }

  void join_child() { child_ = join("child", *there_); }
  /// It listens to its cable only slowly, so that its handshakes take seconds.
  void slow_handshakes() {
    there_->slow_to("4kbit", "1600");
    there_->slow_from("4kbit", "1600");
  }

  void strike() {
    if (how() == fault::cut || how() == fault::power)
      there_->cut();
    if (how() == fault::cut_to)
      there_->cut_to();
    if (how() == fault::cut_from)
      there_->cut_from();
    if (how() == fault::kill || how() == fault::power)
      child().signal(SIGKILL);
    // It may have been stopped to come to the stage.
    child().signal(how() == fault::stop ? SIGSTOP : SIGCONT);
  }
  void undo() {
    there_->mend();
    child().signal(SIGCONT);
  }
  /// Nothing proves its end.
  bool is_unproven() const { return how() != fault::kill; }
  bool has_ended() const {
    return how() == fault::kill || how() == fault::power;
  }

  /// Who lost its power is told of by nobody: it is forgotten.
  void expect_it_has_left() {
    EXPECT_TRUE(eventually([&] {
      const auto now = facts_of("child");
      if (how() == fault::power && now.now == sb::node_facts::state::silent)
        static_cast<void>(home().forget_node("child"));
      return now.name.empty();
    }));
  }

  /// What becomes of the id that the child owned, and of the child.
  void expect_its_id_is_safe(std::uint64_t epoch) {
    if (is_unproven()) {
      EXPECT_TRUE(is_silent("child"));
      const auto blocked = try_open();
      ASSERT_FALSE(blocked);
      EXPECT_EQ(blocked.error().code(), sb::errc::node_down);
      EXPECT_THAT(blocked.error().message(),
                  HasSubstr("snakebridge node forget child"));
    }
    if (how() == fault::power) {
      EXPECT_TRUE(home().forget_node("child"));
    }
    if (has_ended()) {
      EXPECT_TRUE(is_gone("child"));
    } else {
      undo();
      EXPECT_TRUE(is_up("child"));
    }
    const auto anew = open();
    EXPECT_EQ(anew.eval("'kept' in globals()"), sb::value{false});
    EXPECT_GT(epoch_of(anew), epoch);
  }
  /// What becomes of the child, which owned nothing. `asked`: an open that it
  /// was at; it may still come to its session when it is back.
  void expect_it_is_back(std::uint64_t asked = 0) {
    if (is_unproven()) {
      EXPECT_TRUE(is_silent("child"));
    }
    if (how() == fault::power) {
      EXPECT_TRUE(home().forget_node("child"));
    }
    if (has_ended()) {
      EXPECT_TRUE(is_gone("child"));
      return;
    }
    undo();
    EXPECT_TRUE(is_up("child"));
    EXPECT_TRUE(child().has_joined());
    if (asked > 0) {
      EXPECT_THAT(child().answer(asked),
                  ::testing::AnyOf("done", HasSubstr("node_down")));
    }
    EXPECT_EQ(child().ask("open another home"), "done");
    EXPECT_EQ(child().ask("eval 6 * 7"), "42");
    EXPECT_EQ(child().ask("close"), "done");
  }

  // A node that is dialed, and one that dials.
  void at_handshake_of_owner();
  void at_handshake_of_user();
  // It owns the session.
  void at_claim_of_owner();
  void at_open_of_owner();
  void at_call_of_owner();
  void at_reply_of_owner();
  void at_leave_of_owner();
  // It uses one of another node.
  void at_claim_of_user();
  void at_open_of_user();
  void at_call_of_user();
  void at_reply_of_user();
  void at_leave_of_user();

  std::uint64_t use_one_at_home();
  void expect_home_released_it();

  gate passes_;
  std::optional<place> there_;
  std::unique_ptr<member> child_;
};

void Faults::at_handshake_of_owner() {
  child_ = std::make_unique<member>(*there_, member_of("child", ""));
  const auto address = child().address();
  const auto port = port_in(address);
  const sb::bridge dials{settings_of("dials", "")};
  slow_handshakes();
  const auto before = there_->bytes_from();
  auto joining = std::async(
    std::launch::async, [&] { return dials.join(there_->address(), port); });
  ASSERT_TRUE(eventually(
    [&] { return there_->bytes_from() >= before + greeting_bytes; }));
  strike();
  const auto joined = joining.get();
  ASSERT_FALSE(joined);
  EXPECT_TRUE(joined.error().code() == sb::errc::unreachable
              || joined.error().code() == sb::errc::node_down)
    << joined.error();
  undo();
  if (has_ended())
    child_ = std::make_unique<member>(*there_, [&] {
      auto again = member_of("child", "");
      again.port = std::to_string(port);
      return again;
    }());
  ASSERT_EQ(child().address(), address);
  EXPECT_TRUE(eventually(
    [&] { return dials.join(there_->address(), port).has_value(); }));
}

void Faults::at_handshake_of_user() {
  slow_handshakes();
  const auto before = there_->bytes_to();
  child_ = begin("child", *there_);
  ASSERT_TRUE(
    eventually([&] { return there_->bytes_to() >= before + greeting_bytes; }));
  strike();
  // We keep nothing of what is in its handshake for too long.
  EXPECT_TRUE(eventually([&] {
    return networks::connections_at(port_in(home().node_address())) == 0;
  }));
  EXPECT_EQ(facts_of("child").name, "");
  undo();
  if (has_ended())
    child_ = begin("child", *there_);
  EXPECT_TRUE(is_up("child"));
  EXPECT_TRUE(child().has_joined());
}

// It has been granted the session, and has not said that it has it.
void Faults::at_claim_of_owner() {
  join_child();
  child().signal(SIGSTOP);
  auto opening =
    std::async(std::launch::async, [&] { return try_open("child"); });
  ASSERT_TRUE(has_sessions("child", 1));
  strike();
  const auto opened = opening.get();
  // It may have been faster than the fault, where it can still send.
  if (!opened) {
    EXPECT_EQ(opened.error().code(), sb::errc::node_down);
  }
  expect_its_id_is_safe(0);
}

// It has the session, and another node wants a client in it.
void Faults::at_open_of_owner() {
  join_child();
  ASSERT_EQ(child().ask("open shared child"), "done");
  ASSERT_EQ(child().ask("eval globals().update(kept=1)"), "None");
  child().signal(SIGSTOP);
  auto opening = std::async(std::launch::async, [&] { return try_open(); });
  strike();
  const auto opened = opening.get();
  if (!opened) {
    EXPECT_EQ(opened.error().code(), sb::errc::node_down);
  }
  if (has_ended())
    return expect_its_id_is_safe(0);
  // It has a client there, too: it lives on where it is.
  EXPECT_TRUE(is_silent("child"));
  EXPECT_EQ(code_of(try_open()), sb::errc::node_down);
  undo();
  EXPECT_TRUE(is_up("child"));
  EXPECT_EQ(open().eval("kept"), sb::value{1});
  EXPECT_EQ(child().ask("close"), "done");
  EXPECT_TRUE(has_sessions("child", 0));
}

void Faults::at_call_of_owner() {
  join_child();
  const auto session = open("child");
  ASSERT_TRUE(session.exec("kept = 1"));
  const auto epoch = epoch_of(session);
  auto running = session.async().eval(passes_.wait_here());
  ASSERT_TRUE(passes_.has_a_caller());
  strike();
  const auto gone = error_of(running.get());
  EXPECT_EQ(gone.code(), sb::errc::node_down);
  EXPECT_TRUE(gone.may_have_run());
  EXPECT_EQ(code_of(session.eval("1")), sb::errc::node_down);
  expect_its_id_is_safe(epoch);
}

void Faults::at_reply_of_owner() {
  join_child();
  const auto session = open("child");
  ASSERT_TRUE(session.exec("kept = 1"));
  const auto epoch = epoch_of(session);
  there_->slow_from("10mbit", "16kb");
  const auto before = there_->bytes_from();
  auto running = session.async().eval(large);
  ASSERT_TRUE(
    eventually([&] { return there_->bytes_from() >= before + half_bytes; }));
  strike();
  const auto gone = error_of(running.get());
  EXPECT_EQ(gone.code(), sb::errc::node_down);
  EXPECT_TRUE(gone.may_have_run());
  expect_its_id_is_safe(epoch);
}

// It waits for a call that does not end at once.
void Faults::at_leave_of_owner() {
  join_child();
  const auto session = open("child");
  const auto epoch = epoch_of(session);
  auto running = session.async().eval(passes_.wait_here_in_c());
  ASSERT_TRUE(passes_.has_a_caller());
  child().tell("leave");
  ASSERT_FALSE(running.get());
  strike();
  EXPECT_TRUE(eventually([&] { return !session.eval("1"); }));
  passes_.open();
  if (!has_ended())
    undo();
  expect_it_has_left();
  EXPECT_GT(epoch_of(open()), epoch);
}

void Faults::at_claim_of_user() {
  join_child();
  const place other{2};
  const auto third = join("third", other);
  third->signal(SIGSTOP);
  const auto asked = child().tell("open shared third");
  ASSERT_TRUE(has_sessions("third", 1));
  strike();
  third->signal(SIGCONT);
  expect_it_is_back(asked);
  EXPECT_TRUE(is_up("third"));
  EXPECT_TRUE(has_sessions("third", 0));
}

void Faults::at_open_of_user() {
  join_child();
  const place other{2};
  const auto third = join("third", other);
  ASSERT_EQ(third->ask("open shared third"), "done");
  third->signal(SIGSTOP);
  const auto asked = child().tell("open shared");
  strike();
  third->signal(SIGCONT);
  expect_it_is_back(asked);
  EXPECT_EQ(third->ask("close"), "done");
  EXPECT_TRUE(is_up("third"));
  EXPECT_TRUE(has_sessions("third", 0));
}

/// Answers the number of a call of the child that is running at home.
std::uint64_t Faults::use_one_at_home() {
  join_child();
  EXPECT_EQ(child().ask("open shared home"), "done");
  EXPECT_THAT(child().ask("keep object()"), HasSubstr("<ref"));
  EXPECT_EQ(home().stats().live_objects(), 1U);
  const auto call = child().tell("eval " + passes_.wait_here());
  EXPECT_TRUE(passes_.has_a_caller());
  return call;
}

void Faults::expect_home_released_it() {
  EXPECT_TRUE(is_empty(home()));
  EXPECT_TRUE(has_sessions("home", 0));
  EXPECT_EQ(open("home").eval("'kept' in globals()"), sb::value{false});
}

void Faults::at_call_of_user() {
  const auto call = use_one_at_home();
  strike();
  expect_home_released_it();
  expect_it_is_back();
  if (!has_ended()) {
    EXPECT_THAT(child().answer(call),
                ::testing::AnyOf(HasSubstr("node_down after it may"),
                                 HasSubstr("session_closed after")));
  }
}

void Faults::at_reply_of_user() {
  join_child();
  ASSERT_EQ(child().ask("open shared home"), "done");
  ASSERT_THAT(child().ask("keep object()"), HasSubstr("<ref"));
  there_->slow_to("10mbit", "16kb");
  const auto before = there_->bytes_to();
  const auto call = child().tell(std::string{"eval "} + large);
  ASSERT_TRUE(
    eventually([&] { return there_->bytes_to() >= before + half_bytes; }));
  strike();
  expect_home_released_it();
  expect_it_is_back();
  if (!has_ended()) {
    EXPECT_THAT(child().answer(call), HasSubstr("node_down after it may"));
  }
}

void Faults::at_leave_of_user() {
  use_one_at_home();
  child().tell("leave");
  strike();
  expect_home_released_it();
  if (!has_ended())
    undo();
  expect_it_has_left();
}

TEST_P(Faults, WhenItStrikesThenAllIsAnsweredAndReleased) {
  const bool is_owner = std::get<1>(GetParam()) == role::owner;
  switch (when()) {
  case stage::handshake:
    return is_owner ? at_handshake_of_owner() : at_handshake_of_user();
  case stage::claim:
    return is_owner ? at_claim_of_owner() : at_claim_of_user();
  case stage::open:
    return is_owner ? at_open_of_owner() : at_open_of_user();
  case stage::call:
    return is_owner ? at_call_of_owner() : at_call_of_user();
  case stage::reply:
    return is_owner ? at_reply_of_owner() : at_reply_of_user();
  case stage::leave:
    return is_owner ? at_leave_of_owner() : at_leave_of_user();
  }
}

INSTANTIATE_TEST_SUITE_P(
  EachFault, Faults,
  ::testing::Combine(::testing::Values(fault::kill, fault::stop, fault::cut,
                                       fault::cut_to, fault::cut_from,
                                       fault::power),
                     ::testing::Values(role::owner, role::user),
                     ::testing::Values(stage::handshake, stage::claim,
                                       stage::open, stage::call, stage::reply,
                                       stage::leave)),
  name_of);

} // namespace snakebridge::testing
