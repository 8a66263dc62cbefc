#pragma once
// What a callback has answered. A plain value, any thread.

#include <optional>
#include <string>

#include <snakebridge/value.hpp>

namespace snakebridge {

struct callback_answer {
  value outcome = {};
  // Where it threw:
  bool failed = false;
  std::string type = {}; ///< of what it threw; "TypeError": Python's
  std::string message = {};
  std::optional<ref> raised = {}; ///< it was Python's, and is kept there
};

} // namespace snakebridge
