#include <snakebridge/error.hpp>

#include <ostream>

#include <fmt/format.h>

namespace snakebridge {

std::string_view to_string(errc code) {
  static constexpr std::string_view names[] = {
    "",
    "python_raised",
    "ref_stale",
    "ref_released",
    "ref_foreign",
    "ref_invalid",
    "session_closed",
    "deadline_exceeded",
    "cancelled",
    "overloaded",
    "pool_down",
    "pool_unknown",
    "worker_busy",
    "session_worker_unavailable",
    "interpreter_died",
    "node_down",
    "unreachable",
    "not_authorized",
    "not_convertible",
    "not_iterable",
    "callback_failed",
    "message_malformed",
    "payload_too_large",
    "quota_exceeded",
    "config_invalid",
    "startup_failed",
    "environment_invalid",
    "symbol_unknown",
    "library_unknown",
    "shutting_down",
  };
  static_assert(std::size(names)
                == static_cast<std::size_t>(errc::shutting_down) + 1);
  const auto at = static_cast<std::size_t>(code);
  return at > 0 && at < std::size(names) ? names[at] : "unknown";
}

namespace {

std::string raised_text(const python_error& raised) {
  return raised.message.empty() ? raised.type
                                : raised.type + ": " + raised.message;
}

} // namespace

error::error(python_error raised)
    : code_{errc::python_raised},
      may_have_run_{true},
      message_{raised_text(raised)},
      python_{std::make_shared<const python_error>(std::move(raised))} {}

error::error(errc code, std::string message, snakebridge::post_mortem death,
             bool may_have_run)
    : code_{code},
      may_have_run_{may_have_run},
      message_{std::move(message)},
      death_{
        std::make_shared<const snakebridge::post_mortem>(std::move(death))} {}

error error::with_may_have_run(bool may) const {
  auto other = *this;
  other.may_have_run_ = may;
  return other;
}

std::string to_string(const post_mortem& death) {
  std::string how = "ended, nobody knows how";
  if (!death.signal.empty())
    how = "killed by " + death.signal;
  else if (death.exit_status)
    how = fmt::format("exited with status {}", *death.exit_status);
  auto text = fmt::format("interpreter {} (incarnation {}, pid {}) {}",
                          death.interpreter, death.epoch, death.pid, how);
  if (!death.call.empty())
    text += fmt::format(" while running {} for session '{}'", death.call,
                        death.session);
  if (!death.reason.empty())
    text += ", because " + death.reason;
  return text;
}

std::string to_string(const error& failed) {
  auto text = fmt::format("{}: {}", to_string(failed.code()), failed.message());
  if (const auto* raised = failed.python();
      raised != nullptr && !raised->traceback.empty())
    text += "\n" + raised->traceback;
  if (const auto* death = failed.post_mortem();
      death != nullptr && !death->log_lines.empty()) {
    text += "\nits last output:";
    for (const auto& line : death->log_lines)
      text += "\n  " + line;
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const error& failed) {
  return out << to_string(failed);
}

std::ostream& operator<<(std::ostream& out, errc code) {
  return out << to_string(code);
}

exception::exception(snakebridge::error failed)
    : error_{std::make_shared<const snakebridge::error>(std::move(failed))},
      text_{std::make_shared<const std::string>(to_string(*error_))} {}

void throw_error(const error& failed) {
  switch (failed.code()) {
  case errc::python_raised:
    throw python_exception{failed};
  case errc::ref_stale:
  case errc::ref_released:
    throw ref_not_found_error{failed};
  case errc::ref_foreign:
    throw session_mismatch_error{failed};
  case errc::ref_invalid:
    throw invalid_ref_error{failed};
  default:
    throw exception{failed};
  }
}

} // namespace snakebridge
