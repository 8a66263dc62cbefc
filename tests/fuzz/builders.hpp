#pragma once
// How seeds are written: a word that says what it is, then a message.

#include <initializer_list>
#include <map>
#include <string>

#include "runtime/wire/messages.hpp"
#include "tests/fuzz/input.hpp"

namespace snakebridge::fuzz {

using corpus = std::map<std::string, input>;

/// The first word: for a stream, in what pieces it comes.
inline input begun(target what,
                   std::initializer_list<std::uint8_t> pieces = {}) {
  input made{static_cast<std::uint8_t>(what)};
  made.insert(made.end(), pieces);
  made.resize(sizeof(word));
  return made;
}

inline void append(input& to, const void* bytes, std::size_t count) {
  const auto* from = static_cast<const std::uint8_t*>(bytes);
  to.insert(to.end(), from, from + count);
}

inline void append_message(input& to, wire::outgoing& message) {
  for (const auto& part : message.parts())
    append(to, part.data(), part.size_bytes());
}

template <class Root, class Build>
input message_of(target what, Build build) {
  wire::outgoing message;
  build(message.builder().initRoot<Root>());
  auto made = begun(what);
  append_message(made, message);
  return made;
}

template <class Build>
input reply_of(Build build) {
  return message_of<schema::Reply>(target::reply, build);
}

template <class Build>
input reply_value(Build build) {
  return reply_of([&](auto reply) { build(reply.initValue()); });
}

/// A request with one argument.
template <class Build>
input request_value(Build build) {
  return message_of<schema::Request>(target::request, [&](auto request) {
    build(request.initPositional(1)[0]);
  });
}

/// What no code of ours writes.
void add_hostile_seeds(corpus& to);

} // namespace snakebridge::fuzz
