#pragma once
// What the runtime knows of a session. Owned by the session; `closed` never
// goes back, and after it no call of the session starts. Any thread.

#include <atomic>
#include <cstdint>
#include <string>

#include "runtime/calls/session_callbacks.hpp"
#include "runtime/calls/session_refs.hpp"

namespace snakebridge {

struct session_gate {
  session_gate(std::uint64_t session_number, std::string session_id,
               const ref_rules& rules = {})
      : number{session_number},
        id{std::move(session_id)},
        refs{rules} {}

  const std::uint64_t number; ///< never used twice in this process
  const std::string id;
  std::atomic<bool> closed{false};
  mutable session_refs refs; ///< hosts write into it
  const std::shared_ptr<session_callbacks> callbacks =
    std::make_shared<session_callbacks>(id);
};

} // namespace snakebridge
