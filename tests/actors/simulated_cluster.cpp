#include "simulated_cluster.hpp"

#include <algorithm>
#include <utility>

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {

constexpr auto drain_patience = 2s;

std::string name_of_machine(std::size_t machine) {
  return fmt::format("n{}", machine);
}

std::string address_of(std::size_t machine) {
  return fmt::format("10.0.0.{}", machine);
}

} // namespace

std::size_t machine_at(const std::string& address) {
  return std::stoul(address.substr(address.rfind('.') + 1));
}

const char* name_of(rare path) {
  static constexpr std::array names{
    "refused_dial", "another_answered", "blocked_open",   "forgotten_alive",
    "two_lives",    "ended_first",      "stale_open",     "waited_for_end",
    "unused_grant", "superseded",       "new_cluster",    "drained",
    "name_taken",   "ended_between",    "overtaken_hello"};
  static_assert(names.size() == static_cast<std::size_t>(rare::count));
  return names[static_cast<std::size_t>(path)];
}

simulated_cluster::simulated_cluster(std::size_t nodes, std::uint64_t seed,
                                     left_out without, bool is_traced)
    : without_{without},
      is_traced_{is_traced},
      network_{nodes, seed},
      refused_is_dead_{!network_.chance().percent(15)},
      last_listens_{!network_.chance().percent(30)},
      machines_{nodes} {}

simulated_cluster::~simulated_cluster() = default;

void simulated_cluster::add_note(const std::string& text) {
  const auto at = network_.now().time_since_epoch() - 1h;
  trace_.push_back(fmt::format(
    "{:9.3f} s  {}", std::chrono::duration<double>(at).count(), text));
}

void simulated_cluster::fail(std::string why) {
  if (violation_)
    return;
  note("VIOLATION: {}", why);
  violation_ = std::move(why);
}

void simulated_cluster::run_for(microseconds span) {
  const auto until = network_.now() + span;
  while (!violation_ && network_.step(until))
    check_lives();
}

simulated_cluster::node* simulated_cluster::running(std::size_t machine) {
  for (const auto& each : nodes_)
    if (each->machine == machine && network_.is_alive(each->process))
      return each.get();
  return nullptr;
}

bool simulated_cluster::is_draining(std::size_t machine) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& each) {
    return each->machine == machine && network_.is_alive(each->process)
           && each->is_draining;
  });
}

void simulated_cluster::start(std::size_t machine) {
  const auto process = network_.start(machine);
  node_hello self;
  self.node = {name_of_machine(machine), network_.chance().next()};
  self.address = address_of(machine);
  self.listens = machine + 1 < machines_ || last_listens_;
  self.pools = {"default"};
  if (machine > 0)
    self.pools.push_back("gpu");
  nodes_.push_back(std::make_unique<node>(process, machine, std::move(self),
                                          network_.chance().next()));
  auto& mine = of(process);
  note("{} starts as {:x}", mine.id.name, mine.id.incarnation);
  if (machine > 0)
    return dial_directory(mine);
  if (cluster_ != cluster_id{})
    reach(rare::new_cluster);
  cluster_ = {network_.chance().next(), network_.chance().next()};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
    network_.now().time_since_epoch());
  mine.directory = std::make_unique<node_directory>(
    cluster_, static_cast<std::uint64_t>(ms.count()) * 16, refused_is_dead_);
  mine.table.admitted(
    *mine.directory->join(mine.table.hello(0), network_.now()).answer);
}

void simulated_cluster::kill(std::size_t machine, bool power_too) {
  const auto* mine = running(machine);
  if (!mine)
    return;
  note("{} is killed{}", mine->id.name, power_too ? ", the power too" : "");
  network_.kill(machine, power_too);
  for (auto& [id, lives] : lives_)
    std::erase_if(
      lives, [&](const life& each) { return each.process == mine->process; });
  auto& gone = of(mine->process);
  gone.directory.reset();
  gone.users.clear();
  gone.opens.clear();
  gone.served.clear();
}

// Joining.

