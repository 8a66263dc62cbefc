#pragma once
// Times one operation beside its null baseline: in turns, in one run, so that
// what the machine does meanwhile happens to both. Figures are per operation.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace snakebridge::bench {

using clock = std::chrono::steady_clock;

struct figures {
  double p50_us = 0;
  double p99_us = 0;
};

class samples {
public:
  void add(clock::duration took) {
    taken_.push_back(std::chrono::duration<double, std::micro>(took).count());
  }
  void add(const samples& more) {
    taken_.insert(taken_.end(), more.taken_.begin(), more.taken_.end());
  }
  /// By nearest rank: at most one in a hundred took longer than p99, so of
  /// fewer than a hundred samples it is the worst.
  figures summary() {
    std::sort(taken_.begin(), taken_.end());
    const auto at = [&](std::size_t percent) {
      return taken_.at((percent * taken_.size() + 99) / 100 - 1);
    };
    return {at(50), at(99)};
  }

private:
  std::vector<double> taken_;
};

/// Runs `once` so often and samples each run.
template <class Once>
void sample(samples& into, int times, Once once) {
  for (int i = 0; i < times; ++i) {
    const auto begin = clock::now();
    once();
    into.add(clock::now() - begin);
  }
}

/// A row of the table: a measured operation and what it is compared with, and
/// how many times as long it may take at most, where that was promised.
inline void print_row(const std::string& name, const figures& measured,
                      const std::string& baseline_name, const figures& baseline,
                      std::optional<double> ratio_max = {}) {
  const double ratio = measured.p50_us / baseline.p50_us;
  std::printf("%-26s p50 %8.2f us  p99 %8.2f us | %-26s p50 %8.2f us  p99 "
              "%8.2f us | ratio %5.2f",
              name.c_str(), measured.p50_us, measured.p99_us,
              baseline_name.c_str(), baseline.p50_us, baseline.p99_us, ratio);
  if (ratio_max)
    std::printf(" of %.2f: %s", *ratio_max,
                ratio <= *ratio_max ? "holds" : "MISSED");
  std::printf("\n");
  std::fflush(stdout);
}

/// Measures two operations in turns of a few hundred.
template <class Measured, class Baseline>
std::pair<figures, figures> in_turns(int rounds, int times, Measured measured,
                                     Baseline baseline) {
  samples ours, theirs, warm_up;
  sample(warm_up, times, measured);
  sample(warm_up, times, baseline);
  for (int round = 0; round < rounds; ++round) {
    sample(ours, times, measured);
    sample(theirs, times, baseline);
  }
  return {ours.summary(), theirs.summary()};
}

} // namespace snakebridge::bench
