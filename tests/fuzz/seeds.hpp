#pragma once
// Where the fuzzer starts: each kind of message, with each verb and each member
// of each union, as our own code writes it; and by hand what no code of ours
// writes.

#include <map>
#include <string>

#include "tests/fuzz/input.hpp"

namespace snakebridge::fuzz {

/// By file name in tests/fuzz/corpus. The same in every run.
std::map<std::string, input> seeds();

} // namespace snakebridge::fuzz