void simulated_cluster::dial_directory_later(node& mine) {
  if (mine.directory || mine.to_directory || mine.dials_soon
      || mine.table.now_is() != node_membership::state::apart)
    return;
  mine.dials_soon = true;
  const auto in = std::chrono::duration_cast<microseconds>(
    mine.redials.next(network_.now()) - network_.now());
  network_.later(mine.process, in, [this, &mine] {
    mine.dials_soon = false;
    dial_directory(mine);
  });
}

void simulated_cluster::dial_directory(node& mine) {
  auto hello = mine.table.hello(mine.served.size());
  if (mine.hides_sessions) {
    hello.cluster = {};
    hello.held.clear();
  }
  mine.to_directory = network_.dial(
    mine.process, mine.machine, 0,
    [this, hello](const link_ptr& over) {
      auto heard = hello;
      if (without_.hello_order)
        heard.number = ++requests_;
      on_hello(over, heard);
    },
    [this, &mine](end) { on_directory_lost(mine); });
}

void simulated_cluster::on_hello(const link_ptr& over,
                                 const node_hello& hello) {
  auto& directory = of(over->side[1].process);
  const auto welcome = directory.directory->join(hello, network_.now());
  const auto& answer = welcome.answer;
  note("hello of {} ({:x}, holds {}): {}", hello.node.name,
       hello.node.incarnation, hello.held.size(),
       !answer              ? answer.error().message()
       : answer->ends_first ? "ends first"
                            : "admitted");
  if (welcome.closes_former)
    if (const auto old = directory.members.extract(hello.node))
      network_.close(old.mapped(), 1);
  apply(directory, welcome.plan);
  if (!answer && answer.error().code() == errc::message_malformed)
    reach(rare::overtaken_hello);
  if (answer && !answer->ends_first) {
    directory.members[hello.node] = over;
    network_.shaken(over, 1);
    over->side[1].on_end = [this, &directory, whom = hello.node](end) {
      note("the directory loses {}", whom.name);
      directory.members.erase(whom);
      apply(directory, directory.directory->lost(whom, network_.now()));
    };
  }
  network_.send(over, 1, [this, over, answer] {
    on_answer(of(over->side[0].process), over, answer);
  });
}

void simulated_cluster::on_answer(node& mine, const link_ptr& over,
                                  const result<admission>& answer) {
  if (mine.to_directory != over)
    return;
  if (answer && !answer->ends_first) {
    mine.redials.succeeded();
    network_.shaken(over, 0);
    auto taken = *answer;
    if (std::exchange(mine.hides_sessions, false))
      taken.cluster = mine.table.cluster(); // or it would end them by itself
    mine.table.admitted(taken);
    if (answer->drains && !mine.is_draining)
      start_drain(mine);
    if (!without_.late_ends)
      tell_ended(mine, rare::ended_between);
    return;
  }
  network_.close(over, 0);
  mine.to_directory.reset();
  if (!answer) {
    if (answer.error().code() == errc::not_authorized)
      reach(rare::name_taken);
  } else if (without_.ending_first) {
    mine.hides_sessions = true;
  } else {
    reach(rare::ended_first);
    leave_cluster(mine, *answer);
  }
  dial_directory_later(mine);
}

void simulated_cluster::on_directory_lost(node& mine) {
  note("{} loses the directory", mine.id.name);
  mine.to_directory.reset();
  mine.table.lost();
  for (const auto& [number, each] : std::exchange(mine.opens, {}))
    finish(each, errc::node_down);
  dial_directory_later(mine);
}

void simulated_cluster::leave_cluster(node& mine, const admission& answer) {
  const auto before = mine.table.held();
  mine.table.admitted(answer);
  const auto after = mine.table.held();
  for (const auto& each : before)
    if (std::find(after.begin(), after.end(), each) == after.end())
      end_life(mine, each);
  const auto users = mine.users;
  for (const auto& each : users)
    finish(each, errc::session_closed);
  for (auto& [id, each] : mine.served)
    end_session(mine, id);
  for (auto& [whom, each] : std::exchange(mine.peers, {}))
    network_.close(each.over, 0);
  for (const auto& each : std::exchange(mine.accepted, {}))
    network_.close(each, 1);
}

