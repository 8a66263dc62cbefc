// A session within its bounds, on a clock of the test's own: who is let go, and
// what is said of it.
#include "runtime/python/object_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/tunables.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

namespace {

class ObjectTable : public ::testing::Test {
protected:
  void SetUp() override {
    const auto started = start_python({}, python_role::embedded);
    ASSERT_TRUE(started) << started.error();
    gil.emplace();
    now = {};
    table.emplace(counts, conversion_config{}, import_rules{}, read_clock);
  }
  void TearDown() override {
    table.reset();
    EXPECT_EQ(counts.live, 0U);
    gil.reset();
  }

  session_objects& session() { return table->of(1); }
  /// A call that keeps so many objects: their slots.
  std::vector<std::uint64_t> made(std::size_t count) {
    session().begin_call(bounds);
    std::vector<std::uint64_t> slots;
    for (std::size_t i = 0; i < count; ++i)
      slots.push_back(session().keep(py::list{}));
    session().settle();
    end_call();
    return slots;
  }
  std::uint64_t made_one() { return made(1).front(); }
  std::uint32_t end_call() { return table->end_call(1).objects; }
  void use(std::uint64_t slot) {
    session().begin_call(bounds);
    session().find(slot);
    end_call();
  }
  /// Why the object cannot be used; empty: it can. It is no use of it, but
  /// where it can.
  std::string why_gone(std::uint64_t slot) {
    try {
      session().find(slot);
    } catch (const exception& gone) {
      EXPECT_EQ(gone.error().code(), errc::ref_released);
      return gone.error().message();
    }
    return {};
  }
  void pass(std::chrono::milliseconds time) {
    now += time;
    table->expire();
  }

  static time_of_use read_clock() { return now; }
  static inline time_of_use now;

  ref_bounds bounds;
  object_counts counts;
  std::optional<gil_guard> gil;
  std::optional<object_table> table;
};

} // namespace

TEST_F(ObjectTable, WhenItIsFullThenTheOneUnusedForTheLongestIsLetGo) {
  bounds.rules.max = 2;
  const auto first = made_one(), second = made_one();
  use(first);
  const auto third = made_one();
  EXPECT_EQ(why_gone(first), "");
  EXPECT_EQ(why_gone(third), "");
  EXPECT_EQ(why_gone(second),
            "object 2 was pruned: session holds more than max_refs = 2; make "
            "it again, and release what is not needed or open the session with "
            "more");
  EXPECT_FALSE(session().forget(second));
  EXPECT_EQ(counts.live, 2U);
  EXPECT_EQ(counts.pruned, 1U);
}

TEST_F(ObjectTable, WhenOneResultHoldsMoreThanMayBeThenItIsRefusedWhole) {
  bounds.rules.max = 2;
  const auto before = made_one();
  session().begin_call(bounds);
  std::vector<std::uint64_t> slots;
  for (int i = 0; i < 3; ++i)
    slots.push_back(session().keep(py::list{}));
  EXPECT_THROW(session().settle(), exception);
  for (const auto slot : slots)
    session().forget(slot);
  EXPECT_EQ(end_call(), 1U);
  EXPECT_EQ(why_gone(before), "") << "nothing is let go for what was refused";
}

TEST_F(ObjectTable, GivenObjectsElsewhereThenTheyCountButTheNewestStays) {
  bounds = {.rules = {.max = 3}, .elsewhere = 2};
  const auto first = made_one(), second = made_one();
  EXPECT_THAT(why_gone(first), HasSubstr("pruned"));
  bounds.elsewhere = 5;
  const auto third = made_one();
  EXPECT_THAT(why_gone(second), HasSubstr("pruned"));
  EXPECT_EQ(why_gone(third), "");
}

// What another interpreter has come to hold is given back by the next call.
TEST_F(ObjectTable, WhenNothingIsMadeThenItGivesBackWhatIsBeyondItsBounds) {
  bounds.rules.max = 3;
  const auto slots = made(3);
  bounds.elsewhere = 1;
  session().begin_call(bounds);
  use(slots[0]);
  session().settle();
  EXPECT_EQ(end_call(), 2U);
  EXPECT_THAT(why_gone(slots[1]), HasSubstr("pruned"));
  EXPECT_EQ(why_gone(slots[0]), "") << "it is in use";
}

