#include "runtime/hosts/memory_kills.hpp"

#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace snakebridge {

namespace {

// "oom_kill 3", on a line of its own.
std::optional<std::uint64_t> count_in(const std::filesystem::path& file) {
  std::ifstream in{file};
  std::string name;
  std::uint64_t count = 0;
  while (in >> name >> count)
    if (name == "oom_kill")
      return count;
  return {};
}

// Where the count may stand, the nearest first.
std::vector<std::filesystem::path> places(const std::filesystem::path& root) {
  std::vector<std::filesystem::path> found;
  std::ifstream groups{root / "proc/self/cgroup"};
  const auto all = root / "sys/fs/cgroup";
  // "4:memory:/a/b" of the first version of cgroups, "0::/a/b" of the second.
  for (std::string line; std::getline(groups, line);) {
    const auto path = line.substr(line.rfind(':') + 1);
    if (line.starts_with("0::"))
      found.push_back(all / path.substr(1) / "memory.events");
    else if (line.find(":memory:") != std::string::npos)
      found.push_back(all / "memory" / path.substr(1) / "memory.oom_control");
  }
  found.push_back(root / "proc/vmstat");
  return found;
}

} // namespace

std::uint64_t memory_kills(const std::filesystem::path& root) {
  for (const auto& place : places(root))
    if (const auto count = count_in(place))
      return *count;
  return 0;
}

} // namespace snakebridge
