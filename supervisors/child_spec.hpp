#pragma once
// What a supervisor is told: how to start, stop and restart each child
// (child_spec) and how to act on them together (supervisor_spec), in the words
// of OTP's supervisor. Plain values, copied into the supervisor that owns the
// children; safe on any thread. `validate` names the first option that is
// wrong, so that a supervisor never runs on a spec it would misread.

#include "supervisors/supervisor_errc.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/expected.hpp>
#include <caf/fwd.hpp>

#include <chrono>
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

/// The time from `user_shutdown` to `kill`.
using shutdown_limit =
  std::variant<std::chrono::milliseconds, brutal_kill_t, infinity_t>;

/// What a worker gets when its spec does not say.
inline constexpr std::chrono::milliseconds default_shutdown{5000};

/// How long a killed child may still sit in a handler before the supervisor
/// logs it as abandoned and goes on: CAF cannot preempt a busy actor.
inline constexpr std::chrono::milliseconds abandon_after{5000};

/// Makes one child, on the supervisor's thread, without blocking. It may
/// return an actor that runs already (adoption), an error, or
/// `supervisor_errc::declined` to start nothing. The supervisor monitors what
/// it returns: never link a child to `supervisor`.
using child_factory =
  std::function<caf::expected<caf::actor>(caf::event_based_actor* supervisor)>;

/// One child: mandatory are `id` and `start`.
struct child_spec {
  std::string id;
  child_factory start;
  restart_type restart = restart_type::permanent;
  /// Unset: `default_shutdown` for a worker, `infinity` for a supervisor.
  std::optional<shutdown_limit> shutdown = {};
  child_type type = child_type::worker;
  /// Above 0: the start counts as done only when the child has answered
  /// `up_atom` with an empty message in this time; else it is killed and the
  /// start has failed.
  std::chrono::milliseconds up_timeout{0};
};

/// A supervisor: `name` stands in its texts.
struct supervisor_spec {
  std::string name = "supervisor";
  snakebridge::strategy strategy = snakebridge::strategy::one_for_one;
  /// More restarts than this within `period` end the supervisor.
  int intensity = 1;
  std::chrono::milliseconds period{5000};
  /// In start order. With simple_one_for_one exactly one, the template, whose
  /// `start` may be empty if each start_child brings its own factory.
  std::vector<child_spec> children = {};
};

/// The time `spec` gives its child to stop, the default filled in.
shutdown_limit shutdown_of(const child_spec& spec);

/// The first bad option of `spec` by name, or no error.
caf::error validate(const child_spec& spec);

/// The first bad option of `spec`, its children included, or no error.
caf::error validate(const supervisor_spec& spec);

} // namespace snakebridge

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::child_spec)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::child_factory)
