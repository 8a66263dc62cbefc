// Calls on their way side by side: so many threads, each with so many that
// have not been answered, on one worker; beside the same threads that wait for
// each call.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <thread>
#include <vector>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;

namespace {

using steady = std::chrono::steady_clock;

constexpr int calls_in_all = 200'000;
constexpr double promised = 150'000;

/// Calls per second of all threads, each of which does `one_thread(calls)`.
template <class OneThread>
double rate(int threads, OneThread one_thread) {
  const int each = calls_in_all / threads;
  std::vector<std::thread> running;
  const auto began = steady::now();
  for (int i = 0; i < threads; ++i)
    running.emplace_back([&] { one_thread(each); });
  for (auto& thread : running)
    thread.join();
  return each * threads
         / std::chrono::duration<double>(steady::now() - began).count();
}

void expect_four(const sb::result<sb::value>& answered) {
  if (answered != sb::value{4.0})
    std::abort();
}

} // namespace

int main() {
  const sb::bridge bridge{sb::config{.pools = {{.size = 1}}}};
  const auto waiting = [&](int calls) {
    for (int i = 0; i < calls; ++i)
      expect_four(bridge.call("math", "sqrt", 16));
  };
  static_cast<void>(rate(1, waiting));
  for (const int threads : {1, 2, 8}) {
    const auto baseline = rate(threads, waiting);
    for (const std::size_t in_flight : {1, 8, 64}) {
      const auto later = bridge.async();
      const auto measured = rate(threads, [&](int calls) {
        std::deque<sb::future<sb::value>> sent;
        for (int i = 0; i < calls; ++i) {
          if (sent.size() == in_flight) {
            expect_four(sent.front().get());
            sent.pop_front();
          }
          sent.push_back(later.call("math", "sqrt", 16));
        }
        for (auto& each : sent)
          expect_four(each.get());
      });
      std::printf("%d threads, %2zu in flight %8.0f calls/s | waiting for each "
                  "%8.0f calls/s | ratio %5.2f",
                  threads, in_flight, measured, baseline, measured / baseline);
      if (in_flight > 1)
        std::printf(" | of %.0f: %s", promised,
                    measured >= promised ? "holds" : "MISSED");
      std::printf("\n");
      std::fflush(stdout);
    }
  }
}
