#include "actors/node_directory.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "config/settings.hpp"
#include "config/tunables.hpp"

namespace snakebridge {

namespace {

using time_point = node_directory::time_point;

std::chrono::milliseconds since(time_point then, time_point now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - then);
}

// The way out that every answer about a silent node names.
std::string way_out(const std::string& name) {
  return fmt::format("wait until it is back; if its process has ended for "
                     "good, say `snakebridge node forget {}`",
                     name);
}

error silent(const std::string& id, const session_place& place,
             std::chrono::milliseconds silent_for) {
  return {errc::node_down,
          fmt::format("session '{}' is on node '{}' (epoch {}), which has been "
                      "silent for {} ms: {}",
                      id, place.owner.name, place.epoch, silent_for.count(),
                      way_out(place.owner.name))};
}

bool is_text(const std::string& text, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max;
}

// What a node says of itself has bounds; a link has checked who says it.
result<void> checked(const node_hello& hello) {
  if (!is_text(hello.node.name, limits::node_name_bytes_max))
    return invalid(fmt::format("the name of a node has 1 to {} bytes, not {}",
                               limits::node_name_bytes_max,
                               hello.node.name.size()));
  const auto& name = hello.node.name;
  if (!is_text(hello.address, limits::node_address_bytes_max))
    return invalid(fmt::format("node '{}': its address has 1 to {} bytes, not "
                               "{}",
                               name, limits::node_address_bytes_max,
                               hello.address.size()));
  if (hello.pools.size() > limits::node_pools_max)
    return invalid(fmt::format("node '{}' offers {} pools, at most {}", name,
                               hello.pools.size(), limits::node_pools_max));
  for (const auto& pool : hello.pools)
    if (const auto wrong = wrong_with_pool_name(pool))
      return invalid(fmt::format("node '{}': {}", name, *wrong));
  const bool holds_of_none =
    hello.cluster == cluster_id{} && !hello.held.empty();
  if (holds_of_none || hello.held.size() > limits::cluster_sessions_max
      || hello.epoch_seen > limits::epoch_seen_max)
    return error{
      errc::message_malformed,
      fmt::format("node '{}' says that it holds what it cannot", name)};
  return {};
}

bool offers(const node_hello& told, const std::string& pool) {
  return std::find(told.pools.begin(), told.pools.end(), pool)
         != told.pools.end();
}

} // namespace

node_directory::node_directory(const cluster_id& cluster,
                               std::uint64_t epochs_after, bool refused_is_dead)
    : cluster_{cluster},
      refused_is_dead_{refused_is_dead},
      last_epoch_{epochs_after} {}

const node_directory::member*
node_directory::find_member(const node_id& node) const {
  const auto place = members_.find(node.name);
  return place != members_.end() && place->second.told.node == node
           ? &place->second
           : nullptr;
}

node_directory::member* node_directory::find_member(const node_id& node) {
  return const_cast<member*>(std::as_const(*this).find_member(node));
}

// Whether it is in this cluster or in none, and holds only what the table says.
bool node_directory::is_borne_out(const node_hello& hello) const {
  if (hello.cluster != cluster_ && hello.cluster != cluster_id{})
    return false;
  const bool is_known = find_member(hello.node) != nullptr;
  return std::all_of(hello.held.begin(), hello.held.end(),
                     [&](const session_grant& grant) {
                       const auto found = entries_.find(grant.id);
                       return is_known && found != entries_.end()
                              && found->second.epoch == grant.epoch
                              && found->second.owner == hello.node.name;
                     });
}

// Takes another process of that name out of the table, if it may.
result<void> node_directory::make_way(const node_hello& hello, time_point now) {
  const auto place = members_.find(hello.node.name);
  if (place == members_.end() || place->second.told.node == hello.node)
    return {};
  const auto& old = place->second;
  if (old.is_linked())
    return error{errc::not_authorized,
                 fmt::format("another process at {} has joined as node '{}': "
                             "end it, or take another name",
                             old.told.address, hello.node.name)};
  // Two processes cannot listen in one place: the old one has ended.
  if (old.told.address != hello.address)
    return error{errc::not_authorized,
                 fmt::format("node '{}' is another process, at {}, which has "
                             "been silent for {} ms: {}",
                             hello.node.name, old.told.address,
                             since(*old.silent_since, now).count(),
                             way_out(hello.node.name))};
  remove(place);
  return {};
}

