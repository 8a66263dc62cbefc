// A small daemon, as a service manager runs it: eight threads ask two workers.
// SIGTERM ends it in order: what was begun is answered, and it exits with 0.
// SIGHUP gives it new workers: a bridge takes over from the last. A worker that
// is killed, by SIGKILL say, costs nobody an answer.
#include <array>
#include <atomic>
#include <csignal>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace std::chrono_literals;

namespace {

class service {
public:
  service() : bridge_{new_bridge()} {
    for (auto& each : clients_)
      each = std::jthread{[this] { serve(); }};
  }

  /// New workers, for all that is asked from now on. The old ones end with the
  /// last answer that is waited for.
  void recycle() {
    auto made = new_bridge();
    const std::lock_guard lock{mutex_};
    bridge_.swap(made);
  }

  /// How many were answered, and how many were not.
  std::array<long, 2> stop() {
    stopping_ = true;
    for (auto& each : clients_)
      each.join();
    return {answered_, failed_};
  }

private:
  static std::shared_ptr<const sb::bridge> new_bridge() {
    return std::make_shared<sb::bridge>(
      sb::config{.pools = {{.name = "default", .size = 2}}});
  }

  std::shared_ptr<const sb::bridge> bridge() const {
    const std::lock_guard lock{mutex_};
    return bridge_;
  }

  void serve() {
    for (long n = 1; !stopping_; ++n) {
      // It may run again elsewhere where its worker dies.
      const auto root = bridge()
                          ->with({.timeout = 10s, .idempotent = true})
                          .call("math", "isqrt", n * n);
      ++(root && *root == n ? answered_ : failed_);
      if (!root)
        std::cerr << root.error().message() << std::endl;
    }
  }

  mutable std::mutex mutex_;
  std::shared_ptr<const sb::bridge> bridge_;
  std::atomic<bool> stopping_ = false;
  std::atomic<long> answered_ = 0, failed_ = 0;
  std::array<std::jthread, 8> clients_;
};

// For this thread and those it starts: so `sigwait` has them.
sigset_t take_signals() {
  sigset_t ours;
  ::sigemptyset(&ours);
  ::sigaddset(&ours, SIGTERM);
  ::sigaddset(&ours, SIGHUP);
  ::pthread_sigmask(SIG_BLOCK, &ours, nullptr);
  return ours;
}

} // namespace

int main() {
  const auto signals = take_signals();
  service running;
  std::cout << "ready" << std::endl;
  for (int signal = 0; ::sigwait(&signals, &signal) == 0 && signal == SIGHUP;) {
    running.recycle();
    std::cout << "recycled" << std::endl;
  }
  const auto [answered, failed] = running.stop();
  std::cout << "stopped, " << (answered > 0 ? "with" : "without")
            << " answers, " << failed << " failed" << std::endl;
  return failed == 0 ? 0 : 1;
}
