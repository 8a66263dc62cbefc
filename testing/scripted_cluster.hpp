#pragma once
// The cluster of a bridge on fake Python whose other nodes are a script: the
// directory is a real one, in this process; a session elsewhere is a stand-in
// over a fake interpreter. Owned by the bridge; any thread.

#include <memory>

#include "actors/cluster.hpp"
#include "testing/fake_interpreter.hpp"

namespace snakebridge::testing {

/// The bridge is in it from its start to its end.
std::shared_ptr<cluster>
join_scripted(const std::shared_ptr<fake_cluster_state>& nodes,
              const config& settings, node_surroundings around);

} // namespace snakebridge::testing
