#include "actors/errors.hpp"

#include <caf/sec.hpp>
#include <fmt/format.h>

namespace snakebridge {

namespace {

constexpr auto our_category = caf::atom("snakebrdge");

} // namespace

caf::error to_caf_error(const error& failed) {
  return {static_cast<std::uint8_t>(failed.code()), our_category,
          caf::make_message(failed)};
}

error to_error(const caf::error& answered) {
  if (!answered)
    return {errc::session_closed, "the actor ended normally"};
  if (answered.category() == our_category
      && answered.context().match_elements<error>())
    return answered.context().get_as<error>(0);
  if (answered == caf::sec::request_timeout)
    return error{errc::deadline_exceeded,
                 "no answer within the request's timeout"}
      .with_may_have_run(true);
  return {errc::session_closed,
          fmt::format("the session does not answer: {}", to_string(answered))};
}

caf::error crash_reason(std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& crash) {
    return caf::make_error(caf::sec::runtime_error, std::string{crash.what()});
  } catch (...) {
    return caf::make_error(caf::sec::runtime_error,
                           std::string{"something that is no exception"});
  }
}

bool is_gone(errc why) {
  switch (why) {
  case errc::interpreter_died:
  case errc::ref_stale:
  case errc::ref_released:
  case errc::session_closed:
  case errc::pool_down:
  case errc::shutting_down:
    return true;
  default:
    return false;
  }
}

void watch(caf::local_actor* self, const caf::actor_addr& other) {
  if (const auto living = caf::actor_cast<caf::strong_actor_ptr>(other)) {
    self->monitor(living);
    return;
  }
  // Ended, and nobody holds it any more: monitoring it would say nothing.
  self->ctrl()->enqueue(
    nullptr, caf::make_message_id(),
    caf::make_message(caf::down_msg{other, caf::exit_reason::unknown}),
    self->context());
}

} // namespace snakebridge