TEST_F(ObjectTable, GivenRefusalThenAFullSessionKeepsNoMore) {
  bounds.rules = {.max = 2, .on_full = on_full::refuse};
  made(2);
  session().begin_call(bounds);
  const auto slot = session().keep(py::list{});
  try {
    session().settle();
    FAIL() << "it was accepted";
  } catch (const exception& refused) {
    EXPECT_EQ(refused.error().code(), errc::quota_exceeded);
    EXPECT_EQ(refused.error().message(),
              "would hold 3 refs, more than its max_refs = 2; release some, or "
              "open it with more");
  }
  session().forget(slot);
  EXPECT_EQ(session().keep_if_allowed(py::list{}), std::nullopt);
  EXPECT_EQ(end_call(), 2U);
  EXPECT_EQ(counts.pruned, 0U);
}

TEST_F(ObjectTable, WhenAnObjectIsNotUsedForItsTtlThenItExpires) {
  bounds.rules.ttl = 1500ms;
  const auto slot = made_one();
  EXPECT_EQ(table->next_expiry(), now + 1500ms);
  pass(1499ms);
  EXPECT_EQ(counts.live, 1U);
  pass(1ms + std::chrono::milliseconds{limits::expiry_step_ms});
  EXPECT_EQ(counts.live, 0U);
  EXPECT_EQ(counts.expired, 1U);
  EXPECT_EQ(table->next_expiry(), object_table::never);
  EXPECT_EQ(why_gone(slot), "object 1 expired: not used for 1.5 s, the ttl of "
                            "its session; make it again");
}

TEST_F(ObjectTable, WhenAnObjectIsUsedThenItsTtlBeginsAnew) {
  bounds.rules.ttl = 1s;
  const auto used = made_one(), unused = made_one();
  pass(900ms);
  use(used);
  pass(900ms);
  EXPECT_EQ(why_gone(used), "");
  EXPECT_THAT(why_gone(unused), HasSubstr("expired"));
}

TEST_F(ObjectTable, WhileACallUsesAnObjectThenItIsInUse) {
  bounds.rules.ttl = 1s;
  const auto slot = made_one();
  session().begin_call(bounds);
  session().find(slot);
  now += 10s;
  end_call();
  pass(900ms);
  EXPECT_EQ(why_gone(slot), "");
}

// Another executor looks for what has expired.
TEST_F(ObjectTable, WhileACallRunsThenNothingOfItsSessionExpires) {
  bounds.rules.ttl = 1s;
  const auto used = made_one(), unused = made_one();
  pass(1ms);
  session().begin_call(bounds);
  session().find(used);
  pass(10s);
  end_call();
  EXPECT_EQ(counts.live, 2U);
  pass(900ms);
  EXPECT_EQ(why_gone(used), "");
  EXPECT_THAT(why_gone(unused), HasSubstr("expired"));
}

TEST_F(ObjectTable, GivenSessionsWithAndWithoutTtlThenOnlyTheOneExpires) {
  made_one();
  auto& other = table->of(2);
  other.begin_call({.rules = {.ttl = 1s}});
  other.keep(py::list{});
  other.settle();
  table->end_call(2);
  pass(1h);
  EXPECT_EQ(counts.live, 1U);
  EXPECT_EQ(counts.expired, 1U);
}

TEST_F(ObjectTable, WhenItHoldsAnotherNumberThenThatIsNewsOnce) {
  const auto is_news = [&] {
    session().begin_call(bounds);
    return table->end_call(1).is_news;
  };
  EXPECT_TRUE(is_news());
  EXPECT_FALSE(is_news());
  const auto slot = session().keep(py::list{});
  EXPECT_TRUE(is_news());
  EXPECT_FALSE(is_news());
  table->forget(1, slot);
  EXPECT_TRUE(is_news());
  table->release(1);
  EXPECT_TRUE(table->end_call(1).is_news) << "nobody knows what it held";
}

TEST_F(ObjectTable, WhenASessionIsReleasedThenWhoAsksForItFindsANewOne) {
  const auto slot = made_one();
  EXPECT_TRUE(table->has(1));
  EXPECT_EQ(table->release(1), 1U);
  EXPECT_FALSE(table->has(1));
  EXPECT_FALSE(table->forget(1, slot));
  EXPECT_EQ(end_call(), 0U);
  EXPECT_NE(why_gone(slot), "");
  const auto again = made_one();
  table->release_all();
  EXPECT_FALSE(table->forget(1, again));
}

TEST_F(ObjectTable, WhenManyAreLetGoThenWhyIsKnownOfTheLatestOnly) {
  bounds.rules.max = 1;
  const auto first = made_one();
  for (std::size_t i = 0; i < limits::refs_gone_max; ++i)
    made_one();
  EXPECT_THAT(why_gone(first), HasSubstr("pruned"));
  const auto last = made_one();
  EXPECT_THAT(why_gone(last - 1), HasSubstr("pruned"));
  EXPECT_EQ(why_gone(first), "object 1 was released; make it again");
}

} // namespace snakebridge::testing
