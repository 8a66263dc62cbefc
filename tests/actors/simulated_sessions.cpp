// What the nodes of a simulated cluster do as owners of sessions, and as those
// whose clients use them.
#include "simulated_cluster.hpp"

#include <algorithm>
#include <utility>

#include "config/tunables.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {

constexpr auto open_deadline = 8s;
constexpr auto call_deadline = 3s;
constexpr unsigned tries_max = 3;

std::string pool_of(const std::string& id) {
  return id == "x2" ? "gpu" : "default";
}

} // namespace

// Owners.

void simulated_cluster::on_grant(node& mine, const session_grant& grant) {
  mine.told[grant.id] = std::max(mine.told[grant.id], grant.epoch);
  const auto done = mine.table.take(grant, network_.now());
  end_overtaken(mine, grant.id);
  if (!done) {
    const auto why = done.error();
    to_directory(mine, [this, whom = mine.id, grant, why](node& directory) {
      apply(directory, directory.directory->ended(whom, grant, why));
    });
    return;
  }
  begin_life(mine, grant);
  to_directory(mine, [this, whom = mine.id, grant](node& directory) {
    apply(directory, directory.directory->taken(whom, grant));
  });
  network_.later(mine.process,
                 std::chrono::milliseconds{limits::grant_unused_ms},
                 [this, &mine] { end_unused(mine); });
}

void simulated_cluster::end_unused(node& mine) {
  for (const auto& each : mine.table.end_unused(network_.now())) {
    reach(rare::unused_grant);
    end_life(mine, each);
  }
  tell_ended(mine);
  dial_directory_later(mine);
}

void simulated_cluster::tell_ended(node& mine, std::optional<rare> why) {
  for (const auto& each : mine.table.take_ended()) {
    if (why)
      reach(*why);
    to_directory(mine, [this, whom = mine.id, each](node& directory) {
      apply(directory, directory.directory->ended(
                         whom, each, {errc::session_closed, "it ended"}));
    });
  }
}

// To the node of a client: over its link, or this one.
void simulated_cluster::to_user(node& mine, const link_ptr& over,
                                virtual_network::action tell) {
  if (over)
    network_.send(over, 1, std::move(tell));
  else
    network_.later(mine.process, 0us, std::move(tell));
}

void simulated_cluster::on_open(node& mine, const user_ptr& from,
                                const session_grant& named,
                                const link_ptr& over) {
  const bool is_served = mine.table.serve(named).has_value();
  if (!is_served && !without_.epoch_check) {
    if (mine.table.is_ending(named)) {
      reach(rare::waited_for_end);
      mine.served.at(named.id).waiting[from] = over;
      return;
    }
    reach(rare::stale_open);
    return to_user(mine, over, [this, from] { on_opened(from, false); });
  }
  mine.table.used(named);
  const auto [place, is_new] =
    mine.served.try_emplace(named.id, node::served_session{named.epoch});
  if (is_new && !is_served)
    begin_life(mine, named);
  place->second.users[from] = over;
  to_user(mine, over, [this, from] { on_opened(from, true); });
}

void simulated_cluster::on_call(node& mine, const user_ptr& from,
                                const session_grant& named, std::size_t call,
                                const link_ptr& over) {
  const auto refuse = [this, from, call] {
    if (from->pending.erase(call) > 0)
      answered(call, false);
  };
  const auto serves = [this, &mine, from, named] {
    const auto found = mine.served.find(named.id);
    return found != mine.served.end() && !found->second.is_ending
           && found->second.users.contains(from)
           && (without_.epoch_check || mine.table.serve(named));
  };
  if (!serves())
    return to_user(mine, over, refuse);
  auto& chance = network_.chance();
  const auto takes =
    chance.percent(5) ? chance.between(1s, 6s) : chance.between(0ms, 200ms);
  network_.later(mine.process, takes,
                 [this, &mine, from, named, call, over, serves, refuse] {
                   if (!serves())
                     return to_user(mine, over, refuse);
                   const auto epoch = mine.served.at(named.id).epoch;
                   to_user(mine, over, [this, from, call, epoch] {
                     on_value(from, call, epoch);
                   });
                 });
}

void simulated_cluster::on_close(node& mine, const user_ptr& from,
                                 const session_grant& named) {
  const auto found = mine.served.find(named.id);
  if (found == mine.served.end())
    return;
  auto& session = found->second;
  session.waiting.erase(from);
  if (session.users.erase(from) > 0 && session.users.empty())
    end_session(mine, named.id);
}

void simulated_cluster::on_users_lost(node& mine, const link_ptr& over) {
  std::erase(mine.accepted, over);
  const auto came_over = [&](const auto& each) { return each.second == over; };
  for (auto& [id, session] : mine.served) {
    std::erase_if(session.waiting, came_over);
    if (std::erase_if(session.users, came_over) > 0 && session.users.empty())
      end_session(mine, id);
  }
}

