#pragma once
// What a worker process finds when it starts, which its host has prepared.

#include <csignal>
#include <cstddef>

namespace snakebridge {

/// Where the worker finds its descriptors; 1 and 2 are the output pipes.
namespace worker_descriptor {
inline constexpr int data = 3;
inline constexpr int control = 4;
inline constexpr int shared = 5; ///< the memory (status_page.hpp)
inline constexpr int stacks = 6; ///< where it writes those of its threads
inline constexpr int faults = 7; ///< only in builds with fault points
} // namespace worker_descriptor

/// What one message on its control channel may have.
inline constexpr std::size_t control_bytes_max = 64 * 1024;

/// Signals that are meant for the program, and come to its workers with it: a
/// worker starts with them blocked, and then does nothing about them.
inline constexpr int service_signals[] = {SIGTERM, SIGINT, SIGHUP};

} // namespace snakebridge
