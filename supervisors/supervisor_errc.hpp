#pragma once
// The named refusals of a supervisor, one per bad option and one per answer of
// OTP's supervisor API. Values of no owner; safe on any thread. Between actors
// each travels as a caf::error of the category `supervisor`, with a sentence
// for people as the first element of its context.

#include <caf/actor.hpp>
#include <caf/error.hpp>

#include <cstdint>
#include <string>

namespace snakebridge {

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
};

/// The name of `code` as the enum spells it.
std::string to_string(supervisor_errc code);

/// An error of the category `supervisor`; `text` is a sentence for people.
caf::error make_error(supervisor_errc code, std::string text);

/// The same without a text; CAF converts enums to errors through it.
caf::error make_error(supervisor_errc code);

/// The refusal of a start because `running` is already there.
caf::error already_started_error(std::string text, const caf::actor& running);

/// The running child that an `already_started` error carries, else null.
caf::actor handle_in(const caf::error& refusal);

/// Whether `reason` is `code`, whatever its text.
bool is(const caf::error& reason, supervisor_errc code);

/// `reason` as people read it: "normal", "kill", "runtime_error: no disk".
std::string describe(const caf::error& reason);

} // namespace snakebridge
