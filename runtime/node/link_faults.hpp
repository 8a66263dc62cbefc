#pragma once
// What a plan of faults has in store for one connection between nodes: what is
// sent next on it stalls, or is not what it should be. Lies beside what is
// counted of its bytes; on the loop's thread. Without fault points it is never
// due.

#include <chrono>
#include <cstdint>
#include <optional>

#include <kj/async-io.h>

#include "runtime/base/fault_points.hpp"

namespace snakebridge {

class link_faults {
public:
  int socket = -1;            ///< of the connection
  kj::Timer* timer = nullptr; ///< null: it cannot stall yet

  /// That is about to be sent, with what is due there.
  void meet(link_stage at) {
    if constexpr (has_fault_points)
      meet_any(at);
  }

  bool is_due() const { return has_fault_points && (stall_ || corrupt_); }
  /// As that says. What comes after it waits for it.
  kj::Promise<void>
  write(kj::AsyncIoStream& to,
        kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces);

private:
  void meet_any(link_stage at);

  std::optional<std::chrono::milliseconds> stall_; ///< how long
  std::optional<std::uint32_t> corrupt_;           ///< which byte
};

} // namespace snakebridge
