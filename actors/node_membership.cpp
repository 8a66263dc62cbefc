#include "actors/node_membership.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/base/ensure.hpp"

namespace snakebridge {

namespace {

error closed(const session_grant& named, const std::string& why) {
  return {errc::session_closed, fmt::format("session '{}' (epoch {}) {}",
                                            named.id, named.epoch, why)};
}

} // namespace

node_hello node_membership::hello(std::uint64_t load) {
  ensure(state_ == state::apart, "a node says hello while it is apart");
  ended_.clear();
  ++self_.number;
  auto said = self_;
  said.load = load;
  said.held = held();
  return said;
}

void node_membership::admitted(const admission& answer) {
  // No directory admits a node that holds what another has granted; but if one
  // did, two of them would count on what it holds.
  const bool is_elsewhere = !is_free() && answer.cluster != self_.cluster;
  if (!answer.ends_first && !is_elsewhere) {
    self_.cluster = answer.cluster;
    self_.drains = self_.drains || answer.drains;
    state_ = state::joined;
    return;
  }
  state_ = state::ending;
  // Nobody has come for these: they end here and now.
  std::erase_if(held_, [](const auto& each) {
    return each.second.unused_until.has_value();
  });
  for (auto& [id, each] : held_)
    each.is_ending = true;
  rejoin_if_free();
}

void node_membership::lost() {
  if (state_ == state::joined)
    state_ = state::apart;
}

void node_membership::rejoin_if_free() {
  if (state_ != state::ending || !is_free())
    return;
  self_.cluster = {};
  state_ = state::apart;
}

void node_membership::hear_of(const session_grant& grant) {
  self_.epoch_seen = std::max(self_.epoch_seen, grant.epoch);
  if (const auto used = used_.find(grant.id); used != used_.end())
    used->second.newest = std::max(used->second.newest, grant.epoch);
}

result<void> node_membership::take(const session_grant& grant, time_point now) {
  hear_of(grant);
  if (state_ != state::joined)
    return closed(grant, "was granted to a node that has not joined");
  if (self_.drains)
    return closed(grant, fmt::format("was granted to node '{}', which drains",
                                     self_.node.name));
  if (held_.size() >= limits::cluster_sessions_max)
    return error{errc::quota_exceeded,
                 fmt::format("node '{}' has {} sessions, as many as it may",
                             self_.node.name, held_.size())};
  const auto until = now + std::chrono::milliseconds{limits::grant_unused_ms};
  if (!held_.try_emplace(grant.id, held_session{grant.epoch, false, until})
         .second)
    return error{errc::message_malformed,
                 fmt::format("session '{}' was granted to node '{}', which has "
                             "it",
                             grant.id, self_.node.name)};
  return {};
}

result<void> node_membership::serve(const session_grant& named) const {
  const auto found = held_.find(named.id);
  if (found == held_.end())
    return closed(named,
                  fmt::format("is not on node '{}' any more", self_.node.name));
  const auto& mine = found->second;
  if (mine.epoch != named.epoch)
    return closed(named, fmt::format("is another: node '{}' has epoch {}",
                                     self_.node.name, mine.epoch));
  if (mine.is_ending)
    return closed(named, "is ending");
  return {};
}

bool node_membership::is_ending(const session_grant& named) const {
  const auto found = held_.find(named.id);
  return found != held_.end() && found->second.epoch == named.epoch
         && found->second.is_ending;
}

void node_membership::used(const session_grant& grant) {
  if (serve(grant))
    held_.at(grant.id).unused_until.reset();
}

void node_membership::end(const session_grant& grant) {
  if (!serve(grant))
    return;
  auto& mine = held_.at(grant.id);
  mine.is_ending = true;
  mine.unused_until.reset(); // its end is on its way
}

void node_membership::ended(const session_grant& grant) {
  const auto found = held_.find(grant.id);
  if (found == held_.end() || found->second.epoch != grant.epoch)
    return;
  held_.erase(found);
  ended_.push_back(grant);
  rejoin_if_free();
}

std::vector<session_grant> node_membership::end_unused(time_point now) {
  std::vector<session_grant> gone;
  for (const auto& [id, each] : held_)
    if (each.unused_until && *each.unused_until <= now)
      gone.push_back({id, each.epoch});
  for (const auto& each : gone)
    ended(each);
  return gone;
}

std::vector<session_grant> node_membership::take_ended() {
  if (state_ != state::joined)
    return {};
  return std::exchange(ended_, {});
}

std::optional<node_membership::time_point>
node_membership::next_unused() const {
  std::optional<time_point> next;
  for (const auto& [id, each] : held_)
    if (each.unused_until && (!next || *each.unused_until < *next))
      next = each.unused_until;
  return next;
}

std::vector<session_grant> node_membership::held() const {
  std::vector<session_grant> all;
  for (const auto& [id, each] : held_)
    all.push_back({id, each.epoch});
  return all;
}

result<void> node_membership::may_ask() const {
  if (state_ == state::joined)
    return {};
  return error{errc::node_down,
               fmt::format("node '{}' {}: it can open no session that it does "
                           "not have",
                           self_.node.name,
                           state_ == state::apart
                             ? "is not linked to the directory of its cluster"
                             : "is ending what it had in a cluster before")};
}

void node_membership::learned(const session_grant& grant) {
  ++used_[grant.id].clients;
  hear_of(grant);
}

result<void> node_membership::pass(const session_grant& named) const {
  if (state_ == state::ending)
    return closed(named, fmt::format("ends: node '{}' is not in its cluster "
                                     "any more",
                                     self_.node.name));
  const auto found = used_.find(named.id);
  if (found == used_.end())
    return closed(named, "is not in use here");
  if (found->second.newest != named.epoch)
    return closed(named, fmt::format("has had another owner since: epoch {}",
                                     found->second.newest));
  return {};
}

void node_membership::left(const std::string& id) {
  const auto found = used_.find(id);
  if (found == used_.end())
    return;
  if (--found->second.clients == 0)
    used_.erase(found);
  rejoin_if_free();
}

} // namespace snakebridge
