#pragma once
// Where refs come from: the incarnation of an interpreter, the session they
// are made for, and how many that may hold there. Plain values, any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include <snakebridge/config.hpp>

namespace snakebridge {

class callback;

/// One life of an interpreter, between two restarts.
struct incarnation {
  std::string pool;
  std::uint32_t interpreter = 0;
  std::uint32_t epoch = 0;
};

/// What a ref that came from an interpreter is completed with. Whoever has it
/// keeps the session, whose names these are.
struct ref_origin {
  std::string_view session;
  std::uint32_t interpreter = 0;
  std::uint32_t epoch = 0;
  std::string_view node = {}; ///< empty: the session is this bridge's own
  std::uint64_t session_epoch = 0;
  /// Of a request of another node: its callbacks, by their ids there.
  const std::unordered_map<std::uint64_t, callback>* callbacks = nullptr;
};

/// A session's rules, as they hold in one interpreter.
struct ref_bounds {
  ref_rules rules;
  std::uint32_t elsewhere = 0; ///< held in other interpreters, and counted too
};

} // namespace snakebridge
