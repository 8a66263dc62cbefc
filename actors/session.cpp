#include "actors/session.hpp"

#include <fmt/format.h>

#include "actors/errors.hpp"
#include "actors/requester.hpp"
#include "actors/stream_actor.hpp"
#include "runtime/base/reached.hpp"

namespace snakebridge {

namespace {

using session_pointer = session_actor::stateful_pointer<session_state>;

// What answers the request. It is made on a thread of the host, which an
// exception would end: what a broken worker answers instead is an error.
template <class Answer>
caf::message message_of(result<value> answered) {
  auto outcome = reached(std::move(answered));
  if (!outcome)
    return caf::make_message(to_caf_error(outcome.error()));
  if constexpr (std::is_void_v<Answer>) {
    return {};
  } else if constexpr (std::is_same_v<Answer, value>) {
    return caf::make_message(*std::move(outcome));
  } else {
    auto told = outcome->template to<Answer>();
    return told ? caf::make_message(*std::move(told))
                : caf::make_message(to_caf_error(told.error()));
  }
}

// Starts the call and leaves its answer to who has it.
template <class Answer>
caf::delegated<Answer> start(session_pointer self, result<operation> asked,
                             call_options& options) {
  auto& state = self->state;
  // Before the promise, which takes the sender along.
  const auto client = state.clients.find(
    caf::actor_cast<caf::actor_addr>(self->current_sender()));
  const requester to{self->make_response_promise()};
  const auto timed =
    asked ? state.core->set_time(*asked, options) : result<void>{asked.error()};
  if (!timed) {
    to.answer(message_of<Answer>(tl::unexpected{timed.error()}));
    return {};
  }
  if (client != state.clients.end())
    asked->client_ended = client->second.token();
  state.core->submit(*std::move(asked), options, [to](result<value> answered) {
    to.answer(message_of<Answer>(std::move(answered)));
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

operation operation_of(item_message& asked) {
  return {.what = verb::item,
          .target = std::move(asked.object),
          .positional = {std::move(asked.key)}};
}

operation operation_of(set_item_message& asked) {
  return {.what = verb::set_item,
          .target = std::move(asked.object),
          .positional = {std::move(asked.key), std::move(asked.item)}};
}

operation operation_of(call_object_message& asked) {
  return {.what = verb::call_object,
          .target = std::move(asked.object),
          .positional = std::move(asked.args),
          .named = names_of(asked.kwargs)};
}

result<operation> code_of(verb what, std::string& code, const dict& variables) {
  auto named = detail::variables_of(variables);
  if (!named)
    return named.error();
  return operation{
    .what = what, .name = std::move(code), .named = *std::move(named)};
}

result<operation> operation_of(eval_message& asked) {
  return code_of(verb::evaluate, asked.expression, asked.variables);
}

result<operation> operation_of(exec_message& asked) {
  return code_of(verb::execute, asked.code, asked.variables);
}

operation operation_of(len_message& asked) {
  return {.what = verb::length, .target = std::move(asked.object)};
}

operation operation_of(str_message& asked) {
  return {.what = verb::str, .target = std::move(asked.object)};
}

operation operation_of(repr_message& asked) {
  return {.what = verb::repr, .target = std::move(asked.object)};
}

operation operation_of(release_message& asked) {
  return {.what = verb::release, .target = std::move(asked.object)};
}

operation operation_of(stream_message& asked) {
  return {.what = verb::stream,
          .module = std::move(asked.module),
          .name = std::move(asked.function),
          .positional = std::move(asked.args),
          .named = names_of(asked.kwargs)};
}

operation operation_of(iterate_message& asked) {
  return {.what = verb::iterate, .target = std::move(asked.object)};
}

/// Gives out a stream.
template <class Message>
auto open_stream(session_pointer self) {
  return [self](Message& asked) -> caf::result<stream_actor> {
    const auto& core = self->state.core;
    auto source = operation_of(asked);
    const auto rules = core->set_time(source, asked.options).and_then([&] {
      return core->rules_of_stream(source, asked.options);
    });
    if (!rules)
      return to_caf_error(rules.error());
    return self->spawn(
      stream_of,
      std::make_shared<stream_core>(core, std::move(source),
                                    std::move(asked.options), *rules),
      caf::actor_cast<caf::actor_addr>(self->current_sender()));
  };
}

/// Serves one kind of message.
template <class Message, class Answer>
auto serve(session_pointer self) {
  return [self](Message& asked) {
    return start<Answer>(self, operation_of(asked), asked.options);
  };
}

// As over a link: the clients that are left hear why the session ended. `kill`
// becomes an error of ours, because nobody can trap it.
void tell_owners(const std::shared_ptr<sessions>& all, const session_ptr& core,
                 const caf::actor_addr& session, const caf::error& reason) {
  const auto told =
    reason == caf::exit_reason::kill
      ? to_caf_error({errc::session_closed,
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
    serve<call_message, value>(self),
    serve<get_message, value>(self),
    serve<method_message, value>(self),
    serve<attr_message, value>(self),
    serve<set_attr_message, void>(self),
    serve<item_message, value>(self),
    serve<set_item_message, void>(self),
    serve<call_object_message, value>(self),
    serve<eval_message, value>(self),
    serve<exec_message, void>(self),
    serve<len_message, std::uint64_t>(self),
    serve<str_message, std::string>(self),
    serve<repr_message, std::string>(self),
    serve<release_message, bool>(self),
    open_stream<stream_message>(self),
    open_stream<iterate_message>(self),
    [self](const owner_message& joined) { watch_client(self, joined.owner); },
  };
}

} // namespace snakebridge
