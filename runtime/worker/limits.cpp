#include "runtime/worker/limits.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace snakebridge {

namespace {

result<void> refused(const char* setting) {
  return tl::unexpected{
    error{errc::startup_failed,
          fmt::format("{} cannot be set: {}", setting, std::strerror(errno))}};
}

// Never above what the system allows us already. `grace`: how much further the
// hard limit is, at which the system does not ask any more.
result<void> limit(int what, std::uint64_t bound, rlim_t grace,
                   const char* setting) {
  if (bound == 0)
    return {};
  rlimit now{};
  if (::getrlimit(what, &now) != 0)
    return refused(setting);
  now.rlim_max = std::min<rlim_t>(bound + grace, now.rlim_max);
  now.rlim_cur = std::min<rlim_t>(bound, now.rlim_max);
  if (::setrlimit(what, &now) != 0)
    return refused(setting);
  return {};
}

} // namespace

result<void> apply(const worker_limits& limits) {
  if (limits.no_new_privileges
      && ::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0)
    return refused("no_new_privileges");
  return limit(RLIMIT_AS, limits.memory_bytes_max, 0, "memory_bytes_max")
    .and_then([&] {
      // SIGXCPU first, and SIGKILL a second later if Python catches it.
      return limit(RLIMIT_CPU, limits.cpu_seconds_max, 1, "cpu_seconds_max");
    })
    .and_then([&] {
      return limit(RLIMIT_NOFILE, limits.open_files_max, 0, "open_files_max");
    });
}

} // namespace snakebridge