directory_welcome node_directory::join(const node_hello& hello,
                                       time_point now) {
  if (auto done = checked(hello); !done)
    return {std::move(done).error()};
  const auto* known = find_member(hello.node);
  if (known && hello.number <= known->told.number)
    return {
      error{errc::message_malformed,
            fmt::format("node '{}' has said a later hello", hello.node.name)}};
  const bool was_linked = known && known->is_linked();
  auto plan = lost(hello.node, now);
  return {judge(hello, now), was_linked, std::move(plan)};
}

result<admission> node_directory::judge(const node_hello& hello,
                                        time_point now) {
  // Before its name is looked at: whatever becomes of that, what it holds ends.
  if (!is_borne_out(hello))
    return admission{.cluster = cluster_, .ends_first = true};
  if (auto done = make_way(hello, now); !done)
    return std::move(done).error();
  if (!members_.contains(hello.node.name)
      && members_.size() >= limits::nodes_max)
    return error{errc::quota_exceeded,
                 fmt::format("the cluster has {} nodes, as many as it may",
                             members_.size())};
  last_epoch_ = std::max(last_epoch_, hello.epoch_seen);
  auto& mine = members_[hello.node.name];
  admit(mine, hello);
  return admission{.cluster = cluster_, .drains = mine.told.drains};
}

void node_directory::admit(member& known, const node_hello& hello) {
  const bool was_drained = known.told.drains;
  known.told = hello;
  known.told.drains = hello.drains || was_drained;
  known.told.held.clear(); // the entries say it
  known.silent_since.reset();
  std::set<std::string> held;
  for (const auto& grant : hello.held) {
    held.insert(grant.id);
    entries_.at(grant.id).is_taken = true;
  }
  for (const auto& id : known.owned)
    if (!held.contains(id))
      entries_.erase(id); // the owner's word; who waited for it has his answer
  known.owned = std::move(held);
}

directory_plan node_directory::lost(const node_id& node, time_point now) {
  directory_plan plan;
  auto* mine = find_member(node);
  if (!mine || !mine->is_linked())
    return plan;
  mine->silent_since = now;
  for (auto& [id, there] : entries_) {
    if (there.waiting.empty())
      continue;
    waiting_ -= std::erase_if(there.waiting, [&](const waiting_open& each) {
      return each.opener == node;
    });
    if (there.owner == node.name)
      answer(there, silent(id, place_of(there), {}), plan);
  }
  // Of a node that listens nowhere nothing depends, and nobody can dial it.
  if (!mine->told.listens && mine->owned.empty())
    members_.erase(node.name);
  else
    plan.redials.push_back({node, mine->told.address});
  return plan;
}

void node_directory::dial_refused(const node_id& node) {
  if (refused_is_dead_ && is_silent(node))
    remove(members_.find(node.name));
}

void node_directory::dial_answered(const node_id& node,
                                   std::uint64_t incarnation) {
  if (is_silent(node) && incarnation != node.incarnation)
    remove(members_.find(node.name));
}

// Its end is proven, or said to be.
void node_directory::remove(member_map::iterator gone) {
  for (const auto& id : gone->second.owned)
    entries_.erase(id);
  members_.erase(gone);
}

directory_plan node_directory::open(const open_request& asked, time_point now) {
  directory_plan plan;
  const auto refuse = [&](error why) {
    plan.answers.push_back({asked.opener, asked.number, std::move(why)});
    return plan;
  };
  if (auto done = may_open(asked); !done)
    return refuse(std::move(done).error());
  auto known = entries_.find(asked.id);
  if (known != entries_.end() && known->second.epoch == asked.ended_epoch) {
    drop(known,
         {errc::session_closed, fmt::format("session '{}' ended", asked.id)},
         plan);
    known = entries_.end();
  }
  if (known != entries_.end()) {
    join_session(known->second, asked, now, plan);
    return plan;
  }
  if (entries_.size() >= limits::cluster_sessions_max)
    return refuse({errc::quota_exceeded,
                   fmt::format("the cluster has {} sessions, as many as it may",
                               entries_.size())});
  const auto chosen = place(asked, now);
  if (!chosen)
    return refuse(chosen.error());
  auto& owner = **chosen;
  ++owner.told.load;
  owner.owned.insert(asked.id);
  auto& made = entries_[asked.id];
  made = {owner.told.node.name, ++last_epoch_};
  plan.grants.push_back({owner.told.node, {asked.id, made.epoch}});
  join_session(made, asked, now, plan);
  return plan;
}

