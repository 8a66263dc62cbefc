#pragma once
// What this process holds of the system's: to see that nothing is left.

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <vector>

namespace snakebridge::testing {

struct process_facts {
  std::size_t threads = 0;
  std::size_t descriptors = 0;
  std::size_t children = 0;

  friend bool operator==(const process_facts&, const process_facts&) = default;
  friend std::ostream& operator<<(std::ostream& out, const process_facts& now) {
    return out << now.threads << " threads, " << now.descriptors
               << " descriptors, " << now.children << " children";
  }
};

inline std::vector<int> children_of_this_process() {
  std::vector<int> children;
  std::error_code ended_meanwhile;
  for (std::filesystem::directory_iterator each{"/proc/self/task",
                                                ended_meanwhile};
       each != std::filesystem::directory_iterator{};
       each.increment(ended_meanwhile)) {
    std::ifstream pids{each->path() / "children"};
    children.insert(children.end(), std::istream_iterator<int>{pids}, {});
  }
  return children;
}

inline process_facts look_at_this_process() {
  process_facts now;
  const auto count = [](const char* folder) {
    std::error_code ended_meanwhile;
    using files = std::filesystem::directory_iterator;
    std::size_t found = 0;
    for (files each{folder, ended_meanwhile}; each != files{};
         each.increment(ended_meanwhile))
      ++found;
    return found;
  };
  now.threads = count("/proc/self/task");
  now.descriptors = count("/proc/self/fd");
  now.children = children_of_this_process().size();
  return now;
}

} // namespace snakebridge::testing
