#pragma once
// A supervisor: an actor that starts children in order, monitors them,
// restarts them as its spec says and stops them in reverse order; OTP's
// supervisor for any CAF actor. It is owned by whoever holds it, usually a
// supervisor above, and lives on the scheduler; it never blocks. It dies in
// three ways: `user_shutdown` (or any exit but `kill`) stops its children in
// order, too many restarts do the same from inside, and `kill` ends the
// children by the guards in its state.
//
// Messages, each answered as OTP's function of that name answers:
//   await_started_atom              -> (): all first starts are done
//   up_atom                         -> (): the same, asked by a parent
//   start_child_atom, child_spec    -> caf::actor; a pool refuses
//   start_child_atom, child_factory -> caf::actor; pools only, O(log n)
//   start_child_atom                -> caf::actor; pools with a template start
//   terminate_child_atom, string    -> (): down; the spec is kept unless
//                                      temporary; a pool refuses
//   terminate_child_atom, actor     -> (): the same by handle, for every kind
//   restart_child_atom, string      -> caf::actor; starts a stopped child
//   delete_child_atom, string       -> (): forgets a stopped child
//   which_children_atom             -> std::vector<child_row>, in start order
//   count_children_atom             -> child_counts
// Requests wait while children are being started or stopped, in order of
// arrival. The two queries never wait.

#include "supervisors/child_spec.hpp"

#include <caf/actor.hpp>
#include <caf/atom.hpp>

#include <cstddef>

namespace snakebridge {

using up_atom = caf::atom_constant<caf::atom("up")>;
using await_started_atom = caf::atom_constant<caf::atom("awaitstart")>;
using start_child_atom = caf::atom_constant<caf::atom("startchild")>;
using terminate_child_atom = caf::atom_constant<caf::atom("termchild")>;
using restart_child_atom = caf::atom_constant<caf::atom("restchild")>;
using delete_child_atom = caf::atom_constant<caf::atom("delchild")>;
using which_children_atom = caf::atom_constant<caf::atom("whichchild")>;
using count_children_atom = caf::atom_constant<caf::atom("countchild")>;

enum class child_status {
  stopped,    ///< ended for good, terminated, or declined to start
  starting,   ///< not up yet, for the first time
  running,    ///< up
  restarting, ///< ended by itself, or its restart failed: tried again
};

/// One child as `which_children` shows it. `handle` is set while it runs; a
/// pool child has no id.
struct child_row {
  std::string id;
  caf::actor handle;
  child_status status = child_status::stopped;
  child_type type = child_type::worker;
  restart_type restart = restart_type::permanent;
};

/// What `count_children` answers. `workers` and `supervisors` count children
/// whether they run or not; a pool has one spec and its living children.
struct child_counts {
  std::size_t specs = 0;
  std::size_t active = 0;
  std::size_t supervisors = 0;
  std::size_t workers = 0;

  bool operator==(const child_counts&) const = default;
};

/// Spawns a supervisor, which starts its children at once; `await_started_atom`
/// tells when they are up. If the first start fails it stops the children it
/// has started and ends with `user_shutdown` and a text naming the child.
/// Errors: the first bad option of `spec` by name; nothing was spawned then.
/// Callable from any thread.
caf::expected<caf::actor> spawn_supervisor(caf::actor_system& system,
                                           supervisor_spec spec);

/// The same, for callers who will ask: it starts its children when its first
/// message arrives. Send `await_started_atom` and the answer is never lost to
/// a supervisor that has already given up.
caf::expected<caf::actor> spawn_idle_supervisor(caf::actor_system& system,
                                                supervisor_spec spec);

/// A supervisor as a child of another: its id is the spec's name, it may take
/// any time to stop, and its start is done when all its children are up.
child_spec supervisor_child(supervisor_spec spec,
                            std::chrono::milliseconds up_timeout,
                            restart_type restart = restart_type::permanent);

} // namespace snakebridge

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::child_counts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<snakebridge::child_row>)
