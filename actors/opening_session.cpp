#include "actors/opening_session.hpp"

#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include "actors/errors.hpp"
#include "actors/requester.hpp"
#include "actors/system_visit.hpp"

namespace snakebridge {

/// From the thread that has opened it.
struct opening_ended {
  result<session_actor> outcome;
};

} // namespace snakebridge

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::opening_ended)

namespace snakebridge {

namespace {

// As its sender sent it, who gets the answer from there.
void pass_on(caf::event_based_actor* self, const caf::actor& to,
             caf::message_view& what) {
  auto& element = *self->current_mailbox_element();
  to->enqueue(element.sender, element.mid, what.move_content_to_message(),
              self->context());
}

void end_with(caf::event_based_actor* self, const caf::actor_addr& whom) {
  self->set_down_handler(
    [self](const caf::down_msg& told) { self->quit(told.reason); });
  self->monitor(whom);
}

caf::behavior opening_session(caf::event_based_actor* self,
                              const caf::actor_addr& client) {
  self->set_default_handler(caf::skip);
  end_with(self, client);
  return {[self](opening_ended& told) {
    if (!told.outcome) {
      const auto why = to_caf_error(told.outcome.error());
      self->set_default_handler(
        [why](caf::scheduled_actor*,
              caf::message_view&) -> caf::result<caf::message> { return why; });
      return;
    }
    const auto opened = caf::actor_cast<caf::actor>(*told.outcome);
    end_with(self, opened.address());
    self->set_default_handler(
      [self, opened](caf::scheduled_actor*,
                     caf::message_view& what) -> caf::result<caf::message> {
        pass_on(self, opened, what);
        return caf::delegated<caf::message>{};
      });
  }};
}

} // namespace

session_actor spawn_opening_session(caf::actor_system& system,
                                    const caf::actor_addr& client) {
  const system_visit visit;
  return caf::actor_cast<session_actor>(system.spawn(opening_session, client));
}

void end_opening(const session_actor& which, result<session_actor> outcome) {
  caf::anon_send(caf::actor_cast<caf::actor>(which),
                 opening_ended{std::move(outcome)});
}

} // namespace snakebridge
