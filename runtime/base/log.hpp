#pragma once
// The log of the library: spdlog's logger of the name "snakebridge". A program
// that registers one has it there; else it writes to stderr, because stdout is
// the program's own. Any thread.

#include <memory>

#include <spdlog/spdlog.h>

#include <snakebridge/config.hpp>

namespace snakebridge {

std::shared_ptr<spdlog::logger> logger();

/// Has it tell of debug too.
void be_verbose();

spdlog::level::level_enum level_of(log_level level);

} // namespace snakebridge
