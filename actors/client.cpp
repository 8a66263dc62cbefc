#include "actors/client.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

namespace snakebridge {

namespace {

// An argument, because CAF spawns functions without any through a null pointer.
caf::behavior hidden_client(caf::event_based_actor* self, caf::unit_t) {
  self->set_exit_handler([self](const caf::exit_msg& told) {
    // A session that ends names itself; who owns us does not.
    if (!told.source)
      self->quit(told.reason);
  });
  // An actor without a behavior would end at once.
  return {[](caf::unit_t) {}};
}

void end(caf::actor& living) {
  if (living)
    caf::anon_send_exit(living, caf::exit_reason::normal);
  living = nullptr;
}

} // namespace

void clients::end_all() {
  const std::lock_guard lock{mutex_};
  closed_ = true;
  for (auto* each : living_)
    end(each->actor_);
}

client::client(caf::actor_system& system, std::shared_ptr<clients> known)
    : known_{std::move(known)} {
  const std::lock_guard lock{known_->mutex_};
  if (known_->closed_)
    return;
  actor_ = system.spawn(hidden_client, caf::unit);
  address_ = actor_.address();
  known_->living_.insert(this);
}

client::~client() {
  const std::lock_guard lock{known_->mutex_};
  known_->living_.erase(this);
  end(actor_);
}

} // namespace snakebridge
