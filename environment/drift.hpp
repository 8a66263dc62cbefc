#pragma once
// In what a machine and its environments are other than they were locked. Pure
// functions.

#include <optional>
#include <vector>

#include <snakebridge/environment.hpp>

#include "environment/environment_lock.hpp"

namespace snakebridge {

/// Errors first, then by their order below.
std::vector<environment_drift>
drifts_between(const std::optional<environment_lock>& locked,
               const environment_lock& now);

} // namespace snakebridge
