#pragma once
// What the runtime knows of a session. Owned by the session; `closed` never
// goes back, and after it no call of the session starts. Any thread.

#include <atomic>
#include <cstdint>
#include <string>

#include "runtime/calls/session_callbacks.hpp"
#include "runtime/calls/session_refs.hpp"
#include "runtime/values/origin.hpp"

namespace snakebridge {

/// Where a session is.
struct session_home {
  std::string node = {};     ///< empty: it is this bridge's own alone
  std::uint64_t epoch = 0;   ///< of its grant, as a session of the cluster
  std::string pool = {};     ///< of calls that name none; empty: the default
  bool is_elsewhere = false; ///< on another node: this is its stand-in
};

struct session_gate {
  session_gate(std::uint64_t session_number, std::string session_id,
               const ref_rules& rules = {}, session_home at = {})
      : number{session_number},
        id{std::move(session_id)},
        home{std::move(at)},
        refs{rules} {}

  /// Of refs to what it makes in that incarnation.
  ref_origin origin_in(std::uint32_t interpreter, std::uint32_t epoch) const {
    return {id, interpreter, epoch, home.node, home.epoch};
  }

  const std::uint64_t number; ///< never used twice in this process
  const std::string id;
  const session_home home;
  mutable std::atomic<bool> closed{false}; ///< by the session alone
  mutable session_refs refs;               ///< hosts write into it
  const std::shared_ptr<session_callbacks> callbacks =
    std::make_shared<session_callbacks>(id);
};

} // namespace snakebridge
