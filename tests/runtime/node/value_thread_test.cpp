// The thread of a node that reads and writes what is large.
#include "runtime/node/value_thread.hpp"

#include "runtime/node/large_message.hpp"

#include <algorithm>
#include <future>
#include <new>
#include <vector>

#include <gtest/gtest.h>

namespace snakebridge::testing {

TEST(ValueThread, GivenSeveralJobsThenTheyAreDoneInOrderThere) {
  std::vector<int> done;
  std::promise<std::thread::id> where;
  value_thread values;
  values.run([&] { where.set_value(std::this_thread::get_id()); });
  for (int job = 0; job < 100; ++job)
    values.run([&, job] { done.push_back(job); });
  EXPECT_NE(where.get_future().get(), std::this_thread::get_id());
  values.stop();
  ASSERT_EQ(done.size(), 100U);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
}

TEST(ValueThread, WhenItHasStoppedThenAJobIsDoneAtOnce) {
  value_thread values;
  values.stop();
  values.stop();
  std::thread::id where;
  values.run([&] { where = std::this_thread::get_id(); });
  EXPECT_EQ(where, std::this_thread::get_id());
}

// What it has is let go before the next: it may be large.
TEST(ValueThread, WhenAJobIsDoneThenItIsLetGo) {
  value_thread values;
  const auto held = std::make_shared<int>(1);
  values.run([held] {});
  std::promise<long> seen;
  values.run([&] { seen.set_value(held.use_count()); });
  EXPECT_EQ(seen.get_future().get(), 1);
}

TEST(ValueThread, WhenWhatItIsToFreeIsLetGoThenThatIsFreedThere) {
  struct freed {
    ~freed() { where.set_value(std::this_thread::get_id()); }
    std::promise<std::thread::id>& where;
  };
  std::promise<std::thread::id> where, there;
  const auto values = std::make_shared<value_thread>();
  values->run([&] { there.set_value(std::this_thread::get_id()); });
  auto held = freed_by(values, std::make_shared<freed>(where));
  EXPECT_EQ(&held->where, &where);
  held.reset();
  EXPECT_EQ(where.get_future().get(), there.get_future().get());
  values->stop();
}

TEST(ValueThread, WhenThereIsNoMemoryForAJobThenTheNextIsDone) {
  value_thread values;
  values.run([] { throw std::bad_alloc{}; });
  std::promise<std::thread::id> next;
  values.run([&] { next.set_value(std::this_thread::get_id()); });
  EXPECT_NE(next.get_future().get(), std::this_thread::get_id());
}

} // namespace snakebridge::testing
