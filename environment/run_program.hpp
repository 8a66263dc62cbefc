#pragma once
// A program that is asked something, and its answer.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace snakebridge {

/// What it prints, up to 64 KiB, where it ends with 0 in time; else nothing,
/// and it is killed. `words`: the program, looked for in PATH, and its
/// arguments. It gets no input.
std::optional<std::string> answer_of(std::vector<std::string> words,
                                     std::chrono::milliseconds patience);

} // namespace snakebridge
