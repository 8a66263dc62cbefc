// The errors of a supervisor, and how people read those of actors.
#include "supervisors/child_spec.hpp"

#include <snakebridge/actors.hpp>

#include <caf/exit_reason.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>

#include <utility>

namespace snakebridge {

namespace {

constexpr auto our_category = caf::atom("supervisor");

std::string code_name(const caf::error& reason) {
  if (reason.category() == our_category)
    return to_string(static_cast<supervisor_errc>(reason.code()));
  if (reason.category() == caf::atom("exit"))
    return to_string(static_cast<caf::exit_reason>(reason.code()));
  if (reason.category() == caf::atom("system"))
    return to_string(static_cast<caf::sec>(reason.code()));
  return to_string(reason.category()) + " " + std::to_string(reason.code());
}

} // namespace

std::string to_string(supervisor_errc code) {
  switch (code) {
  case supervisor_errc::missing_id:
    return "missing_id";
  case supervisor_errc::missing_start:
    return "missing_start";
  case supervisor_errc::bad_restart_type:
    return "bad_restart_type";
  case supervisor_errc::bad_shutdown:
    return "bad_shutdown";
  case supervisor_errc::bad_child_type:
    return "bad_child_type";
  case supervisor_errc::bad_up_timeout:
    return "bad_up_timeout";
  case supervisor_errc::bad_strategy:
    return "bad_strategy";
  case supervisor_errc::bad_intensity:
    return "bad_intensity";
  case supervisor_errc::bad_period:
    return "bad_period";
  case supervisor_errc::duplicate_id:
    return "duplicate_id";
  case supervisor_errc::pool_needs_one_spec:
    return "pool_needs_one_spec";
  case supervisor_errc::already_started:
    return "already_started";
  case supervisor_errc::already_present:
    return "already_present";
  case supervisor_errc::running:
    return "running";
  case supervisor_errc::restarting:
    return "restarting";
  case supervisor_errc::not_found:
    return "not_found";
  case supervisor_errc::simple_one_for_one:
    return "simple_one_for_one";
  case supervisor_errc::declined:
    return "declined";
  case supervisor_errc::failed_to_start:
    return "failed_to_start";
  case supervisor_errc::not_up_in_time:
    return "not_up_in_time";
  case supervisor_errc::stopping:
    return "stopping";
  case supervisor_errc::killed:
    return "killed";
  case supervisor_errc::bad_auto_shutdown:
    return "bad_auto_shutdown";
  case supervisor_errc::bad_backoff:
    return "bad_backoff";
  case supervisor_errc::permanent_significant:
    return "permanent_significant";
  case supervisor_errc::never_significant:
    return "never_significant";
  case supervisor_errc::pool_auto_shutdown:
    return "pool_auto_shutdown";
  }
  return "unknown";
}

caf::error make_error(supervisor_errc code, std::string text) {
  return {static_cast<std::uint8_t>(code), our_category,
          caf::make_message(std::move(text))};
}

caf::error make_error(supervisor_errc code) {
  return {static_cast<std::uint8_t>(code), our_category};
}

caf::error already_started_error(std::string text, const caf::actor& running) {
  return {static_cast<std::uint8_t>(supervisor_errc::already_started),
          our_category, caf::make_message(std::move(text), running)};
}

caf::actor handle_in(const caf::error& refusal) {
  if (!is(refusal, supervisor_errc::already_started))
    return {};
  const auto& context = refusal.context();
  if (!context.match_elements<std::string, caf::actor>())
    return {};
  return context.get_as<caf::actor>(1);
}

bool is(const caf::error& reason, supervisor_errc code) {
  return reason && reason.category() == our_category
         && reason.code() == static_cast<std::uint8_t>(code);
}

std::string describe(const caf::error& reason) {
  if (!reason)
    return "normal";
  const auto& context = reason.context();
  if (!context.empty() && context.match_element<std::string>(0))
    return code_name(reason) + ": " + context.get_as<std::string>(0);
  // One of our own actors ended: its error says more than a number.
  if (context.match_elements<error>())
    return std::string{to_string(to_error(reason).code())} + ": "
           + to_error(reason).message();
  return code_name(reason);
}

} // namespace snakebridge