void simulated_cluster::start_drain(node& mine) {
  if (std::exchange(mine.is_draining, true))
    return;
  reach(rare::drained);
  note("{} drains", mine.id.name);
  mine.table.drain();
  network_.later(mine.process, drain_patience, [this, &mine] {
    for (auto& [id, each] : mine.served)
      end_session(mine, id);
  });
}

// The directory.

void simulated_cluster::apply(node& directory, const directory_plan& plan) {
  for (const auto& [owner, grant] : plan.grants) {
    note("the directory grants {} (epoch {}) to {}", grant.id, grant.epoch,
         owner.name);
    check_epoch(grant);
    to_member(directory, owner,
              [this, grant = grant](node& member) { on_grant(member, grant); });
  }
  for (const auto& each : plan.answers) {
    if (!each.place && each.place.error().code() == errc::node_down)
      reach(rare::blocked_open);
    to_member(directory, each.opener, [this, each](node& member) {
      on_place(member, each.number, each.place);
    });
  }
  for (const auto& each : plan.redials) {
    directory.silent.insert_or_assign(each.node,
                                      redial{network_.chance().next()});
    dial_silent(directory, each);
  }
}

void simulated_cluster::dial_silent(node& directory,
                                    const directory_plan::dialled& whom) {
  auto& next = directory.silent.at(whom.node);
  const auto in = std::chrono::duration_cast<microseconds>(
    next.next(network_.now()) - network_.now());
  const auto accepted = [this, &directory, whom](const link_ptr& over) {
    network_.send(over, 1, [this, &directory, whom, over] {
      const auto other = of(over->side[1].process).id.incarnation;
      if (directory.directory->is_silent(whom.node)
          && other != whom.node.incarnation)
        reach(rare::another_answered);
      directory.directory->dial_answered(whom.node, other);
      network_.close(over, 0);
      dial_silent(directory, whom);
    });
  };
  const auto on_end = [this, &directory, whom](end why) {
    if (why == end::refused || without_.proof) {
      if (directory.directory->is_silent(whom.node))
        reach(rare::refused_dial);
      note("a dial to {} is refused", whom.node.name);
      directory.directory->dial_refused(whom.node);
    }
    dial_silent(directory, whom);
  };
  network_.later(directory.process, in,
                 [this, &directory, whom, accepted, on_end] {
                   if (directory.directory->is_silent(whom.node))
                     network_.dial(directory.process, 0,
                                   machine_at(whom.address), accepted, on_end);
                 });
}

void simulated_cluster::drain(std::size_t machine) {
  auto* directory = running(0);
  if (!directory || network_.is_stopped(0))
    return;
  const auto whom =
    directory->directory->drain(name_of_machine(machine), network_.now());
  if (whom)
    to_member(*directory, *whom, [this](node& member) { start_drain(member); });
}

void simulated_cluster::forget_silent(std::chrono::milliseconds for_at_least) {
  auto* directory = running(0);
  if (!directory || network_.is_stopped(0))
    return;
  for (const auto& row : directory->directory->nodes(network_.now())) {
    if (row.state != node_state::silent || row.silent_for < for_at_least)
      continue;
    note("the operator forgets {}", row.node.name);
    for (const auto& each : nodes_)
      if (each->id == row.node && network_.is_alive(each->process)) {
        reach(rare::forgotten_alive);
        each->forgotten_at = highest_epoch_;
      }
    for (auto& [id, lives] : lives_)
      for (auto& each : lives)
        each.is_forgotten |= of(each.process).id == row.node;
    if (!directory->directory->forget(row.node.name))
      fail("a silent node cannot be forgotten");
  }
}

// What must hold.

std::size_t simulated_cluster::record(const node& by, std::string what) {
  asked_.push_back({by.process, std::move(what)});
  return asked_.size() - 1;
}

void simulated_cluster::answered(std::size_t which, bool with_value) {
  auto& mine = asked_[which];
  if (++mine.answers > 1)
    fail(fmt::format("{} is answered {} times", mine.what, mine.answers));
  values_ += with_value ? 1 : 0;
}

void simulated_cluster::begin_life(const node& owner,
                                   const session_grant& grant) {
  note("{} may serve {} (epoch {})", owner.id.name, grant.id, grant.epoch);
  lives_[grant.id].push_back(
    // A grant may have been on its way when its owner was forgotten.
    {owner.process, grant, owner.table.cluster(),
     grant.epoch <= owner.forgotten_at});
}

