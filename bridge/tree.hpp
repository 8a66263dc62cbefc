#pragma once
// The supervision tree of a bridge (DESIGN §2): what is started, in which
// order, and what its end means for callers. Specs only; the supervisors run
// them.

#include <functional>
#include <memory>

#include <snakebridge/config.hpp>
#include <snakebridge/supervisor.hpp>

#include "actors/interpreter_actor.hpp"
#include "actors/pools.hpp"
#include "runtime/base/live_threads.hpp"
#include "runtime/calls/interpreter_events.hpp"

namespace snakebridge {

/// How the interpreters of one pool get their hosts.
using pool_host_factory = std::function<host_factory(const pool&)>;

/// Where what Python prints and logs goes unless the program wants it: the log.
void log_output(const log_line& line);

/// And what happens to interpreters; and what happens at all, where the log is
/// to be verbose. `theirs`: who hears of it besides; empty: the log as well.
void log_event(const interpreter_event& happened);
event_listener verbose_listener(event_listener theirs);

/// Hosts as the configuration says: worker processes, or this process.
pool_host_factory real_hosts(const config& settings,
                             std::shared_ptr<live_threads> threads);

/// One interpreter of a pool; as a child; and how its supervisor calls it.
interpreter_spec interpreter_of(const pool& of, std::uint32_t number,
                                const host_factory& make_host);
child_spec interpreter_child(const pool& of, std::uint32_t number,
                             const host_factory& make_host);
std::string id_of(std::uint32_t interpreter);
std::string id_of(const pool& of);

/// One pool: its interpreters, one_for_one. When it ends, because they died too
/// often or because it was told to, calls are refused with pool_down.
child_spec pool_child(const pool& of, const host_factory& make_host);

/// The root: pools first, so that sessions are stopped while there still are
/// interpreters to free their objects. `on_sessions` hears of the sessions'
/// supervisor whenever it (re)starts, on that actor's parent.
supervisor_spec root_spec(const pools& all, const pool_host_factory& hosts,
                          std::function<void(const caf::actor&)> on_sessions);

} // namespace snakebridge
