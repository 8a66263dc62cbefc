#pragma once
// Workers of other Pythons than the bridge's: which of them settings need, and
// how `snakebridge setup` builds one, in the user's cache.

#include <chrono>
#include <string>
#include <vector>

#include <snakebridge/python_worker.hpp>

#include "command.hpp"

namespace snakebridge::cli {

/// A Python that workers of these settings run.
struct used_python {
  std::string environment;      ///< whose it is; empty also: a pool's own
  std::filesystem::path python; ///< as a pool names it
};
/// Those that are there, of environments and of pools.
std::vector<used_python> used_pythons(const config& settings);

/// Builds it beside its place, and puts it there when it runs: one that is
/// interrupted leaves nothing that counts, and of two at once the second waits
/// for the first. Errors: environment_invalid, with what lacks for it;
/// deadline_exceeded.
result<void> build_worker(const python_worker& wanted, const request& asked,
                          console& out,
                          std::chrono::steady_clock::time_point deadline);

} // namespace snakebridge::cli
