#pragma once
// `snakebridge doctor`: which Python, worker, packages and limits are in force,
// and why.

#include <snakebridge/snakebridge.hpp>

namespace snakebridge::cli {

/// Prints the report; 0 if a bridge starts with these settings, else 1.
int doctor(const config& settings, const config_origins& origins);

} // namespace snakebridge::cli
