#pragma once
// Errors of calls over a link, as the messages of the protocol carry them, and
// what KJ's exceptions mean. Plain functions, on the loop's thread.

#include <string>

#include <fmt/format.h>
#include <kj/exception.h>

#include <snakebridge/error.hpp>

#include "config/tunables.hpp"
#include "runtime/base/utf8.hpp"

#include "schemas/node.capnp.h"

namespace snakebridge {

/// Of a long message, the beginning: no frame is larger than a link allows.
inline void write_failed(schema::Failed::Builder to, const error& from) {
  to.setCode(static_cast<std::uint8_t>(from.code()));
  to.setMessage(
    utf8::cut(from.message(), limits::failed_text_bytes_max).c_str());
  to.setMayHaveRun(from.may_have_run());
}

/// A code this version does not know is message_malformed.
inline error read_failed(schema::Failed::Reader from) {
  const auto code = from.getCode();
  const bool known = code >= static_cast<std::uint8_t>(errc::python_raised)
                     && code <= static_cast<std::uint8_t>(errc::shutting_down);
  return error{known ? static_cast<errc>(code) : errc::message_malformed,
               from.getMessage().cStr()}
    .with_may_have_run(from.getMayHaveRun());
}

/// What a call over a link to `node` answers that KJ has ended.
inline error to_error(const kj::Exception& failed, const std::string& node) {
  const bool gone = failed.getType() == kj::Exception::Type::DISCONNECTED;
  return error{gone ? errc::node_down : errc::message_malformed,
               fmt::format("node {}: {}", node, failed.getDescription().cStr())}
    .with_may_have_run(true);
}

} // namespace snakebridge
