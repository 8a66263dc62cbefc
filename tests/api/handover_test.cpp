// Who reads the replies: it passes from thread to thread, and to the host's own
// thread, and somewhere on the way each reply must find its call.
#include "tests/api/python_fixture.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace snakebridge::testing {

class Handover : public InAWorker {
protected:
  Handover() : InAWorker{one_pool(sb::placement::worker)} {}

  /// Calls from several threads at once: how many were answered rightly.
  int call_from_threads(int threads) {
    std::atomic<int> right{0};
    std::vector<std::jthread> callers;
    for (int i = 0; i < threads; ++i)
      callers.emplace_back([&, i] {
        const auto root =
          bridge.with({.timeout = 10s}).call("math", "sqrt", i * i);
        if (root && *root == i)
          ++right;
      });
    callers.clear();
    return right;
  }
};

// A call given up makes the host's own thread read; the threads that come next
// take over from it. One of them was once left without a reader.
TEST_F(Handover, WhenACallWasGivenUpThenThoseAfterItAreAnswered) {
  for (int round = 0; round < 50; ++round) {
    EXPECT_EQ(code_of(bridge.with({.timeout = 2ms}).call("time", "sleep", 60)),
              sb::errc::deadline_exceeded);
    EXPECT_EQ(call_from_threads(4), 4) << "round " << round;
  }
}

TEST_F(Handover, WhenManyThreadsComeAndGoThenAllAreAnswered) {
  for (int round = 0; round < 50; ++round)
    EXPECT_EQ(call_from_threads(8), 8) << "round " << round;
}

} // namespace snakebridge::testing
