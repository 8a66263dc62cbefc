#pragma once
// A node of a test's cluster, on loopback.

#include <string>

#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

/// It listens; `join`: where one of its cluster does.
inline sb::config node_of(const std::string& name,
                          const std::string& join = {}) {
  auto wanted = one_pool(sb::placement::worker);
  wanted.node = {.name = name,
                 .listen = "127.0.0.1:0",
                 .heartbeat_limit = std::chrono::seconds{3}}; // loaded machines
  wanted.timeout = 20s;
  if (!join.empty())
    wanted.cluster.join = {join};
  return wanted;
}

} // namespace snakebridge::testing
