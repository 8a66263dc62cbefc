#include "interrupts.hpp"

#include <utility>

#include <pthread.h>

namespace snakebridge::cli {

namespace {

// Ends the thread; to the process nobody sends it.
constexpr int end_signal = SIGURG;

// `nohup` and shells without job control have some ignored: that holds on.
bool is_ignored(int signal) {
  struct sigaction now {};
  return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

sigset_t heard() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, end_signal);
  for (const int each : {SIGINT, SIGTERM, SIGHUP})
    if (!is_ignored(each))
      sigaddset(&signals, each);
  return signals;
}

} // namespace

interrupts::interrupts(std::function<void(int signal)> tell) {
  const auto signals = heard();
  ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  hearing_ = std::thread{[signals, tell = std::move(tell)] {
    for (int number = 0; ::sigwait(&signals, &number) == 0;) {
      if (number == end_signal)
        return;
      tell(number);
    }
  }};
}

interrupts::~interrupts() {
  ::pthread_kill(hearing_.native_handle(), end_signal);
  hearing_.join();
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

} // namespace snakebridge::cli
