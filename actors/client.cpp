#include "actors/client.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include "actors/system_visit.hpp"

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

client::client(caf::actor_system& system, std::shared_ptr<clients> known,
               std::shared_ptr<sessions> where)
    : known_{std::move(known)},
      where_{std::move(where)} {
  const std::lock_guard lock{known_->mutex_};
  if (known_->closed_)
    return;
  const system_visit visit;
  actor_ = system.spawn(hidden_client, caf::unit);
  address_ = actor_.address();
  known_->living_.insert(this);
}

client::~client() {
  if (known_->process_.forked()) {
    // It is our parent's, and lives there. Here the last handle of an actor
    // would end it, for which it needs locks that nobody will free.
    static_cast<void>(new caf::actor{std::move(actor_)});
    static_cast<void>(new auto{std::move(owned_)});
    return;
  }
  for (const auto& [id, each] : owned_)
    where_->abandon(each, address_);
  const std::lock_guard lock{known_->mutex_};
  known_->living_.erase(this);
  end(actor_);
}

result<session_ptr> client::open(const session_options& wanted,
                                 call_options& of_call,
                                 std::string_view prefix) {
  if (auto room = where_->await_room(of_call); !room)
    return tl::unexpected{std::move(room.error())};
  auto opened = where_->open(wanted, address_, prefix);
  if (!opened)
    return tl::unexpected{std::move(opened.error())};
  own(opened->core);
  return opened->core;
}

void client::own(const session_ptr& opened) {
  std::erase_if(owned_, [](const auto& each) { return each.second->closed(); });
  owned_[opened->id()] = opened;
}

session_ptr client::find(const std::string& id) const {
  const auto place = owned_.find(id);
  return place == owned_.end() || place->second->closed() ? nullptr
                                                          : place->second;
}

bool client::owns(const session_ptr& which) const {
  const auto place = owned_.find(which->id());
  return place != owned_.end() && place->second == which;
}

} // namespace snakebridge
