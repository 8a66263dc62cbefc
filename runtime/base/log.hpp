#pragma once
// The log of the library: spdlog's logger of the name "snakebridge". A program
// that registers one has it there; else it writes to stderr, because stdout is
// the program's own. Any thread.

#include <memory>

#include <spdlog/spdlog.h>

namespace snakebridge {

std::shared_ptr<spdlog::logger> logger();

} // namespace snakebridge
