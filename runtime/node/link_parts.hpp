#pragma once
// What the capabilities of one link have in common, and how they send and
// receive. On the loop's thread.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/node/counted_stream.hpp"
#include "runtime/node/held_arrivals.hpp"
#include "runtime/node/link_errors.hpp"
#include "runtime/node/node_loop.hpp"
#include "runtime/node/payloads.hpp"
#include "runtime/node/remote_session.hpp"

#include "schemas/node.capnp.h"

namespace snakebridge {

/// Of a call that comes with so much time.
inline steady_clock::time_point deadline_of(std::uint64_t remaining_ns) {
  constexpr std::chrono::nanoseconds longest =
    std::chrono::milliseconds{day_ms};
  return steady_clock::now()
         + std::chrono::nanoseconds{
           std::min<std::uint64_t>(remaining_ns, longest.count())};
}

/// What the capabilities of one link share; they may outlive it for a moment.
struct link_parts : std::enable_shared_from_this<link_parts> {
  link_parts(std::shared_ptr<loop_jobs> jobs, std::size_t payload_bytes_max)
      : jobs{std::move(jobs)},
        payload_bytes_max{payload_bytes_max},
        requests{payload_bytes_max},
        replies{payload_bytes_max},
        outgoing{payload_bytes_max},
        held{this->jobs} {}

  const std::shared_ptr<loop_jobs> jobs;
  const std::size_t payload_bytes_max;
  std::string peer = {}; ///< its name, once it is known
  /// Something new may be sent: the peer reads. Empty once the link is gone.
  std::function<bool()> has_way = {};
  /// The peer asks for something. Ends a link whose peer does not read answers,
  /// and throws.
  std::function<void()> on_asked = {};
  /// A call has failed: if with its connection, so has the link, whose end is
  /// told before the call is answered.
  std::function<void(const kj::Exception&)> on_failed = {};
  std::shared_ptr<traffic> bytes = {}; ///< of its connection
  incoming_payloads requests;
  incoming_payloads replies;
  outgoing_payloads outgoing;
  held_arrivals held;
  std::size_t calls_served = 0; ///< or whose objects have not been taken
  std::size_t sessions_served = 0;
  std::size_t calls_made = 0;

  /// Why so much cannot be sent now.
  std::optional<error> no_way_for(std::size_t bytes) const;
  /// What a message that has come holds of this link until it is let go, in
  /// which a large one is read elsewhere, and `until_read` with it.
  received_message hold(arrived& come,
                        std::optional<schema::Objects::Client> objects = {},
                        std::shared_ptr<void> until_read = {});
  /// Reads a reply, as long as that lives; `until_read` lives until it is let
  /// go, if it is large.
  kj::Promise<result<received_message>>
  receive(schema::Replied::Reader from, std::shared_ptr<void> until_read = {});
  /// Writes one, unless it cannot go.
  template <class Context>
  void reply(Context& call, result<remote_reply> outcome) {
    bytes->faults.meet(link_stage::reply);
    if (outcome)
      if (auto why = cannot_go(*outcome->content))
        outcome = tl::unexpected{why->with_may_have_run(true)};
    if (!outcome)
      return write_failed(call.getResults().initReplied().initFailed(),
                          outcome.error());
    const auto size = size_of(bytes_of(*outcome->content));
    write(call.getResults(size).initReplied(), *std::move(outcome));
  }
  /// Of a call that carries so much.
  static capnp::MessageSize size_of(std::size_t bytes) {
    return bytes > limits::payload_part_bytes_max
             ? capnp::MessageSize{16, 1}
             : capnp::MessageSize{bytes / sizeof(word) + 16, 0};
  }

private:
  std::optional<error> cannot_go(message& reply) const;
  void write(schema::Replied::Builder to, remote_reply content);
};

} // namespace snakebridge
