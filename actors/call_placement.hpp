#pragma once
// On which node of a cluster a call runs that may run on any: by what the
// directory told of them, and what has been placed since. Plain data; under the
// lock of its owner.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/timers.hpp"
#include "runtime/node/cluster_messages.hpp"

namespace snakebridge {

class call_placement {
public:
  /// What is known is older than a second. Says so once in each: whoever hears
  /// it asks, and others go by what is known meanwhile.
  bool is_due(steady_clock::time_point now);
  void learn(std::vector<node_row> rows) { rows_ = std::move(rows); }
  bool knows_none() const { return rows_.empty(); }

  /// The node whose pool of that name has the fewest calls for each of its
  /// interpreters; the own one, which is `self`, if no other has fewer. `here`:
  /// that pool of its own, if it has it, as it is now. `but`: not there. A call
  /// that is placed elsewhere counts there until more is known. Errors:
  /// pool_unknown, if none offers it; pool_down, if none of them takes calls.
  result<std::string> place(const std::string& pool, const std::string& self,
                            const std::optional<node_pool_stats>& here,
                            const std::set<std::string>& but = {});

private:
  std::vector<node_row> rows_;
  std::optional<steady_clock::time_point> asked_at_;
};

} // namespace snakebridge
