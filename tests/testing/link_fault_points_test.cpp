// Each fault point of links between nodes, at each stage: what is seen of it is
// a named error or nothing, nothing is left, and the next session is opened.
#include "tests/api/node_of.hpp"
#include "tests/support/under_tsan.hpp"

#include <future>

#include <sys/wait.h>
#include <unistd.h>

#include <snakebridge/testing.hpp>

namespace snakebridge::testing {

namespace {

bool is_linked(const sb::bridge& node) {
  return eventually([&] { return node.nodes().has_value(); });
}

sb::session open(const sb::bridge& on, const std::string& id = "shared") {
  return on.open_session(
    {.id = id, .scope = sb::scope::cluster, .at = "owner"});
}

// A part is one of a result, by the owner.
constexpr auto large = "b'x' * 1000000";

std::string point_of(const std::string& stage, const std::string& how) {
  return "link." + stage + "." + how;
}

/// What is asked of a session while a fault is due.
sb::result<sb::value> ask(const sb::bridge& user, const std::string& stage) {
  return sb::attempt([&]() -> sb::result<sb::value> {
    const auto shared = open(user);
    return shared.eval(stage == "part" ? large : "b'x'");
  });
}

class LinkFaultPoints : public ::testing::TestWithParam<const char*> {
protected:
  static faults once(const std::string& how) {
    faults plan;
    // Of a frame of RPC that byte is of how many segments it has.
    plan.at(point_of(GetParam(), how), {.nth = 1, .byte = 3, .time = 300ms});
    return plan;
  }
  static bool is_at_the_beginning() {
    return GetParam() == std::string{"dial"}
           || GetParam() == std::string{"hello"};
  }
  static bool is_at_the_end() { return GetParam() == std::string{"ended"}; }

  static bool happens(const armed_faults& armed, const std::string& how) {
    return eventually(
      [&] { return armed.happened(point_of(GetParam(), how)) == 1; });
  }
  /// A node joins, asks and leaves, while a fault of that kind happens once:
  /// what it is answered.
  sb::result<sb::value> ask_with(const std::string& how) {
    const auto armed = arm(once(how));
    user = std::make_unique<sb::bridge>(node_of("user", owner.node_address()));
    EXPECT_TRUE(is_linked(*user));
    auto answer = ask(*user, GetParam());
    if (is_at_the_end()) {
      const auto shared = open(*user);
      EXPECT_TRUE(owner.release_session("shared"));
      EXPECT_TRUE(happens(armed, how)); // before its client leaves
      EXPECT_TRUE(eventually([&] { return !shared.eval("1"); }));
    }
    EXPECT_TRUE(happens(armed, how));
    return answer;
  }
  void expect_well() {
    ASSERT_TRUE(is_linked(*user));
    EXPECT_TRUE(eventually([&] { return ask(*user, GetParam()).has_value(); }))
      << ask(*user, GetParam());
    EXPECT_NO_LEAKED_REFS(owner, *user);
  }

  sb::bridge owner{node_of("owner")};
  std::unique_ptr<sb::bridge> user;
};

} // namespace

TEST_P(LinkFaultPoints, WhenTheConnectionIsLostThenThatIsNodeDown) {
  const auto answer = ask_with("lost");
  if (is_at_the_beginning() || is_at_the_end()) {
    EXPECT_TRUE(answer) << answer; // it dials again
  } else {
    EXPECT_EQ(code_of(answer), sb::errc::node_down);
  }
  expect_well();
}

TEST_P(LinkFaultPoints, WhenItStallsForLessThanItsLimitThenItIsLateOnly) {
  const auto began = std::chrono::steady_clock::now();
  const auto answer = ask_with("stall");
  EXPECT_TRUE(answer) << answer;
  if (!is_at_the_end()) { // for which nobody waits
    EXPECT_GE(std::chrono::steady_clock::now() - began, 300ms);
  }
  expect_well();
}

TEST_P(LinkFaultPoints, WhenWhatIsSentIsCorruptThenTheLinkIsLostOrItIsRefused) {
  const auto answer = ask_with("corrupt");
  if (is_at_the_beginning() || is_at_the_end()) {
    EXPECT_TRUE(answer) << answer;
  } else if (!answer) {
    EXPECT_THAT(answer.error().code(),
                ::testing::AnyOf(sb::errc::node_down,
                                 sb::errc::message_malformed,
                                 sb::errc::deadline_exceeded));
  }
  expect_well();
}

// The node that sends is a child of this process, with which it has its plan in
// common.
TEST_P(LinkFaultPoints, WhenItsProcessDiesThenTheOtherNodeLivesOn) {
  SKIP_WHERE_CHILDREN_HAVE_NO_THREADS();
  const std::string stage = GetParam();
  const bool dies_as_owner =
    stage == "reply" || stage == "part" || stage == "ended";
  const auto armed = arm(once("die"));
  const auto home = owner.node_address(); // which a child has not
  int address_of_it[2];
  ASSERT_EQ(::pipe(address_of_it), 0);
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const sb::bridge node{node_of("child", dies_as_owner ? "" : home)};
    const auto address = node.node_address() + "\n";
    (void)!::write(address_of_it[1], address.data(), address.size());
    if (!dies_as_owner) {
      is_linked(node);
      static_cast<void>(ask(node, stage));
    } else if (stage == "ended") {
      for (;;) { // one that is not open yet has nobody to be told
        static_cast<void>(node.release_session("theirs"));
        std::this_thread::yield();
      }
    }
    for (;;)
      ::pause();
  }
  ::close(address_of_it[1]); // else its death would not end what is read
  std::string address;
  for (char each = 0; ::read(address_of_it[0], &each, 1) == 1 && each != '\n';)
    address += each;
  ::close(address_of_it[0]);
  if (dies_as_owner) {
    user = std::make_unique<sb::bridge>(node_of("user", address));
    ASSERT_TRUE(is_linked(*user));
    // It may die before that is answered.
    std::optional<sb::result<sb::session>> theirs;
    EXPECT_TRUE(eventually([&] {
      theirs = sb::attempt([&] {
        return user->open_session(
          {.id = "theirs", .scope = sb::scope::cluster, .at = "child"});
      });
      return *theirs || theirs->error().code() == sb::errc::node_down;
    }));
    // Who asks for something leaves once that is answered: it might do so
    // before it is told of the end.
    if (stage != "ended") {
      const auto answer = (*theirs)->eval(stage == "part" ? large : "1");
      EXPECT_EQ(code_of(answer), sb::errc::node_down);
      EXPECT_TRUE(answer.error().may_have_run());
    }
    EXPECT_TRUE(eventually([&] {
      return armed.happened(point_of(stage, "die")) == 1
             && (!*theirs || !(*theirs)->eval("1"));
    }));
  }
  int status = 0;
  const bool has_ended =
    eventually([&] { return ::waitpid(child, &status, WNOHANG) == child; });
  if (!has_ended) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
  }
  ASSERT_TRUE(has_ended);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  EXPECT_EQ(armed.happened(point_of(stage, "die")), 1U);
  EXPECT_EQ(owner.eval("1"), sb::value{1});
  EXPECT_NO_LEAKED_REFS(owner);
}

INSTANTIATE_TEST_SUITE_P(Stages, LinkFaultPoints,
                         ::testing::Values("dial", "hello", "open", "request",
                                           "reply", "part", "ended"),
                         [](const auto& of) { return std::string{of.param}; });

} // namespace snakebridge::testing