result<void> node_directory::may_open(const open_request& asked) {
  if (!is_text(asked.id, limits::cluster_session_id_bytes_max))
    return invalid(fmt::format("the id of a session has 1 to {} bytes, not {}",
                               limits::cluster_session_id_bytes_max,
                               asked.id.size()));
  if (asked.at.size() > limits::node_name_bytes_max)
    return invalid(fmt::format("session '{}': the name of a node has at most "
                               "{} bytes, not {}",
                               asked.id, limits::node_name_bytes_max,
                               asked.at.size()));
  if (const auto wrong = wrong_with_pool_name(asked.pool))
    return invalid(fmt::format("session '{}': {}", asked.id, *wrong));
  const auto* opener = find_member(asked.opener);
  if (!opener || !opener->is_linked())
    return error{errc::node_down,
                 fmt::format("node '{}' has not joined", asked.opener.name)};
  return {};
}

// An entry is there; its owner may be silent, or not have the grant yet.
void node_directory::join_session(entry& there, const open_request& asked,
                                  time_point now, directory_plan& plan) {
  const auto& owner = members_.at(there.owner);
  const auto found = place_of(there);
  if (!owner.is_linked()) {
    const auto silent_for = since(*owner.silent_since, now);
    plan.answers.push_back(
      {asked.opener, asked.number, silent(asked.id, found, silent_for)});
  } else if (there.is_taken || owner.told.node == asked.opener) {
    plan.answers.push_back({asked.opener, asked.number, found});
  } else if (waiting_ >= limits::opens_waiting_max) {
    plan.answers.push_back(
      {asked.opener, asked.number,
       error{errc::overloaded,
             fmt::format("{} opens wait for the owners of their sessions",
                         waiting_)}});
  } else {
    there.waiting.push_back({asked.opener, asked.number});
    ++waiting_;
  }
}

// `.at`, if it is named; the opener, if it can; else the least loaded.
result<node_directory::member*> node_directory::place(const open_request& asked,
                                                      time_point now) {
  if (!asked.at.empty())
    return named_place(asked, now);
  const auto can = [&](const member& each) {
    return each.is_linked() && each.told.listens && !each.told.drains
           && offers(each.told, asked.pool);
  };
  auto* opener = find_member(asked.opener);
  if (can(*opener))
    return opener;
  member* best = nullptr;
  bool is_offered = false;
  for (auto& [name, each] : members_) {
    is_offered = is_offered || offers(each.told, asked.pool);
    const auto burden = [](const member& of) {
      return std::tuple{of.told.load, of.owned.size()};
    };
    if (can(each) && (!best || burden(each) < burden(*best)))
      best = &each;
  }
  if (best)
    return best;
  if (!is_offered)
    return error{errc::pool_unknown,
                 fmt::format("session '{}': no node offers a pool '{}'",
                             asked.id, asked.pool)};
  return error{
    errc::node_down,
    fmt::format("session '{}': every node that offers pool '{}' is silent, "
                "drains or does not listen",
                asked.id, asked.pool)};
}

result<node_directory::member*>
node_directory::named_place(const open_request& asked, time_point now) {
  const auto refused = [&](errc code, const std::string& why) {
    return error{code, fmt::format("session '{}' on node '{}': {}", asked.id,
                                   asked.at, why)};
  };
  const auto found = members_.find(asked.at);
  if (found == members_.end())
    return refused(errc::node_down, "no node of that name has joined");
  auto& there = found->second;
  if (!there.is_linked())
    return refused(errc::node_down,
                   fmt::format("it has been silent for {} ms: {}",
                               since(*there.silent_since, now).count(),
                               way_out(asked.at)));
  if (!there.told.listens)
    return refused(errc::node_down, "it does not listen, and owns no sessions");
  if (there.told.drains)
    return refused(errc::node_down, "it drains, and takes no new sessions");
  if (!offers(there.told, asked.pool))
    return refused(errc::pool_unknown,
                   fmt::format("it offers no pool '{}'", asked.pool));
  return &there;
}

