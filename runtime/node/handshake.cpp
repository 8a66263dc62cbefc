#include "runtime/node/handshake.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/settings.hpp"

namespace snakebridge {

namespace {

constexpr std::size_t cluster_bytes = 16;

std::string text_of(capnp::Text::Reader from) {
  return {from.begin(), from.size()};
}

// It may hold NUL, which the other side refuses by name.
kj::StringPtr text_from(const std::string& text) {
  return {text.c_str(), text.size()};
}

} // namespace

void write_introduction(schema::Introduction::Builder to,
                        const link_settings& self) {
  const auto& who = self.self;
  to.setProtocol(schema::PROTOCOL_VERSION);
  to.setMessages(schema::MESSAGES_VERSION);
  auto cluster = to.initCluster(static_cast<kj::uint>(who.cluster.size()));
  std::copy(who.cluster.begin(), who.cluster.end(), cluster.begin());
  to.setName(text_from(who.name));
  to.setIncarnation(who.incarnation);
  auto pools = to.initPools(static_cast<kj::uint>(who.pools.size()));
  for (kj::uint at = 0; at < pools.size(); ++at)
    pools.set(at, text_from(who.pools[at]));
  to.setAddress(text_from(who.address));
  to.setHeartbeatLimitMs(
    static_cast<std::uint32_t>(self.heartbeat_limit.count()));
}

std::optional<introduced> read_introduction(schema::Introduction::Reader from) {
  introduced made;
  made.protocol = from.getProtocol();
  made.messages = from.getMessages();
  const auto cluster = from.getCluster();
  const auto name = from.getName();
  const auto address = from.getAddress();
  const auto pools = from.getPools();
  if ((cluster.size() != 0 && cluster.size() != cluster_bytes)
      || name.size() > limits::node_name_bytes_max
      || address.size() > limits::node_address_bytes_max
      || pools.size() > limits::node_pools_max
      || !is_within(node_tunable_of("heartbeat_limit_ms"),
                    from.getHeartbeatLimitMs()))
    return std::nullopt;
  made.who.cluster.assign(cluster.begin(), cluster.end());
  made.who.name = text_of(name);
  made.who.incarnation = from.getIncarnation();
  made.who.address = text_of(address);
  for (const auto pool : pools) {
    if (pool.size() > limits::node_name_bytes_max)
      return std::nullopt;
    made.who.pools.push_back(text_of(pool));
  }
  made.heartbeat_limit = std::chrono::milliseconds{from.getHeartbeatLimitMs()};
  return made;
}

std::optional<refused_error> judge(const link_settings& self,
                                   const introduced& peer, bool is_certified) {
  const auto& who = peer.who;
  const auto versions = [](const char* of_what, int theirs, int ours) {
    return fmt::format("{} {} here, {} there", of_what, ours, theirs);
  };
  if (peer.protocol != schema::PROTOCOL_VERSION)
    return refused_error{
      refusal::wrong_protocol,
      versions("protocol", peer.protocol, schema::PROTOCOL_VERSION)};
  if (peer.messages != schema::MESSAGES_VERSION)
    return refused_error{
      refusal::wrong_messages,
      versions("messages", peer.messages, schema::MESSAGES_VERSION)};
  if (wrong_with_node_name(who.name))
    return refused_error{refusal::name_invalid, fmt::format("{:?}", who.name)};
  if (!is_certified)
    return refused_error{
      refusal::name_differs,
      fmt::format("{:?} is not in its certificate", who.name)};
  const auto& allowed = self.peers_allowed;
  if (!allowed.empty() && std::ranges::find(allowed, who.name) == allowed.end())
    return refused_error{
      refusal::not_allowed,
      fmt::format("{:?}, to {:?}", who.name, self.self.name)};
  if (who.name == self.self.name)
    return who.incarnation == self.self.incarnation
             ? refused_error{refusal::is_self, fmt::format("{:?}", who.name)}
             : refused_error{refusal::name_taken,
                             fmt::format("{:?}", who.name)};
  if (!who.cluster.empty() && !self.self.cluster.empty()
      && who.cluster != self.self.cluster)
    return refused_error{
      refusal::wrong_cluster,
      fmt::format("{:?} is of another than {:?}", who.name, self.self.name)};
  return std::nullopt;
}

hello_plan plan_hello(const introduction& self, const introduction& peer,
                      const known_peer& known, std::uint64_t ended) {
  if (known.link != 0) {
    if (known.incarnation != peer.incarnation)
      return hello_plan::name_taken;
    return known.link == ended ? hello_plan::replace
                               : hello_plan::already_linked;
  }
  // Both dial: that of the lesser name stays.
  return known.is_dialed && self.name < peer.name ? hello_plan::already_linked
                                                  : hello_plan::link;
}

} // namespace snakebridge
