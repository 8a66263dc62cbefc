// When spare workers are started, by a clock of the test's own. That they serve
// is shown by tests/api/spares_test.cpp.
#include "runtime/hosts/spare_workers.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include "runtime/wire/socket_channel.hpp"
#include "tests/support/logged.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;

class SpareWorkers : public ::testing::Test {
protected:
  using worker = spare_workers::worker;

  /// A process that does nothing, until it is killed, or that has ended.
  static result<worker> process(const char* program) {
    auto started = worker_process::start(program, {});
    if (!started)
      return tl::unexpected{started.error()};
    auto control =
      std::make_unique<socket_channel>(std::move(started->control), 1'024);
    return std::make_unique<launched_worker>(std::move(*started),
                                             std::move(control));
  }
  static result<worker> none() {
    return tl::unexpected{error{errc::startup_failed, "there are no more"}};
  }

  /// A host that comes when told to for so long: how many were started.
  int started_within(std::chrono::milliseconds time,
                     const std::function<result<worker>()>& launch) {
    int count = 0;
    const auto until = now + time;
    while (now < until)
      now = std::max(now + 1ms, spares.refill(
                                  [&] {
                                    ++count;
                                    return launch();
                                  },
                                  now));
    return count;
  }

  spare_workers spares{"test", 2};
  spare_workers::time_point now = std::chrono::steady_clock::now();
};

TEST_F(SpareWorkers, WhenOneIsStartedThenTheNextWaitsForAnotherLook) {
  int count = 0;
  const auto again = spares.refill(
    [&] {
      ++count;
      return process("/usr/bin/yes");
    },
    now);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(again, now) << "one is missing still";
  EXPECT_EQ(started_within(10s, [] { return process("/usr/bin/yes"); }), 1);
}

TEST_F(SpareWorkers, WhenNoneCanBeStartedThenItIsTriedLessAndLessOften) {
  const logged log;
  const auto tried = started_within(1h, none);
  EXPECT_GE(tried, 50) << "once a minute";
  EXPECT_LE(tried, 70);
  EXPECT_EQ(started_within(1min, none), 1);
  const auto told = log.warnings("test");
  ASSERT_EQ(told.size(), 1U) << "once, not each time";
  EXPECT_NE(told[0].find("there are no more"), std::string::npos) << told[0];
}

TEST_F(SpareWorkers, WhenNoneLivesLongThenItIsTriedLessAndLessOften) {
  const auto short_lived = [] {
    auto made = process("/usr/bin/true");
    if (made) {
      pollfd ended{(*made)->process.watch(), POLLIN, 0};
      ::poll(&ended, 1, -1);
    }
    return made;
  };
  EXPECT_LE(started_within(1h, short_lived), 140);
}

TEST_F(SpareWorkers, WhenTheyLiveAgainThenTheNextDeathIsTheFirst) {
  started_within(1h, none);
  EXPECT_EQ(started_within(10min, [] { return process("/usr/bin/yes"); }), 2);
  spares.take().reset();
  spares.take().reset();
  EXPECT_EQ(started_within(1s, [] { return process("/usr/bin/yes"); }), 2);
}

} // namespace snakebridge::testing
