#pragma once
// The builds of PyTorch that a project may have.

#include <snakebridge/config.hpp>
#include <snakebridge/wheel_selector.hpp>

namespace snakebridge::cli {

/// Those that `wheel_variants.json` beside the settings names, else those of
/// today. Errors: config_invalid.
result<wheel_selector> wheels_of(const config& settings, hardware machine);

} // namespace snakebridge::cli