session_place node_directory::place_of(const entry& there) const {
  const auto& owner = members_.at(there.owner).told;
  return {owner.node, owner.address, there.epoch};
}

void node_directory::answer(entry& of, const result<session_place>& place,
                            directory_plan& plan) {
  for (const auto& each : of.waiting)
    plan.answers.push_back({each.opener, each.number, place});
  waiting_ -= of.waiting.size();
  of.waiting.clear();
}

void node_directory::drop(entry_map::iterator gone, const error& why,
                          directory_plan& plan) {
  answer(gone->second, why, plan);
  members_.at(gone->second.owner).owned.erase(gone->first);
  entries_.erase(gone);
}

// The entry of a grant, if it is that process' own.
node_directory::entry_map::iterator
node_directory::entry_of(const node_id& owner, const session_grant& grant) {
  const auto found = entries_.find(grant.id);
  const bool is_theirs = found != entries_.end() && find_member(owner)
                         && found->second.owner == owner.name
                         && found->second.epoch == grant.epoch;
  return is_theirs ? found : entries_.end();
}

directory_plan node_directory::taken(const node_id& owner,
                                     const session_grant& grant) {
  directory_plan plan;
  const auto found = entry_of(owner, grant);
  if (found == entries_.end())
    return plan;
  found->second.is_taken = true;
  answer(found->second, place_of(found->second), plan);
  return plan;
}

directory_plan node_directory::ended(const node_id& owner,
                                     const session_grant& grant,
                                     const error& why) {
  directory_plan plan;
  const auto found = entry_of(owner, grant);
  if (found != entries_.end())
    drop(found, why, plan);
  return plan;
}

result<std::vector<session_grant>>
node_directory::forget(const std::string& name) {
  const auto found = members_.find(name);
  if (found == members_.end())
    return error{errc::node_down, fmt::format("no node '{}' has joined", name)};
  if (found->second.is_linked())
    return invalid(fmt::format("node '{}' is linked: to be rid of it, say "
                               "`snakebridge node drain {}` and end it",
                               name, name));
  std::vector<session_grant> freed;
  for (const auto& id : found->second.owned)
    freed.push_back({id, entries_.at(id).epoch});
  remove(found);
  return freed;
}

result<node_id> node_directory::drain(const std::string& name, time_point now) {
  const auto found = members_.find(name);
  if (found == members_.end())
    return error{errc::node_down, fmt::format("no node '{}' has joined", name)};
  if (const auto& then = found->second.silent_since)
    return error{errc::node_down,
                 fmt::format("node '{}' has been silent for {} ms: {}", name,
                             since(*then, now).count(), way_out(name))};
  found->second.told.drains = true;
  return found->second.told.node;
}

void node_directory::drains(const node_id& node) {
  if (auto* mine = find_member(node))
    mine->told.drains = true;
}

void node_directory::report(const node_id& node, const node_stats& stats) {
  auto* mine = find_member(node);
  if (!mine)
    return;
  mine->told.load = load_of(stats);
  mine->stats = stats;
}

bool node_directory::is_silent(const node_id& node) const {
  const auto* mine = find_member(node);
  return mine && !mine->is_linked();
}

std::vector<node_row> node_directory::nodes(time_point now) const {
  std::vector<node_row> rows;
  for (const auto& [name, each] : members_) {
    node_row row{.node = each.told.node,
                 .address = each.told.address,
                 .pools = each.told.pools,
                 .load = each.told.load,
                 .sessions = each.owned.size(),
                 .stats = each.stats,
                 .listens = each.told.listens};
    if (each.silent_since) {
      row.state = node_state::silent;
      row.silent_for = since(*each.silent_since, now);
    } else if (each.told.drains) {
      row.state = node_state::draining;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::optional<session_place> node_directory::find(const std::string& id) const {
  const auto found = entries_.find(id);
  if (found == entries_.end())
    return std::nullopt;
  return place_of(found->second);
}

// What a node says may be no address at all.
std::string dialable(const std::string& listens, const std::string& seen) {
  const auto port_at = listens.rfind(':');
  if (port_at == std::string::npos)
    return listens;
  const auto host = listens.substr(0, port_at);
  const bool is_any = host == "0.0.0.0" || host == "[::]" || host == "*";
  return is_any ? seen.substr(0, seen.rfind(':')) + listens.substr(port_at)
                : listens;
}

} // namespace snakebridge
