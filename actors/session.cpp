#include "actors/session.hpp"

#include <fmt/format.h>

#include "actors/errors.hpp"
#include "runtime/base/reached.hpp"

namespace snakebridge {

namespace {

using session_pointer = session_actor::stateful_pointer<session_state>;

/// Who asked, so that any thread can answer without the session.
class requester {
public:
  explicit requester(const caf::response_promise& asked)
      : source_{asked.source()},
        id_{asked.id()} {}

  void answer(caf::message with) const {
    if (source_)
      source_->enqueue(nullptr, id_.response_id(), std::move(with), nullptr);
  }

private:
  caf::strong_actor_ptr source_;
  caf::message_id id_;
};

// Starts the call and leaves its answer to who has it. `as_message` makes the
// answer of the result.
template <class Answer, class AsMessage>
caf::delegated<Answer> start(session_pointer self, operation asked,
                             const call_options& options,
                             AsMessage as_message) {
  auto& state = self->state;
  const auto client = state.clients.find(
    caf::actor_cast<caf::actor_addr>(self->current_sender()));
  if (client != state.clients.end())
    asked.client_ended = client->second.token();
  state.core->submit(
    std::move(asked), options,
    [to = requester{self->make_response_promise()},
     as_message](result<value> answered) {
      auto outcome = reached(std::move(answered));
      to.answer(outcome ? as_message(*outcome)
                        : caf::make_message(to_caf_error(outcome.error())));
    });
  return {};
}

void watch_client(session_pointer self, const caf::actor_addr& client) {
  if (self->state.clients.try_emplace(client).second)
    watch(self, client);
}

// True if it was the last.
bool client_has_ended(session_state& state, const caf::actor_addr& client) {
  auto ended = state.clients.extract(client);
  if (state.all->leave(state.core, client))
    return true; // the session ends, and its calls with it
  if (!ended.empty())
    ended.mapped().cancel();
  return false;
}

caf::message value_message(value& outcome) {
  return caf::make_message(std::move(outcome));
}

std::vector<named_value> names_of(const dict& kwargs) {
  std::vector<named_value> named;
  named.reserve(kwargs.size());
  for (const auto& [key, item] : kwargs) {
    const auto* name = key.get_if<std::string>();
    // Python refuses it by its name, as it does for f(**{1: 2}).
    named.emplace_back(name ? *name : repr(key), item);
  }
  return named;
}

operation operation_of(call_message& asked) {
  return {.what = verb::call,
          .module = std::move(asked.module),
          .name = std::move(asked.function),
          .positional = std::move(asked.args),
          .named = names_of(asked.kwargs)};
}

operation operation_of(get_message& asked) {
  return {.what = verb::get,
          .module = std::move(asked.module),
          .name = std::move(asked.name)};
}

operation operation_of(method_message& asked) {
  return {.what = verb::method,
          .name = std::move(asked.name),
          .target = std::move(asked.object),
          .positional = std::move(asked.args),
          .named = names_of(asked.kwargs)};
}

operation operation_of(attr_message& asked) {
  return {.what = verb::attribute,
          .name = std::move(asked.name),
          .target = std::move(asked.object)};
}

operation operation_of(set_attr_message& asked) {
  return {.what = verb::set_attribute,
          .name = std::move(asked.name),
          .target = std::move(asked.object),
          .positional = {std::move(asked.item)}};
}

operation operation_of(release_message& asked) {
  return {.what = verb::release, .target = std::move(asked.object)};
}

// It runs on a thread of the host, which an exception would end: what a broken
// worker answers instead is an error.
caf::message bool_message(const value& outcome) {
  const auto told = outcome.to<bool>();
  return told ? caf::make_message(*told)
              : caf::make_message(to_caf_error(told.error()));
}

// As over a link: the clients that are left hear why the session ended. `kill`
// becomes an error of ours, because nobody can trap it.
void tell_owners(const std::shared_ptr<sessions>& all,
                 const session_ptr& core, const caf::actor_addr& session,
                 const caf::error& reason) {
  const auto told =
    reason == caf::exit_reason::kill ? to_caf_error(
      {errc::session_closed,
       fmt::format("session '{}' was killed", core->id())})
                                     : reason;
  for (const auto& owner : all->owners(core))
    if (const auto to = caf::actor_cast<caf::strong_actor_ptr>(owner))
      to->enqueue(nullptr, caf::make_message_id(),
                  caf::make_message(caf::exit_msg{session, told}), nullptr);
}

} // namespace

session_state::~session_state() {
  if (!core)
    return;
  // A monitor would stay with the client, and with it the memory of the actor.
  for (const auto& [client, calls] : clients)
    self->demonitor(client);
  core->close();
  all->remove(core);
}

session_actor::behavior_type
session(session_actor::stateful_pointer<session_state> self,
        std::shared_ptr<sessions> all, session_ptr core,
        caf::actor_addr first_owner) {
  self->attach_functor(
    [all, core, address = self->address()](const caf::error& reason) {
      tell_owners(all, core, address, reason);
    });
  self->state.all = std::move(all);
  self->state.core = std::move(core);
  self->set_exit_handler(
    [self](const caf::exit_msg& asked) { self->quit(asked.reason); });
  self->set_down_handler([self](const caf::down_msg& ended) {
    if (client_has_ended(self->state, ended.source))
      self->quit();
  });
  self->set_exception_handler(crash_reason);
  watch_client(self, first_owner);
  return {
    [self](call_message& asked) {
      return start<value>(self, operation_of(asked), asked.options,
                          value_message);
    },
    [self](get_message& asked) {
      return start<value>(self, operation_of(asked), asked.options,
                          value_message);
    },
    [self](method_message& asked) {
      return start<value>(self, operation_of(asked), asked.options,
                          value_message);
    },
    [self](attr_message& asked) {
      return start<value>(self, operation_of(asked), asked.options,
                          value_message);
    },
    [self](set_attr_message& asked) {
      return start<void>(self, operation_of(asked), asked.options,
                         [](const value&) { return caf::message{}; });
    },
    [self](release_message& asked) {
      return start<bool>(self, operation_of(asked), asked.options,
                         bool_message);
    },
    [self](const owner_message& joined) { watch_client(self, joined.owner); },
  };
}

} // namespace snakebridge
