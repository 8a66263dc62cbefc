#pragma once
// Calls between nodes. The node where a call is made sends the Request that a
// worker would get, with what its owner needs to find the way; the owner reads
// it, makes the call as any of its own, and sends the Reply a worker would.
// What comes from either is hostile: it is checked as what a worker says.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <snakebridge/callback.hpp>
#include <snakebridge/operation.hpp>

#include "runtime/values/callback_answer.hpp"
#include "runtime/values/origin.hpp"
#include "runtime/wire/channel.hpp"

namespace snakebridge {

/// What the node that has the session needs to find the way of a call.
struct call_route {
  std::uint32_t interpreter = 0; ///< that its objects live in; 0: it names none
  std::uint32_t epoch = 0;       ///< of that one
  std::string pool = {};
  std::optional<snakebridge::affinity> affinity = {};
  bool leaves_given = false; ///< else as its pool says
  bool idempotent = false;
};

} // namespace snakebridge

namespace snakebridge::wire {

struct reply;

/// Puts the route into an encoded request.
void write_route(message& request, const call_route& route);

/// At the owner.
struct remote_request {
  operation asked;
  call_route route;
};
/// Its refs get that origin, of that route. Errors: message_malformed.
result<remote_request> decode_remote_request(const frame& received,
                                             ref_origin session);
/// Whether to write those takes longer than a loop may be held up.
bool is_large(const std::vector<value>& items);
/// `items`: those of a stream, in order. Errors: payload_too_large.
result<std::shared_ptr<message>>
encode_remote_reply(const result<value>& outcome,
                    const std::vector<value>& items, std::size_t bytes_max);

/// At the caller: as decode_reply.
reply decode_remote_reply(const frame& received, ref_origin session);

/// What a callback of the other node is called with: there decode_called reads
/// it. Errors: payload_too_large, not_convertible.
result<std::shared_ptr<message>>
encode_remote_called(const detail::callback_arguments& given,
                     std::size_t bytes_max);
/// What it has answered.
std::shared_ptr<message> encode_remote_returned(const callback_answer& told,
                                                std::size_t bytes_max);
/// Errors: message_malformed, payload_too_large.
result<callback_answer> decode_remote_returned(const frame& received,
                                               const ref_origin& session);

} // namespace snakebridge::wire
