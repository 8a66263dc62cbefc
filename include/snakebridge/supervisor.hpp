#pragma once
// Supervisors with OTP's semantics, for any CAF actor, with a bridge or without
// one. A supervisor is an actor that starts children in order, monitors them,
// restarts them as its spec says and stops them in reverse order. It is owned
// by whoever holds it, usually a supervisor above, and lives on the scheduler;
// it never blocks. It ends in four ways: told to by an exit message, by too
// many restarts or by `auto_shutdown` it stops its children in order; `kill`
// ends them with it.
//
//     auto boss = sb::spawn_supervisor(system, {
//       .strategy = sb::strategy::rest_for_one,
//       .children = {{.id = "store", .start = sb::spawning(store, "/tmp")},
//                    {.id = "cache", .start = sb::spawning(cache)}}});
//     self->request(*boss, 5s, sb::which_children_atom::value).then(…);

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/error.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/expected.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace snakebridge {

/// When a child that ended by itself comes back.
enum class restart_type {
  permanent, ///< always
  transient, ///< unless it ended with `normal` or `user_shutdown`
  temporary, ///< never; its spec goes with it
};

/// Whom the end of one child concerns.
enum class strategy {
  one_for_one,        ///< that child only
  one_for_all,        ///< all children: they are worth nothing alone
  rest_for_one,       ///< those started after it: they depend on it
  simple_one_for_one, ///< a pool: copies of one spec, started at run time
};

/// What a child is; a supervisor child gets all the time it needs to stop.
enum class child_type { worker, supervisor };

/// When a supervisor ends because its significant children have ended by
/// themselves, for good, and not by its doing.
enum class auto_shutdown {
  never,
  any_significant, ///< with the first of them
  all_significant, ///< with the last of them
};

/// Shutdown without grace: `kill` at once.
struct brutal_kill_t {
  bool operator==(const brutal_kill_t&) const = default;
};
inline constexpr brutal_kill_t brutal_kill{};

/// Shutdown that waits for ever: for supervisors, or what surely ends.
struct infinity_t {
  bool operator==(const infinity_t&) const = default;
};
inline constexpr infinity_t infinity{};

/// The time from `user_shutdown` to `kill`. A killed child that still sits in a
/// handler after 5 s more is logged as abandoned and left: CAF cannot preempt.
using shutdown_limit =
  std::variant<std::chrono::milliseconds, brutal_kill_t, infinity_t>;

/// What a worker gets when its spec does not say.
inline constexpr std::chrono::milliseconds default_shutdown{5000};

/// Waits before restarts, each twice as long as the one before. A child is
/// `restarting` while it waits; the others of its group are stopped at once and
/// come back with it. A restart counts against the intensity when it is decided
/// on, before its wait, and once: waits make restarts rarer, so a supervisor
/// that is to give up at last needs a `period` longer than its first
/// intensity + 1 waits.
struct backoff {
  /// The first wait. 0: restarts are immediate, as OTP's.
  std::chrono::milliseconds minimum{0};
  /// No wait is longer.
  std::chrono::milliseconds maximum{30'000};
  /// Up to this part of a wait is taken off at random, so that many who ended
  /// together do not come back together. 0 to 1.
  double jitter = 0.2;
  /// A child that was up for so long begins with the first wait again.
  std::chrono::milliseconds reset_after{10'000};
};

/// Makes one child, on the supervisor's thread, without blocking. It may
/// return an actor that runs already (adoption), an error, or
/// `supervisor_errc::declined` to start nothing. The supervisor monitors what
/// it returns: never link a child to `supervisor`.
using child_factory =
  std::function<caf::expected<caf::actor>(caf::event_based_actor* supervisor)>;

/// A factory that spawns an actor of that function, as `system.spawn` does.
template <class Function, class... Arguments>
child_factory spawning(Function function, Arguments... arguments) {
  return [function, arguments...](
           caf::event_based_actor* supervisor) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(
      supervisor->system().spawn(function, arguments...));
  };
}

/// One child: mandatory are `id` and `start`.
struct child_spec {
  std::string id;
  child_factory start;
  restart_type restart = restart_type::permanent;
  /// Unset: `default_shutdown` for a worker, `infinity` for a supervisor.
  std::optional<shutdown_limit> shutdown = {};
  child_type type = child_type::worker;
  /// Its end may end the supervisor, as `auto_shutdown` says. Not if permanent.
  bool significant = false;
  /// Above 0: the start counts as done only when the child has answered
  /// `up_atom` with an empty message in this time; else it is killed (a
  /// supervisor is told to stop, for the sake of its children) and the start
  /// has failed.
  std::chrono::milliseconds up_timeout{0};
};

/// A supervisor.
struct supervisor_spec {
  snakebridge::strategy strategy = snakebridge::strategy::one_for_one;
  /// More restarts than this within `period` end the supervisor. A start that
  /// fails during a restart counts as one more.
  int intensity = 1;
  std::chrono::milliseconds period{5000};
  /// In start order. With simple_one_for_one exactly one, the template, whose
  /// `start` may be empty if each start_child brings its own factory.
  std::vector<child_spec> children = {};
  snakebridge::auto_shutdown auto_shutdown = snakebridge::auto_shutdown::never;
  snakebridge::backoff backoff = {};
  /// Stands in its texts.
  std::string name = "supervisor";
};

/// Why a supervisor refuses, by what its caller does next. Appended only.
enum class supervisor_errc : std::uint8_t {
  // Bad options: correct the spec.
  missing_id = 1,      ///< every child needs a name
  missing_start,       ///< every child needs a factory
  bad_restart_type,    ///< not permanent, transient or temporary
  bad_shutdown,        ///< a negative time
  bad_child_type,      ///< neither worker nor supervisor
  bad_up_timeout,      ///< a negative time
  bad_strategy,        ///< none of the four
  bad_intensity,       ///< negative
  bad_period,          ///< zero or negative
  duplicate_id,        ///< two children of one name
  pool_needs_one_spec, ///< simple_one_for_one takes one spec, the template
  // Answers about the state of a child: look at which_children, decide anew.
  already_started,    ///< it runs: `handle_in(error)` is the running child
  already_present,    ///< its spec is kept: restart_child or delete_child
  running,            ///< terminate_child first
  restarting,         ///< terminate_child ends the retries
  not_found,          ///< no such child, or no longer
  simple_one_for_one, ///< pool children have no id: start by factory, end by
                      ///< handle; other supervisors take a child_spec
  // Answers about a start.
  declined,        ///< the factory chose to start nothing; also what a
                   ///< factory returns to say so
  failed_to_start, ///< the factory's reason is in the text
  not_up_in_time,  ///< no answer to `up_atom` within up_timeout
  // Answers about the supervisor.
  stopping, ///< it is going down: ask its replacement
  killed,   ///< it was killed, and its children with it: spawn it again
  // More bad options: correct the spec.
  bad_auto_shutdown,     ///< none of the three
  bad_backoff,           ///< negative, maximum < minimum, jitter not 0 to 1
  permanent_significant, ///< a permanent child never ends for good
  never_significant,     ///< with auto_shutdown `never` no child may be
  pool_auto_shutdown,    ///< simple_one_for_one has auto_shutdown `never`
};

/// The name of `code` as the enum spells it.
std::string to_string(supervisor_errc code);

/// An error of the category `supervisor`; `text`, a sentence for people, is the
/// first element of its context.
caf::error make_error(supervisor_errc code, std::string text);

/// The same without a text; CAF converts enums to errors through it.
caf::error make_error(supervisor_errc code);

/// The running child that an `already_started` error carries, else null.
caf::actor handle_in(const caf::error& refusal);

/// Whether `reason` is `code`, whatever its text.
bool is(const caf::error& reason, supervisor_errc code);

/// `reason` as people read it: "normal", "kill", "runtime_error: no disk".
std::string describe(const caf::error& reason);

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

using up_atom = caf::atom_constant<caf::atom("up")>;
using await_started_atom = caf::atom_constant<caf::atom("awaitstart")>;
using start_child_atom = caf::atom_constant<caf::atom("startchild")>;
using terminate_child_atom = caf::atom_constant<caf::atom("termchild")>;
using restart_child_atom = caf::atom_constant<caf::atom("restchild")>;
using delete_child_atom = caf::atom_constant<caf::atom("delchild")>;
using which_children_atom = caf::atom_constant<caf::atom("whichchild")>;
using count_children_atom = caf::atom_constant<caf::atom("countchild")>;

/// A supervisor. Each message is answered as OTP's function of that name
/// answers. Requests wait while children are being started or stopped, in order
/// of arrival; the two queries, the last, never wait.
using supervisor_actor = caf::typed_actor<
  /// When all first starts are done. Errors: failed_to_start, when those that
  /// had started are down.
  caf::replies_to<await_started_atom>::with<void>,
  /// The same, asked by a supervisor above.
  caf::replies_to<up_atom>::with<void>,
  /// Adds a child and starts it. Errors: already_started, already_present,
  /// declined, those of a bad spec, the factory's own; a pool refuses.
  caf::replies_to<start_child_atom, child_spec>::with<caf::actor>,
  /// Of a pool: one more, started by that factory.
  caf::replies_to<start_child_atom, child_factory>::with<caf::actor>,
  /// Of a pool: one more, started as the template says.
  caf::replies_to<start_child_atom>::with<caf::actor>,
  /// When the child is down; its spec is kept unless temporary. It does not
  /// count as a restart. Errors: not_found; a pool refuses.
  caf::replies_to<terminate_child_atom, std::string>::with<void>,
  /// The same by handle, for every kind of supervisor.
  caf::replies_to<terminate_child_atom, caf::actor>::with<void>,
  /// Starts a stopped child. Errors: running, restarting, not_found, declined.
  caf::replies_to<restart_child_atom, std::string>::with<caf::actor>,
  /// Forgets a stopped child. Errors: running, restarting, not_found.
  caf::replies_to<delete_child_atom, std::string>::with<void>,
  /// In start order.
  caf::replies_to<which_children_atom>::with<std::vector<child_row>>,
  caf::replies_to<count_children_atom>::with<child_counts>>;

/// Spawns a supervisor, which starts its children at once; `await_started_atom`
/// tells when they are up. If the first start fails it stops the children it
/// has started and ends with `user_shutdown` and a text naming the child.
/// Errors: the first bad option of `spec` by name; nothing was spawned then.
/// Callable from any thread.
caf::expected<supervisor_actor> spawn_supervisor(caf::actor_system& system,
                                                 supervisor_spec spec);

/// The same below `parent`, an actor of any kind. It stops in order when
/// `parent` ends, for whatever reason; when it ends first, `parent` gets an
/// exit message with its reason, as over a link (`kill` comes as `killed`).
/// Called by `parent` itself.
caf::expected<supervisor_actor> spawn_supervisor(caf::local_actor* parent,
                                                 supervisor_spec spec);

/// The same without a parent, for callers who will ask: it starts its children
/// when its first message arrives. Send `await_started_atom` and the answer is
/// never lost to a supervisor that has already given up.
caf::expected<supervisor_actor> spawn_idle_supervisor(caf::actor_system& system,
                                                      supervisor_spec spec);

/// A supervisor as a child of another: its id is the spec's name, it may take
/// any time to stop, and its start is done when all its children are up.
child_spec supervisor_child(supervisor_spec spec,
                            std::chrono::milliseconds up_timeout,
                            restart_type restart = restart_type::permanent);

} // namespace snakebridge

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::child_spec)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::child_factory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::child_counts)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<snakebridge::child_row>)