void simulated_cluster::end_session(node& mine, const std::string& id) {
  auto& session = mine.served.at(id);
  if (std::exchange(session.is_ending, true))
    return;
  const session_grant grant{id, session.epoch};
  mine.table.end(grant);
  for (const auto& [from, over] : std::exchange(session.users, {}))
    to_user(mine, over,
            [this, from = from] { finish(from, errc::session_closed); });
  auto& chance = network_.chance();
  const auto takes =
    chance.percent(10) ? chance.between(500ms, 3s) : chance.between(0ms, 100ms);
  network_.later(mine.process, takes,
                 [this, &mine, grant] { session_gone(mine, grant); });
}

void simulated_cluster::session_gone(node& mine, const session_grant& grant) {
  const auto waiting = std::move(mine.served.at(grant.id).waiting);
  mine.served.erase(grant.id);
  end_life(mine, grant);
  mine.table.ended(grant);
  tell_ended(mine);
  for (const auto& [from, over] : waiting)
    on_open(mine, from, grant, over);
  dial_directory_later(mine);
}

// Clients.

void simulated_cluster::use(std::size_t machine, const std::string& id,
                            const std::string& at, unsigned calls) {
  auto* here = running(machine);
  if (!here || network_.is_stopped(machine))
    return;
  auto mine = std::make_shared<user>();
  mine->process = here->process;
  mine->id = id;
  mine->at = at;
  mine->calls_left = calls;
  mine->open_record =
    record(*here, fmt::format("the open of {} on {}", id, here->id.name));
  here->users.insert(mine);
  ask(mine, 0);
  network_.later(here->process, open_deadline, [this, mine] {
    if (mine->now == user::stage::asking || mine->now == user::stage::opening)
      finish(mine, errc::deadline_exceeded);
  });
}

void simulated_cluster::ask(const user_ptr& mine, std::uint64_t ended_epoch) {
  auto& here = of(mine->process);
  mine->now = user::stage::asking;
  if (const auto may = here.table.may_ask(); !may)
    return finish(mine, may.error().code());
  mine->request = ++requests_;
  here.opens[mine->request] = mine;
  const open_request asked{here.id,  mine->request,     mine->id,
                           mine->at, pool_of(mine->id), ended_epoch};
  to_directory(here, [this, asked](node& directory) {
    apply(directory, directory.directory->open(asked, network_.now()));
  });
}

void simulated_cluster::on_place(node& mine, std::uint64_t number,
                                 const result<session_place>& place) {
  const auto found = mine.opens.find(number);
  if (found == mine.opens.end())
    return; // nobody waits for it any more
  const auto who = found->second;
  mine.opens.erase(found);
  if (!place)
    return finish(who, place.error().code());
  const auto& id = who->id;
  const session_grant grant{id, place->epoch};
  mine.told[id] = std::max(mine.told[id], grant.epoch);
  who->grant = grant;
  mine.table.learned(grant);
  end_overtaken(mine, id);
  connect(who, *place);
}

// Clients of an older epoch than its node knows of.
void simulated_cluster::end_overtaken(node& mine, const std::string& id) {
  if (without_.newer_epoch)
    return;
  const auto users = mine.users;
  for (const auto& each : users)
    if (each->grant && each->grant->id == id
        && !mine.table.pass(*each->grant)) {
      reach(rare::superseded);
      finish(each, errc::session_closed);
    }
}

void simulated_cluster::connect(const user_ptr& mine,
                                const session_place& place) {
  auto& here = of(mine->process);
  mine->now = user::stage::opening;
  mine->owner = place.owner;
  if (place.owner == here.id)
    return on_open(here, mine, *mine->grant, nullptr);
  if (const auto known = here.peers.find(place.owner);
      known != here.peers.end()) {
    mine->over = known->second.over;
    if (known->second.is_shaken)
      send_open(mine);
    return;
  }
  const auto cluster = here.table.cluster();
  mine->over = network_.dial(
    here.process, here.machine, machine_at(place.address),
    [this, from = here.process, wanted = place.owner,
     cluster](const link_ptr& over) { on_peer(over, from, wanted, cluster); },
    [this, &here, wanted = place.owner](end) { on_peer_lost(here, wanted); });
  here.peers[place.owner] = {mine->over};
}

