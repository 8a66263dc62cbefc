// Whose call is next.
#include "runtime/calls/line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snakebridge::testing {

using ::testing::ElementsAre;

class Line : public ::testing::Test {
protected:
  /// A call of the session, named by its text.
  exchange_ptr make(std::uint64_t session, std::string text,
                    verb what = verb::evaluate) {
    auto& gate = gates_[session];
    if (!gate)
      gate = std::make_shared<session_gate>(session, "a session");
    return std::make_shared<exchange>(
      operation{.what = what, .name = std::move(text)}, gate,
      steady_clock::time_point::max());
  }
  exchange_ptr add(std::uint64_t session, std::string text) {
    auto made = make(session, std::move(text));
    queue.push_back(made);
    return made;
  }
  static std::vector<std::string>
  names(const std::vector<exchange_ptr>& calls) {
    std::vector<std::string> found;
    for (const auto& each : calls)
      found.push_back(each->asked.name);
    return found;
  }
  std::vector<std::string> rest() { return names(queue.take_all()); }

  turn_numbers numbers;
  line queue{numbers};

private:
  std::map<std::uint64_t, std::shared_ptr<session_gate>> gates_;
};

TEST_F(Line, GivenSessionsThenEachHasOneCallInTurn) {
  for (const auto* text : {"a1", "a2", "a3"})
    add(1, text);
  add(2, "b1");
  add(3, "c1");
  add(2, "b2");
  EXPECT_EQ(queue.size(), 6U);
  EXPECT_THAT(rest(), ElementsAre("a1", "b1", "c1", "a2", "b2", "a3"));
  EXPECT_TRUE(queue.empty());
}

TEST_F(Line, WhenASessionComesThenItWaitsForNoMoreThanOneCallOfEach) {
  for (const auto* text : {"a1", "a2", "a3"})
    add(1, text);
  queue.pop_front(queue.next()->session);
  add(2, "b1");
  EXPECT_THAT(rest(), ElementsAre("a2", "b1", "a3"));
}

TEST_F(Line, GivenSessionsThatDoNotFitThenItIsTheTurnOfTheNextThatDoes) {
  add(1, "a1");
  add(2, "b1");
  add(3, "c1");
  const auto fits = [](std::uint64_t session) { return session != 1; };
  ASSERT_TRUE(queue.next(fits));
  EXPECT_EQ(queue.next(fits)->session, 2U);
  EXPECT_EQ(queue.front(2)->asked.name, "b1");
  queue.pop_front(2);
  EXPECT_EQ(queue.next(fits)->session, 3U);
  EXPECT_FALSE(queue.next([](std::uint64_t session) { return session == 2; }));
  EXPECT_THAT(rest(), ElementsAre("a1", "c1"));
  EXPECT_FALSE(queue.next());
}

TEST_F(Line, WhenCallsArePutBackThenTheyAreNextInTheirOrder) {
  const auto first = make(1, "a1"), second = make(2, "b1"),
             third = make(1, "a2");
  add(3, "c1");
  for (const auto& each : {third, second, first})
    queue.push_front(each);
  EXPECT_THAT(rest(), ElementsAre("a1", "b1", "c1", "a2"));
}

TEST_F(Line, WhenACallGoesThenTheOthersStay) {
  const auto gone = add(1, "a1");
  add(1, "a2");
  const auto alone = add(2, "b1");
  EXPECT_TRUE(queue.erase(gone));
  EXPECT_FALSE(queue.erase(gone));
  EXPECT_TRUE(queue.erase(alone));
  EXPECT_FALSE(queue.erase(alone));
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_THAT(rest(), ElementsAre("a2"));
}

TEST_F(Line, WhenASessionGoesThenOnlyItsCallsGo) {
  add(1, "a1");
  add(2, "b1");
  add(1, "a2");
  EXPECT_THAT(names(queue.take(1)), ElementsAre("a1", "a2"));
  EXPECT_THAT(names(queue.take(1)), ElementsAre());
  EXPECT_THAT(rest(), ElementsAre("b1"));
}

TEST_F(Line, GivenALongLineThenItsLastCallMakesRoom) {
  add(1, "a1");
  add(1, "a2");
  add(2, "b1");
  EXPECT_EQ(queue.make_room(2), nullptr) << "not for one that is as long then";
  add(1, "a3");
  EXPECT_EQ(queue.make_room(1), nullptr) << "not for its own session";
  const auto gone = queue.make_room(3);
  ASSERT_NE(gone, nullptr);
  EXPECT_EQ(gone->asked.name, "a3");
  EXPECT_THAT(rest(), ElementsAre("a1", "b1", "a2"));
  EXPECT_EQ(queue.make_room(3), nullptr);
}

// What it names would stay until its session ends.
TEST_F(Line, GivenCallsThatFreeObjectsThenTheyDoNotMakeRoom) {
  const auto free = [&] { queue.push_back(make(1, "free", verb::release)); };
  free();
  add(1, "a1");
  free();
  const auto gone = queue.make_room(2);
  ASSERT_NE(gone, nullptr);
  EXPECT_EQ(gone->asked.name, "a1");
  free();
  EXPECT_EQ(queue.make_room(2), nullptr);
  EXPECT_THAT(rest(), ElementsAre("free", "free", "free"));
}

} // namespace snakebridge::testing