void simulated_cluster::end_life(const node& owner,
                                 const session_grant& grant) {
  note("{} serves {} (epoch {}) no more", owner.id.name, grant.id, grant.epoch);
  std::erase_if(lives_[grant.id], [&](const life& each) {
    return each.process == owner.process && each.grant == grant;
  });
}

// Lives of one id in one cluster are disjoint, but for that of a node which the
// operator has forgotten; and of those that are not the right one, each has an
// older epoch, and its owner has not been admitted since.
void simulated_cluster::check_lives() {
  for (const auto& [id, lives] : lives_)
    for (const auto& each : lives) {
      const auto& owner = of(each.process);
      const bool is_admitted_now = is_admitted(owner);
      if (owner.table.cluster() != each.cluster
          || (is_admitted_now && each.cluster != cluster_))
        return fail(fmt::format("{} has joined a cluster with {} (epoch {}) of "
                                "another",
                                owner.id.name, id, each.grant.epoch));
      if (each.is_forgotten && is_admitted_now)
        return fail(fmt::format("{} was forgotten and admitted with {} (epoch "
                                "{})",
                                owner.id.name, id, each.grant.epoch));
      if (lives.size() > 1)
        check_others(each, lives);
    }
}

void simulated_cluster::check_others(const life& one,
                                     const std::vector<life>& lives) {
  reach(rare::two_lives);
  for (const auto& other : lives) {
    if (&other == &one || one.is_forgotten)
      continue;
    if (one.cluster == other.cluster && !other.is_forgotten)
      return fail(
        fmt::format("{} lives twice: on {} (epoch {}) and on {} (epoch {})",
                    one.grant.id, of(one.process).id.name, one.grant.epoch,
                    of(other.process).id.name, other.grant.epoch));
    if (one.cluster == cluster_ && other.grant.epoch >= one.grant.epoch)
      return fail(fmt::format("{}: an owner of old has epoch {}, the right one "
                              "{}",
                              one.grant.id, other.grant.epoch,
                              one.grant.epoch));
  }
}

// For both of them: the directory may have heard a hello of a dial that the
// node has given up since.
bool simulated_cluster::is_admitted(const node& whom) {
  const auto* directory = running(0);
  if (!directory || whom.table.now_is() != node_membership::state::joined)
    return false;
  const auto found = directory->members.find(whom.id);
  return found != directory->members.end()
         && found->second == whom.to_directory;
}

void simulated_cluster::check_epoch(const session_grant& grant) {
  auto& last = last_epoch_[grant.id];
  if (grant.epoch <= last)
    fail(fmt::format("{}: epoch {} after {}", grant.id, grant.epoch, last));
  last = std::max(last, grant.epoch);
  highest_epoch_ = std::max(highest_epoch_, last);
}

void simulated_cluster::expect_quiet() {
  const auto* directory = running(0);
  if (const auto left = directory->directory->sessions(); left > 0)
    fail(fmt::format("the directory has {} entries left", left));
  const auto rows = directory->directory->nodes(network_.now());
  if (rows.size() != machines_)
    fail(fmt::format("{} of {} nodes have joined", rows.size(), machines_));
  for (const auto& row : rows)
    if (row.state == node_state::silent)
      fail(fmt::format("node {} is silent", row.node.name));
  for (const auto& each : nodes_) {
    if (!network_.is_alive(each->process))
      continue;
    if (each->table.now_is() != node_membership::state::joined)
      fail(fmt::format("node {} has not joined", each->id.name));
    if (!each->table.held().empty() || !each->served.empty())
      fail(
        fmt::format("node {} has a session that nobody uses", each->id.name));
    if (!each->table.uses_none() || !each->users.empty()
        || !each->opens.empty())
      fail(fmt::format("node {} has a client left", each->id.name));
  }
  for (const auto& each : asked_)
    if (each.answers == 0 && network_.is_alive(each.process))
      fail(fmt::format("{} is not answered", each.what));
  for (const auto& [id, lives] : lives_)
    if (!lives.empty())
      fail(fmt::format("{} lives on", id));
}

} // namespace snakebridge::testing