// A node is dialled by another, which looks for that process of that cluster.
void simulated_cluster::on_peer(const link_ptr& over, std::size_t from,
                                const node_id& wanted,
                                const cluster_id& cluster) {
  auto& mine = of(over->side[1].process);
  if (mine.id != wanted || mine.table.cluster() != cluster
      || mine.table.now_is() == node_membership::state::ending) {
    network_.send(over, 1, [this, over, from, wanted] {
      network_.close(over, 0);
      on_peer_lost(of(from), wanted);
    });
    return;
  }
  network_.shaken(over, 1);
  mine.accepted.push_back(over);
  over->side[1].on_end = [this, &mine, over](end) {
    on_users_lost(mine, over);
  };
  network_.send(over, 1, [this, over, from, wanted] {
    auto& peer = of(from).peers.at(wanted);
    network_.shaken(over, 0);
    peer.is_shaken = true;
    const auto users = of(from).users;
    for (const auto& each : users)
      if (each->over == over && each->now == user::stage::opening)
        send_open(each);
  });
}

void simulated_cluster::on_peer_lost(node& mine, const node_id& other) {
  const auto found = mine.peers.find(other);
  if (found == mine.peers.end())
    return;
  const auto over = found->second.over;
  mine.peers.erase(found);
  const auto users = mine.users;
  for (const auto& each : users)
    if (each->over == over)
      finish(each, errc::node_down);
}

void simulated_cluster::send_open(const user_ptr& mine) {
  network_.send(mine->over, 0,
                [this, over = mine->over, mine, grant = *mine->grant] {
                  on_open(of(over->side[1].process), mine, grant, over);
                });
}

void simulated_cluster::on_opened(const user_ptr& mine, bool is_served) {
  if (mine->now != user::stage::opening)
    return;
  if (is_served) {
    mine->now = user::stage::open;
    answered(mine->open_record, true);
    return call_later(mine);
  }
  const auto grant = *std::exchange(mine->grant, std::nullopt);
  of(mine->process).table.left(mine->id);
  mine->over.reset();
  if (++mine->tries >= tries_max)
    return finish(mine, errc::session_closed);
  ask(mine, grant.epoch);
}

void simulated_cluster::call_later(const user_ptr& mine) {
  auto& chance = network_.chance();
  const auto in =
    chance.percent(20) ? chance.between(2s, 9s) : chance.between(10ms, 1s);
  network_.later(mine->process, in, [this, mine] {
    if (mine->now == user::stage::open)
      call(mine);
  });
}

void simulated_cluster::call(const user_ptr& mine) {
  if (mine->calls_left-- == 0)
    return finish(mine, errc::cancelled);
  auto& here = of(mine->process);
  const auto which =
    record(here, fmt::format("a call of {} on {}", mine->id, here.id.name));
  const auto& grant = *mine->grant;
  if (!without_.newer_epoch && !here.table.pass(grant)) {
    answered(which, false);
    return finish(mine, errc::session_closed);
  }
  mine->pending.insert(which);
  if (mine->over)
    network_.send(mine->over, 0, [this, over = mine->over, mine, grant, which] {
      on_call(of(over->side[1].process), mine, grant, which, over);
    });
  else
    network_.later(mine->process, 0us, [this, mine, grant, which] {
      on_call(of(mine->process), mine, grant, which, nullptr);
    });
  network_.later(mine->process, call_deadline, [this, mine, which] {
    if (mine->pending.erase(which) > 0)
      answered(which, false);
  });
  call_later(mine);
}

void simulated_cluster::on_value(const user_ptr& mine, std::size_t call,
                                 std::uint64_t epoch) {
  if (mine->pending.erase(call) == 0)
    return;
  answered(call, true);
  auto& here = of(mine->process);
  if (mine->grant->epoch != epoch)
    fail(fmt::format("a call of {} (epoch {}) is answered under epoch {}",
                     mine->id, mine->grant->epoch, epoch));
  if (here.told[mine->id] > epoch)
    fail(fmt::format("{} is answered under epoch {} on {}, which knows of {}",
                     mine->id, epoch, here.id.name, here.told[mine->id]));
}

// Whatever ends it; the owner is told, unless the owner said it.
void simulated_cluster::finish(const user_ptr& mine, errc why) {
  if (std::exchange(mine->now, user::stage::gone) == user::stage::gone)
    return;
  auto& here = of(mine->process);
  here.opens.erase(mine->request);
  if (asked_[mine->open_record].answers == 0) {
    note("{}: {} for {}", here.id.name, to_string(why), mine->id);
    answered(mine->open_record, false);
  }
  for (const auto each : std::exchange(mine->pending, {}))
    answered(each, false);
  if (mine->grant) {
    here.table.left(mine->id);
    if (mine->over)
      network_.send(mine->over, 0, [this, over = mine->over, mine] {
        on_close(of(over->side[1].process), mine, *mine->grant);
      });
    else
      network_.later(mine->process, 0us, [this, mine] {
        on_close(of(mine->process), mine, *mine->grant);
      });
  }
  here.users.erase(mine);
  dial_directory_later(here);
}

} // namespace snakebridge::testing
