#pragma once
// What is fuzzed of the links between nodes: what a peer sends, read by the
// code that reads it in a node. An input is one word that says what the rest
// is, then words. Whatever they are, reading them ends, and throws nothing.

#include <cstdint>
#include <span>

#include "tests/fuzz/input.hpp"

namespace snakebridge::fuzz {

/// The first byte of an input, modulo how many there are.
enum class node_target : std::uint8_t {
  told,     ///< a message of a node to its directory, or of that to a node
  greeting, ///< the first bytes of a connection
  accepted, ///< RPC from who has dialed us
  dialed,   ///< RPC from whom we have dialed
};
inline constexpr unsigned node_targets = 4;

/// What a link has come to by what was sent to it.
struct visited {
  bool was_up = false;
  unsigned told = 0, opened = 0, requested = 0;
};

/// Reads the input. Throws broken_promise.
visited run_node(std::span<const std::uint8_t> bytes);

} // namespace snakebridge::fuzz
