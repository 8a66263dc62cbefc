#include "runtime/base/no_signals.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace snakebridge::testing {

TEST(NoSignals, GivenAThreadThenItGetsNoneButThoseOfItsFaults) {
  sigset_t blocked;
  ::sigemptyset(&blocked);
  {
    const no_signals inherited;
    std::thread{[&] {
      ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    }}.join();
  }
  for (const int each : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR1, SIGALRM})
    EXPECT_EQ(::sigismember(&blocked, each), 1) << each;
  for (const int each :
       {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
    EXPECT_EQ(::sigismember(&blocked, each), 0) << each;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  EXPECT_EQ(::sigismember(&blocked, SIGTERM), 0) << "this thread is as before";
}

} // namespace snakebridge::testing
