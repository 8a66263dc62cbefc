#pragma once
// Where the fuzzer of links starts: each thing that nodes tell each other, and
// all that a peer has sent which has done one of each thing, recorded.

#include <map>
#include <string>

#include "tests/fuzz/node/node_input.hpp"

namespace snakebridge::fuzz {

/// By file name in tests/fuzz/node/corpus.
std::map<std::string, input> node_seeds();

} // namespace snakebridge::fuzz
