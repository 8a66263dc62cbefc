#pragma once
// Signals are for the program's threads: a thread that is made while this lives
// gets none but those of its own faults, so that who reports crashes hears of
// them.

#include <csignal>

#include <pthread.h>

namespace snakebridge {

class no_signals {
public:
  no_signals() {
    sigset_t all;
    ::sigfillset(&all);
    for (const int fault :
         {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
      ::sigdelset(&all, fault);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~no_signals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  no_signals(const no_signals&) = delete;
  no_signals& operator=(const no_signals&) = delete;

private:
  sigset_t before_{};
};

} // namespace snakebridge
