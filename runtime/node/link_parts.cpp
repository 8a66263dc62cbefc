#include "runtime/node/link_parts.hpp"

#include <fmt/format.h>

#include "config/tunables.hpp"

namespace snakebridge {

namespace {

// Objects of a reply, as long as the other node has that, or is to have it. So
// long its call counts: who keeps them all gets no more.
class objects_server final : public schema::Objects::Server {
public:
  objects_server(std::shared_ptr<link_parts> link,
                 std::shared_ptr<untaken_objects> objects)
      : link_{std::move(link)},
        objects_{std::move(objects)} {
    ++link_->calls_served;
  }
  ~objects_server() noexcept { --link_->calls_served; }

  kj::Promise<void> keep(KeepContext) override {
    objects_->keep();
    return kj::READY_NOW;
  }

private:
  const std::shared_ptr<link_parts> link_;
  const std::shared_ptr<untaken_objects> objects_;
};

} // namespace

std::optional<error> link_parts::no_way_for(std::size_t bytes) const {
  if (bytes == 0)
    return error{errc::message_malformed,
                 "a request that cannot cross a network"};
  if (bytes > payload_bytes_max)
    return error{errc::payload_too_large,
                 fmt::format("{} bytes, and payload_bytes_max is {}", bytes,
                             payload_bytes_max)};
  if (!outgoing.has_room(bytes) || (has_way && !has_way()))
    return error{
      errc::overloaded,
      fmt::format("node {} reads requests more slowly than they come", peer)};
  return std::nullopt;
}

received_message
link_parts::hold(arrived& come, std::optional<schema::Objects::Client> objects,
                 std::shared_ptr<void> until_read) {
  received_message made{std::move(come.words)};
  if (made.is_large())
    made.held =
      held.add(kj::mv(come.held), kj::mv(objects), std::move(until_read));
  else if (objects)
    made.held = held.add({}, kj::mv(objects));
  return made;
}

kj::Promise<result<received_message>>
link_parts::receive(schema::Replied::Reader from,
                    std::shared_ptr<void> until_read) {
  using outcome = result<received_message>;
  if (from.isFailed())
    return outcome{tl::unexpected{read_failed(from.getFailed())}};
  auto objects = from.hasObjects() ? std::optional{from.getObjects()}
                                   : std::optional<schema::Objects::Client>{};
  return replies.read(from.getPayload())
    .then([this, objects = kj::mv(objects),
           until_read = std::move(until_read)](auto reply) mutable -> outcome {
      if (!reply)
        return tl::unexpected{std::move(reply).error().with_may_have_run(true)};
      return hold(*reply, kj::mv(objects), std::move(until_read));
    });
}

std::optional<error> link_parts::cannot_go(message& reply) const {
  if (!reply.descriptors().empty())
    return error{errc::message_malformed,
                 "a reply that cannot cross a network"};
  if (!outgoing.has_room_for_reply(bytes_of(reply), steady_clock::now()))
    return error{errc::overloaded, "large results wait there to be read"};
  if (has_way && !has_way())
    return error{errc::overloaded, "results wait there to be read"};
  return std::nullopt;
}

void link_parts::write(schema::Replied::Builder to, remote_reply content) {
  outgoing.write(to.initPayload(), std::move(content.content));
  if (content.objects)
    to.setObjects(
      kj::heap<objects_server>(shared_from_this(), std::move(content.objects)));
}

} // namespace snakebridge
