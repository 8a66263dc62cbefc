#pragma once
// What this process holds of the system's: to see that nothing is left.

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/types.h>
#include <unistd.h>

namespace snakebridge::testing {

#ifdef __SANITIZE_THREAD__
inline constexpr std::size_t own_threads = 2; // one is the sanitizer's
#else
inline constexpr std::size_t own_threads = 1;
#endif

// These keep what is freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool rss_is_ours = false;
#else
inline constexpr bool rss_is_ours = true;
#endif

struct process_facts {
  std::size_t threads = 0;
  std::size_t descriptors = 0;
  std::size_t children = 0;
  std::size_t shared_mappings = 0; ///< memory shared with workers

  friend bool operator==(const process_facts&, const process_facts&) = default;
  friend std::ostream& operator<<(std::ostream& out, const process_facts& now) {
    return out << now.threads << " threads, " << now.descriptors
               << " descriptors, " << now.children << " children, "
               << now.shared_mappings << " shared mappings";
  }
};

/// What a `stat` file of /proc says after the name, which may hold anything:
/// "S 1 …", the state and the parent. Nothing of what has ended meanwhile.
inline std::istringstream stat_after_name(const std::filesystem::path& file) {
  std::string all;
  std::getline(std::ifstream{file}, all);
  const auto name_end = all.rfind(')');
  return std::istringstream{
    name_end == std::string::npos ? "" : all.substr(name_end + 1)};
}

/// Zombies too. The kernel's own list of a thread's children misses some while
/// threads or children end.
inline std::vector<int> children_of_this_process() {
  std::vector<int> children;
  std::error_code ended_meanwhile;
  using files = std::filesystem::directory_iterator;
  for (files each{"/proc", ended_meanwhile}; each != files{};
       each.increment(ended_meanwhile)) {
    char state = 0;
    int parent = 0;
    if (stat_after_name(each->path() / "stat") >> state >> parent
        && parent == ::getpid())
      children.push_back(std::stoi(each->path().filename()));
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
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);)
    now.shared_mappings += line.find("memfd:") != std::string::npos ? 1 : 0;
  return now;
}

/// True if that thread of this process waits for something.
inline bool is_asleep(pid_t thread) {
  char state = 0;
  stat_after_name(fmt::format("/proc/self/task/{}/stat", thread)) >> state;
  return state == 'S';
}

/// Memory of this process that is in RAM.
inline std::size_t rss_bytes_of_this_process() {
  std::ifstream pages{"/proc/self/statm"};
  std::size_t all = 0, resident = 0;
  pages >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Processes, whosever children they are by now, that were started with this
/// environment variable; zombies have none.
inline std::size_t processes_with(const std::string& name,
                                  const std::string& setting) {
  const auto variable = name + '=' + setting;
  std::size_t found = 0;
  std::error_code ended_meanwhile;
  using files = std::filesystem::directory_iterator;
  for (files each{"/proc", ended_meanwhile}; each != files{};
       each.increment(ended_meanwhile)) {
    std::ifstream file{each->path() / "environ"};
    for (std::string line; std::getline(file, line, '\0');)
      found += line == variable ? 1 : 0;
  }
  return found;
}

} // namespace snakebridge::testing
