#pragma once
// How an input is twisted, in words: Cap'n Proto's pointers, sizes and tags are
// words, so this goes where flipped bytes alone seldom get.

#include <random>

#include "tests/fuzz/input.hpp"

namespace snakebridge::fuzz {

/// Changes `twisted` once: bits, words, its length. Its first word stays.
void mutate(input& twisted, std::mt19937_64& random);

/// The beginning of one and the end of another; the target is the first's.
input splice(const input& first, const input& second, std::mt19937_64& random);

} // namespace snakebridge::fuzz
