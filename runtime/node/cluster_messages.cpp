#include "runtime/node/cluster_messages.hpp"

#include <algorithm>

#include "config/tunables.hpp"
#include "runtime/node/link_errors.hpp"
#include "runtime/wire/messages.hpp"

#include "schemas/node.capnp.h"

namespace snakebridge {

namespace {

using std::chrono::milliseconds;
using wire::full_size;
using wire::string;
using wire::text;

void require(bool holds, const char* what) {
  if (!holds)
    throw KJ_EXCEPTION(FAILED, what);
}

milliseconds read_ms(std::uint64_t from) {
  return milliseconds{
    static_cast<std::int64_t>(std::min<std::uint64_t>(from, day_ms))};
}

void write(schema::NodeId::Builder to, const node_id& from) {
  to.setName(text(from.name));
  to.setIncarnation(from.incarnation);
}

node_id read(schema::NodeId::Reader from) {
  return {string(from.getName()), from.getIncarnation()};
}

void write(schema::Grant::Builder to, const session_grant& from) {
  to.setId(text(from.id));
  to.setEpoch(from.epoch);
}

session_grant read(schema::Grant::Reader from) {
  return {string(from.getId()), from.getEpoch()};
}

std::vector<std::string> read_names(capnp::List<capnp::Text>::Reader from) {
  std::vector<std::string> names;
  for (const auto each : from)
    names.push_back(string(each));
  return names;
}

void write(schema::Said::Builder said, const node_hello& from) {
  auto to = said.initHello();
  write(to.initNode(), from.node);
  to.setNumber(from.number);
  to.setAddress(text(from.address));
  to.setListens(from.listens);
  to.setDrains(from.drains);
  wire::write_names(to.initPools(wire::count_of(from.pools.size())),
                    from.pools);
  to.setLoad(from.load);
  to.setClusterHigh(from.cluster.high);
  to.setClusterLow(from.cluster.low);
  auto held = to.initHeld(wire::count_of(from.held.size()));
  for (unsigned at = 0; at < held.size(); ++at)
    write(held[at], from.held[at]);
  to.setEpochSeen(from.epoch_seen);
}

node_hello read(schema::ClusterHello::Reader from) {
  node_hello said{.node = read(from.getNode()),
                  .number = from.getNumber(),
                  .address = string(from.getAddress()),
                  .listens = from.getListens(),
                  .drains = from.getDrains(),
                  .pools = read_names(from.getPools()),
                  .load = from.getLoad(),
                  .cluster = {from.getClusterHigh(), from.getClusterLow()},
                  .held = {},
                  .epoch_seen = from.getEpochSeen()};
  for (const auto each : full_size(from.getHeld()))
    said.held.push_back(read(each));
  return said;
}

void write(schema::Said::Builder said, const hello_answer& from) {
  auto to = said.initAdmission();
  to.setNumber(from.number);
  if (!from.answer)
    return write_failed(to.initFailed(), from.answer.error());
  auto admitted = to.initAdmitted();
  admitted.setClusterHigh(from.answer->cluster.high);
  admitted.setClusterLow(from.answer->cluster.low);
  admitted.setEndsFirst(from.answer->ends_first);
  admitted.setDrains(from.answer->drains);
}

hello_answer read(schema::Admission::Reader from) {
  if (from.isFailed())
    return {from.getNumber(), read_failed(from.getFailed())};
  const auto told = from.getAdmitted();
  return {from.getNumber(),
          admission{.cluster = {told.getClusterHigh(), told.getClusterLow()},
                    .ends_first = told.getEndsFirst(),
                    .drains = told.getDrains()}};
}

void write(schema::Said::Builder said, const open_request& from) {
  auto to = said.initOpen();
  write(to.initOpener(), from.opener);
  to.setNumber(from.number);
  to.setId(text(from.id));
  to.setAt(text(from.at));
  to.setPool(text(from.pool));
  to.setEndedEpoch(from.ended_epoch);
}

open_request read(schema::OpenRequest::Reader from) {
  return {.opener = read(from.getOpener()),
          .number = from.getNumber(),
          .id = string(from.getId()),
          .at = string(from.getAt()),
          .pool = string(from.getPool()),
          .ended_epoch = from.getEndedEpoch()};
}

void write(schema::Said::Builder said, const open_answer& from) {
  auto to = said.initPlace();
  write(to.initOpener(), from.opener);
  to.setNumber(from.number);
  if (!from.place)
    return write_failed(to.initFailed(), from.place.error());
  auto place = to.initPlace();
  write(place.initOwner(), from.place->owner);
  place.setAddress(text(from.place->address));
  place.setEpoch(from.place->epoch);
}

open_answer read(schema::OpenAnswer::Reader from) {
  if (from.isFailed())
    return {read(from.getOpener()), from.getNumber(),
            read_failed(from.getFailed())};
  const auto told = from.getPlace();
  return {read(from.getOpener()), from.getNumber(),
          session_place{read(told.getOwner()), string(told.getAddress()),
                        told.getEpoch()}};
}

void write(schema::Said::Builder said, const session_grant& from) {
  write(said.initGrant(), from);
}

void write(schema::Said::Builder said, const grant_taken& from) {
  write(said.initTaken(), from.grant);
}

void write(schema::Said::Builder said, const grant_ended& from) {
  auto to = said.initEnded();
  write(to.initGrant(), from.grant);
  write_failed(to.initWhy(), from.why);
}

void write(schema::Said::Builder said, const drain_word& from) {
  said.setDrainMs(static_cast<std::uint64_t>(from.patience.count()));
}

void write(schema::PoolStats::Builder to, const node_pool_stats& from) {
  to.setName(text(from.name));
  to.setTakesCalls(from.takes_calls);
  // Of pools here, or as another node has told it.
  to.setInterpreters(static_cast<std::uint32_t>(from.interpreters));
  to.setReady(static_cast<std::uint32_t>(from.ready));
  to.setWaiting(from.waiting);
  to.setRunning(from.running);
  to.setCalls(from.calls);
  to.setLiveObjects(from.live_objects);
  to.setDeaths(from.deaths);
  to.setRestarts(from.restarts);
}

void write(schema::NodeStats::Builder to, const node_stats& from) {
  to.setSessions(from.sessions);
  auto pools = to.initPools(wire::count_of(from.pools.size()));
  for (unsigned at = 0; at < pools.size(); ++at)
    write(pools[at], from.pools[at]);
}

node_stats read(schema::NodeStats::Reader from) {
  node_stats told{.sessions = from.getSessions(), .pools = {}};
  const auto pools = full_size(from.getPools());
  require(pools.size() <= limits::node_pools_max, "too many pools of a node");
  for (const auto each : pools) {
    require(each.getName().size() <= limits::node_name_bytes_max,
            "too long a name of a pool");
    told.pools.push_back({.name = string(each.getName()),
                          .takes_calls = each.getTakesCalls(),
                          .interpreters = each.getInterpreters(),
                          .ready = each.getReady(),
                          .waiting = each.getWaiting(),
                          .running = each.getRunning(),
                          .calls = each.getCalls(),
                          .live_objects = each.getLiveObjects(),
                          .deaths = each.getDeaths(),
                          .restarts = each.getRestarts()});
  }
  return told;
}

void write(schema::Said::Builder said, const stats_word& from) {
  write(said.initStats(), from.stats);
}

void write(schema::Said::Builder said, const cluster_question& from) {
  auto to = said.initQuestion();
  to.setNumber(from.number);
  to.setWhat(static_cast<std::uint8_t>(from.what));
  to.setName(text(from.name));
  to.setPatienceMs(static_cast<std::uint64_t>(from.patience.count()));
}

cluster_question read(schema::Question::Reader from) {
  using kind = cluster_question::kind;
  require(from.getWhat() <= static_cast<unsigned>(kind::drain),
          "a question of no known kind");
  return {.number = from.getNumber(),
          .what = static_cast<kind>(from.getWhat()),
          .name = string(from.getName()),
          .patience = read_ms(from.getPatienceMs())};
}

void write(schema::NodeRow::Builder to, const node_row& from) {
  write(to.initNode(), from.node);
  to.setAddress(text(from.address));
  to.setState(static_cast<std::uint8_t>(from.state));
  wire::write_names(to.initPools(wire::count_of(from.pools.size())),
                    from.pools);
  to.setLoad(from.load);
  to.setSessions(from.sessions);
  to.setSilentMs(static_cast<std::uint64_t>(from.silent_for.count()));
  write(to.initStats(), from.stats);
  to.setListens(from.listens);
}

node_row read(schema::NodeRow::Reader from) {
  require(from.getState() <= static_cast<unsigned>(node_state::silent),
          "a node in no known state");
  return {.node = read(from.getNode()),
          .address = string(from.getAddress()),
          .state = static_cast<node_state>(from.getState()),
          .pools = read_names(from.getPools()),
          .load = from.getLoad(),
          .sessions = from.getSessions(),
          .silent_for = read_ms(from.getSilentMs()),
          .stats = read(from.getStats()),
          .listens = from.getListens()};
}

void write(schema::Said::Builder said, const cluster_answer& from) {
  auto to = said.initAnswer();
  to.setNumber(from.number);
  if (!from.nodes)
    return write_failed(to.initFailed(), from.nodes.error());
  auto rows = to.initNodes(wire::count_of(from.nodes->size()));
  for (unsigned at = 0; at < rows.size(); ++at)
    write(rows[at], (*from.nodes)[at]);
}

cluster_answer read(schema::QuestionAnswer::Reader from) {
  if (from.isFailed())
    return {from.getNumber(), read_failed(from.getFailed())};
  std::vector<node_row> rows;
  for (const auto each : full_size(from.getNodes()))
    rows.push_back(read(each));
  return {from.getNumber(), std::move(rows)};
}

cluster_message read(schema::Said::Reader said) {
  switch (said.which()) {
  case schema::Said::HELLO:
    return read(said.getHello());
  case schema::Said::ADMISSION:
    return read(said.getAdmission());
  case schema::Said::OPEN:
    return read(said.getOpen());
  case schema::Said::PLACE:
    return read(said.getPlace());
  case schema::Said::GRANT:
    return read(said.getGrant());
  case schema::Said::TAKEN:
    return grant_taken{read(said.getTaken())};
  case schema::Said::ENDED:
    return grant_ended{read(said.getEnded().getGrant()),
                       read_failed(said.getEnded().getWhy())};
  case schema::Said::DRAIN_MS:
    return drain_word{read_ms(said.getDrainMs())};
  case schema::Said::STATS:
    return stats_word{read(said.getStats())};
  case schema::Said::QUESTION:
    return read(said.getQuestion());
  case schema::Said::ANSWER:
    return read(said.getAnswer());
  }
  throw KJ_EXCEPTION(FAILED, "a word of no known kind");
}

} // namespace

std::uint64_t load_of(const node_stats& stats) {
  std::uint64_t sum = 0;
  for (const auto& each : stats.pools)
    sum += each.waiting + each.running;
  return sum;
}

std::shared_ptr<message> encode(const cluster_message& told) {
  auto made = std::make_shared<wire::outgoing>();
  const auto said = made->builder().initRoot<schema::Said>();
  std::visit([&](const auto& each) { write(said, each); }, told);
  return made;
}

result<cluster_message> decode_cluster_message(std::vector<word> received) {
  try {
    const frame whole{.header = {}, .message = std::move(received)};
    wire::incoming message{whole};
    return read(message.root<schema::Said>());
  } catch (const kj::Exception& broken) {
    return tl::unexpected{wire::malformed(broken)};
  }
}

} // namespace snakebridge
