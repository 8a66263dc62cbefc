#pragma once
// The bridge for actors; the one header that includes CAF. A client actor opens
// a session, which is an actor of its own, and sends it calls. The session does
// not relay: the interpreter answers the client. Whatever ends the client, its
// end ends the session and frees its objects; whatever ends the session, the
// client gets an exit message as over a link (`normal` is ignored by default).

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <snakebridge/bridge.hpp>

// A value and an object can be iterated, but they are no containers to CAF: it
// would look for the type of their items, which is theirs again.
template <>
class caf::detail::is_iterable<snakebridge::value> {
public:
  static constexpr bool value = false;
};
template <>
class caf::detail::is_iterable<snakebridge::object> {
public:
  static constexpr bool value = false;
};

namespace snakebridge {

/// `module.function(*args, **kwargs)`; the keys of `kwargs` are strings.
struct call_message {
  std::string module;
  std::string function;
  list args = {};
  dict kwargs = {};
  call_options options = {};
};

/// `module.name`
struct get_message {
  std::string module;
  std::string name;
  call_options options = {};
};

/// `object.name(*args, **kwargs)`; the object is a ref, or a value that lives
/// as long as the call.
struct method_message {
  value object;
  std::string name;
  list args = {};
  dict kwargs = {};
  call_options options = {};
};

/// `object.name`, of a ref or a value.
struct attr_message {
  value object;
  std::string name;
  call_options options = {};
};

/// `object.name = item`
struct set_attr_message {
  ref object;
  std::string name;
  value item;
  call_options options = {};
};

/// `object[key]`
struct item_message {
  value object;
  value key;
  call_options options = {};
};

/// `object[key] = item`
struct set_item_message {
  ref object;
  value key;
  value item;
  call_options options = {};
};

/// `object(*args, **kwargs)`
struct call_object_message {
  value object;
  list args = {};
  dict kwargs = {};
  call_options options = {};
};

/// `eval(expression)` in the session's namespace, in which the keys of
/// `variables` name their values.
struct eval_message {
  std::string expression;
  dict variables = {};
  call_options options = {};
};

/// `exec(code)`, likewise.
struct exec_message {
  std::string code;
  dict variables = {};
  call_options options = {};
};

/// `len(object)`
struct len_message {
  value object;
  call_options options = {};
};

/// `str(object)`
struct str_message {
  value object;
  call_options options = {};
};

/// `repr(object)`
struct repr_message {
  value object;
  call_options options = {};
};

/// Forgets the object: true if it was there.
struct release_message {
  ref object;
  call_options options = {};
};

/// Iterates over `module.function(*args, **kwargs)`. Answered with an actor
/// that gives out the items; Python is asked for the first when that is.
struct stream_message {
  std::string module;
  std::string function;
  list args = {};
  dict kwargs = {};
  call_options options = {};
};

/// Iterates over an object: a ref, or a value.
struct iterate_message {
  value object;
  call_options options = {};
};

/// Asks a stream for its next items, at most so many.
struct more_message {
  std::size_t items = 1;
};

/// Items of a stream, in order: those that are there, and at least one, unless
/// it has ended.
struct items_message {
  list items = {};
  bool ended = false;
};

/// From a stream to itself: there is something to be taken.
struct news_message {};

/// A stream. It answers with items as they are asked for; while they are read
/// the next come, a batch of them, and then Python waits. An error that ends it
/// answers one request. It ends with the client that opened it, or when nobody
/// has its handle: then its generator is closed. overloaded: too many requests
/// wait for items.
using stream_actor =
  caf::typed_actor<caf::replies_to<more_message>::with<items_message>,
                   caf::reacts_to<news_message>>;

/// Python has called an actor (`actor_callback`), which answers with a value or
/// an error. The keys of `kwargs` are strings.
struct callback_message {
  list args = {};
  dict kwargs = {};
};

/// A callback that asks the actor, and answers with what that answers: a value;
/// an error is a `snakebridge.CallbackError` in Python, of the actor's end too.
/// No actor's thread waits meanwhile: the thread does on which the callback
/// runs, at most as long as the call has that Python makes it in.
callback actor_callback(caf::actor to);

/// From the bridge to its sessions: another client.
struct owner_message {
  caf::actor_addr owner;
};

/// A session. Every request is answered with its result or with an error that
/// `to_error` turns into ours. The errors are those of `caller`. Besides the
/// request's own timeout, the bridge's timeout or that of `options` holds.
using session_actor =
  caf::typed_actor<caf::replies_to<call_message>::with<value>,
                   caf::replies_to<get_message>::with<value>,
                   caf::replies_to<method_message>::with<value>,
                   caf::replies_to<attr_message>::with<value>,
                   caf::replies_to<set_attr_message>::with<void>,
                   caf::replies_to<item_message>::with<value>,
                   caf::replies_to<set_item_message>::with<void>,
                   caf::replies_to<call_object_message>::with<value>,
                   caf::replies_to<eval_message>::with<value>,
                   caf::replies_to<exec_message>::with<void>,
                   caf::replies_to<len_message>::with<std::uint64_t>,
                   caf::replies_to<str_message>::with<std::string>,
                   caf::replies_to<repr_message>::with<std::string>,
                   caf::replies_to<release_message>::with<bool>,
                   caf::replies_to<stream_message>::with<stream_actor>,
                   caf::replies_to<iterate_message>::with<stream_actor>,
                   caf::reacts_to<owner_message>>;

/// Opens a session for `self`, or joins the one with that id. The session ends
/// with the last of its clients. Never blocks: requests to one of the cluster
/// wait until it is open, and answer why it cannot be: as
/// `bridge::open_session`. Throws shutting_down, and config_invalid for options
/// out of bounds or a bridge that is no node.
session_actor open_session(caf::local_actor* self, const bridge& on,
                           session_options options = {});

/// What an actor answered instead of a result: our own error as it was sent,
/// CAF's as the nearest of ours (a request's timeout is deadline_exceeded, an
/// ended receiver session_closed).
error to_error(const caf::error& answered);

/// The same error, to be sent to an actor.
caf::error to_caf_error(const error& failed);

} // namespace snakebridge

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::value)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::error)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::object)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::call_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::get_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::method_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::attr_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::set_attr_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::item_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::set_item_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::call_object_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::eval_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::exec_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::len_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::str_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::repr_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::release_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::stream_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::iterate_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::more_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::items_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::news_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::callback_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(snakebridge::owner_message)
