#pragma once
// The kernel's count of processes it killed for want of memory: the only thing
// by which such a death differs from any other by SIGKILL. Any thread.

#include <cstdint>
#include <filesystem>

namespace snakebridge {

/// Of the cgroup this process is in, where its memory is counted; else of the
/// machine; 0 where nobody tells. `root` is another in tests.
std::uint64_t memory_kills(const std::filesystem::path& root = "/");

} // namespace snakebridge
