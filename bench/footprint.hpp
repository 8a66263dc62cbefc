#pragma once
// What a process has of the system's, to see what stays of what came and went.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <malloc.h>
#include <unistd.h>

namespace snakebridge::bench {

struct footprint {
  long rss_kb = 0, threads = 0, descriptors = 0;
};

inline footprint footprint_of(int pid) {
  const auto folder = "/proc/" + std::to_string(pid);
  footprint found;
  std::ifstream status{folder + "/status"};
  for (std::string word; status >> word;) {
    if (word == "VmRSS:")
      status >> found.rss_kb;
    else if (word == "Threads:")
      status >> found.threads;
  }
  for (const auto& each : std::filesystem::directory_iterator{folder + "/fd"})
    found.descriptors += each.path().empty() ? 0 : 1;
  return found;
}

// The least we have of what we have after each of some rounds: more is what the
// allocator keeps for a while, megabytes after one and nothing after the next.
template <class Round>
footprint least_after(const Round& round) {
  constexpr int count = 5;
  footprint least;
  for (int i = 0; i < count; ++i) {
    round();
    ::malloc_trim(0);
    const auto is = footprint_of(::getpid());
    if (i == 0 || is.rss_kb < least.rss_kb)
      least = is;
  }
  return least;
}

// What a process has more than before, and whether that is nothing: a few pages
// come and go with what the allocator keeps.
inline bool print_growth(const char* name, const footprint& was,
                         const footprint& is) {
  constexpr long growth_kb_max = 512;
  const bool is_flat = is.rss_kb - was.rss_kb <= growth_kb_max
                       && is.threads == was.threads
                       && is.descriptors == was.descriptors;
  std::printf(
    "  %s: RSS %ld -> %ld KiB, threads %ld -> %ld, descriptors %ld -> "
    "%ld: %s\n",
    name, was.rss_kb, is.rss_kb, was.threads, is.threads, was.descriptors,
    is.descriptors, is_flat ? "flat" : "GROWN");
  return is_flat;
}

} // namespace snakebridge::bench
