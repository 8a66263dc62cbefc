// How a node opens sessions of the cluster: for its own clients, where the
// directory says, and under a grant for those of other nodes.
#include <algorithm>

#include <caf/actor_cast.hpp>
#include <fmt/format.h>

#include "actors/cluster_node.hpp"
#include "actors/granted_client.hpp"
#include "config/settings.hpp"
#include "config/tunables.hpp"
#include "runtime/base/log.hpp"
#include "runtime/node/remote_host.hpp"

namespace snakebridge {

using std::chrono::milliseconds;

namespace {

constexpr std::uint32_t the_only_place = 1;

// Runs when the actor has ended and its objects are freed, at once if it has.
template <class Heard>
void when_ended(const session_actor& which, Heard heard) {
  caf::actor_cast<caf::abstract_actor*>(which)->attach_functor(
    [heard = std::move(heard)](const caf::error& why) { heard(why); });
}

// What its clients on other nodes are told.
error end_of(const session_grant& grant, const std::string& node,
             const caf::error& reason) {
  const bool says_nothing = !reason || reason == caf::exit_reason::normal
                            || reason == caf::exit_reason::user_shutdown
                            || reason == caf::exit_reason::kill;
  return says_nothing ? error{errc::session_closed,
                              fmt::format("session '{}' has ended on node '{}'",
                                          grant.id, node)}
                      : to_error(reason);
}

// The calls of a stand-in: one host, which is a link.
std::shared_ptr<const pools>
way_to(const std::string& node, std::unique_ptr<remote_session> over,
       const std::shared_ptr<timers>& clock, std::size_t payload_bytes_max,
       const std::function<void(const interpreter_event&)>& on_event) {
  const std::vector<pool_config> one{
    {.name = fmt::format("node {}", node), .size = 1}};
  auto way =
    std::make_shared<const pools>(one, clock, payload_bytes_max, on_event);
  const auto& calls = way->all().front().calls;
  const auto host = std::make_shared<remote_host>(std::move(over));
  calls->next_epoch(the_only_place);
  host->start({.on_ready = [] {},
               .on_room =
                 [weak = std::weak_ptr{calls}] {
                   if (const auto calls = weak.lock())
                     calls->pump(the_only_place);
                 },
               .on_end = [](host_end) {}});
  calls->attach(the_only_place, host);
  return way;
}

} // namespace

// --- As an owner -------------------------------------------------------------

void cluster_node::on_grant(const session_grant& grant, afterwards& after) {
  const auto taken = table_->take(grant, around_.clock->now());
  end_overtaken(grant.id, after);
  if (!taken)
    return tell_directory(grant_ended{grant, taken.error()});
  tell_directory(grant_taken{grant});
  in(milliseconds{limits::grant_unused_ms}, &cluster_node::end_unused);
}

void cluster_node::end_unused() {
  table_->end_unused(around_.clock->now());
  tell_ended();
  rejoin();
}

void cluster_node::tell_ended() {
  for (const auto& each : table_->take_ended())
    tell_directory(grant_ended{each, {errc::session_closed, "it ended"}});
}

// `done` is called with the lock. Who comes while the session ends waits for
// that: the directory may not give its id away before.
void cluster_node::open_here(const session_grant& grant,
                             const std::string& pool,
                             const caf::actor_addr& owner,
                             const on_opened& done, afterwards& after) {
  auto opened = open_served(grant, pool, owner, after);
  if (opened || !table_->is_ending(grant))
    return done(std::move(opened), after);
  auto& waiting = served_.at(grant.id).waiting;
  if (waiting.size() >= limits::opens_waiting_max)
    return done(error{errc::overloaded,
                      fmt::format("{} clients wait for the end of session '{}'",
                                  waiting.size(), grant.id)},
                after);
  waiting.push_back([this, grant, pool, owner, done] {
    afterwards later;
    const lock_guard lock{mutex_};
    open_here(grant, pool, owner, done, later);
  });
}

result<opened_session> cluster_node::open_served(const session_grant& grant,
                                                 const std::string& pool,
                                                 const caf::actor_addr& owner,
                                                 afterwards& after) {
  if (auto may = table_->serve(grant); !may)
    return tl::unexpected{std::move(may).error()};
  if (const auto here = served_.find(grant.id); here != served_.end()) {
    auto joined = around_.sessions->join(grant.id, owner);
    if (!joined || joined->core == here->second.core)
      return joined;
    table_->end(grant); // its last client has just left
    return tl::unexpected{table_->serve(grant).error()};
  }
  auto opened = around_.sessions->open_at(
    grant.id, {.node = self_.name, .epoch = grant.epoch, .pool = pool}, owner);
  if (!opened)
    return opened;
  table_->used(grant);
  served_.emplace(grant.id, served_session{grant.epoch, opened->core});
  after.add([weak = weak_from_this(), grant, actor = opened->actor] {
    when_ended(actor, [weak, grant](const caf::error& reason) {
      if (const auto self = weak.lock())
        self->served_ended(grant, end_of(grant, self->self_.name, reason));
    });
  });
  return opened;
}

void cluster_node::served_ended(const session_grant& grant, const error& why) {
  afterwards after;
  const lock_guard lock{mutex_};
  auto gone = served_.extract(grant.id);
  for (const auto& [number, told] : gone.mapped().clients)
    after.add([told = told, why] { told(why); });
  table_->end(grant);
  table_->ended(grant);
  tell_ended();
  rejoin();
  for (auto& each : gone.mapped().waiting)
    after.add(std::move(each));
  hear_own(after);
}

void cluster_node::serve(const remote_open& wanted, const on_remote_end& ended,
                         const session_provider::on_opened& done) {
  // A std::function can be copied, and so must be what it holds.
  const auto mine =
    std::make_shared<std::unique_ptr<client>>(std::make_unique<client>(
      around_.system, around_.known_clients, around_.sessions));
  const auto address = (*mine)->address();
  afterwards after;
  const lock_guard lock{mutex_};
  open_here(
    {wanted.session, wanted.epoch}, wanted.pool, address,
    [this, wanted, mine, ended, done](result<opened_session> opened,
                                      afterwards& later) {
      if (!opened)
        return later.add([done, why = std::move(opened).error()] {
          done(tl::unexpected{why});
        });
      const auto made = std::make_shared<std::unique_ptr<remote_client>>(
        client_of(wanted, std::move(*mine), opened->core, ended));
      later.add([done, made] { done(std::move(*made)); });
    },
    after);
}

std::unique_ptr<remote_client>
cluster_node::client_of(const remote_open& wanted, std::unique_ptr<client> mine,
                        const session_ptr& in, on_remote_end ended) {
  mine->own(in);
  const auto number = ++last_number_;
  served_.at(wanted.session).clients.emplace(number, std::move(ended));
  return std::make_unique<granted_client>(
    std::move(mine), in, payload_bytes_max_,
    [weak = weak_from_this(), wanted, number] {
      const auto self = weak.lock();
      if (!self)
        return;
      const lock_guard lock{self->mutex_};
      const auto here = self->served_.find(wanted.session);
      if (here != self->served_.end() && here->second.epoch == wanted.epoch)
        here->second.clients.erase(number);
    });
}

void cluster_node::end_drained() {
  const error why{
    errc::session_closed,
    fmt::format("node '{}' drains: open the session again, and it "
                "is on another",
                self_.name)};
  for (const auto& [id, each] : served_) {
    table_->end({id, each.epoch});
    around_.sessions->end(each.core, why);
  }
}

void cluster_node::leave_cluster(const admission& answer, afterwards& after) {
  table_->admitted(answer);
  const error why{errc::session_closed,
                  fmt::format("node '{}' is not any more in the cluster that "
                              "the session was of",
                              self_.name)};
  logger()->warn("{}", why.message());
  for (const auto& [id, each] : served_)
    around_.sessions->end(each.core, why);
  for (const auto& each : stand_ins_)
    after.add([this, core = each.core, why] { end_stand_in(core, why); });
  for (const auto& [number, each] : std::exchange(opens_, {}))
    each->set(tl::unexpected{why});
  for (const auto& each : links_->peers())
    if (!to_directory_ || each.who.name != to_directory_->name)
      links_->close(each.who.name);
  rejoin();
}

// --- As a client -------------------------------------------------------------

struct cluster_node::asking {
  const session_options& wanted;
  const caf::actor_addr& owner;
  const std::string pool;
  const steady_clock::time_point until;
  const cancel_token cancel;

  template <class T>
  result<T> wait(awaited<T>& answer, errc late, const char* why) const {
    return answer.wait(
      until, cancel,
      {late,
       fmt::format("session '{}' was not opened in time: {}", wanted.id, why)});
  }
};

result<opened_session> cluster_node::open(const session_options& wanted,
                                          const caf::actor_addr& owner,
                                          call_options& of_call) {
  if (wanted.id.empty())
    return invalid("a session of the cluster has an id by which nodes join it");
  if (auto room = around_.sessions->await_room(of_call); !room)
    return tl::unexpected{std::move(room).error()};
  const asking by{wanted, owner, wanted.pool.empty() ? "default" : wanted.pool,
                  around_.clock->now() + time_limit(of_call, timeout_),
                  of_call.cancel};
  std::uint64_t ended = 0;
  auto opened = open_once(by, ended);
  for (int tried = 1; ended != 0 && tried < limits::opens_tried_max; ++tried)
    opened = open_once(by, ended);
  return opened;
}

// `ended`: the epoch that its owner has said has ended, if that is why.
result<opened_session> cluster_node::open_once(const asking& by,
                                               std::uint64_t& ended) {
  const auto before = std::exchange(ended, 0);
  auto joined = around_.sessions->join(by.wanted.id, by.owner);
  if (!joined || joined->core)
    return joined;
  const auto place = find_place(by, before);
  if (!place)
    return tl::unexpected{place.error()};
  auto opened = place->owner == self_
                  ? open_own(by, {by.wanted.id, place->epoch})
                  : open_there(by, *place);
  if (!opened && opened.error().code() == errc::session_closed)
    ended = place->epoch;
  return opened;
}

result<session_place> cluster_node::find_place(const asking& by,
                                               std::uint64_t ended) {
  const auto waits = std::make_shared<awaited<session_place>>();
  std::uint64_t number = 0;
  {
    afterwards after;
    const lock_guard lock{mutex_};
    if (auto may = table_->may_ask(); !may)
      return tl::unexpected{std::move(may).error()};
    if (opens_.size() >= limits::opens_waiting_max)
      return error{
        errc::overloaded,
        fmt::format("{} opens wait for the directory", opens_.size())};
    number = ++last_number_;
    opens_[number] = waits;
    tell_directory(
      open_request{self_, number, by.wanted.id, by.wanted.at, by.pool, ended});
    hear_own(after);
  }
  auto place =
    by.wait(*waits, errc::deadline_exceeded, "the directory did not answer");
  const lock_guard lock{mutex_};
  opens_.erase(number);
  return place;
}

result<opened_session> cluster_node::open_own(const asking& by,
                                              const session_grant& grant) {
  const auto waits = std::make_shared<awaited<opened_session>>();
  {
    afterwards after;
    const lock_guard lock{mutex_};
    open_here(
      grant, by.pool, by.owner,
      [waits](auto opened, auto&) { waits->set(std::move(opened)); }, after);
  }
  return by.wait(*waits, errc::deadline_exceeded,
                 "the one before it has not ended");
}

result<opened_session> cluster_node::open_there(const asking& by,
                                                const session_place& place) {
  {
    afterwards after;
    const lock_guard lock{mutex_};
    table_->learned({by.wanted.id, place.epoch});
    end_overtaken(by.wanted.id, after);
  }
  auto opened =
    link_with(by, place).and_then([&] { return open_over(by, place); });
  if (!opened) {
    const lock_guard lock{mutex_};
    table_->left(by.wanted.id);
    rejoin();
  }
  return opened;
}

void cluster_node::end_overtaken(const std::string& id, afterwards& after) {
  for (const auto& each : stand_ins_)
    if (each.grant.id == id)
      if (auto may = table_->pass(each.grant); !may)
        after.add([this, core = each.core, why = may.error()] {
          end_stand_in(core, why);
        });
}

result<void> cluster_node::link_with(const asking& by,
                                     const session_place& place) {
  const auto waits = std::make_shared<awaited<node_id>>();
  {
    const lock_guard lock{mutex_};
    if (!links_)
      return error{errc::shutting_down, "this node is stopping"};
    for (const auto& each : links_->peers())
      if (each.who.name == place.owner.name)
        waits->set(node_id{each.who.name, each.who.incarnation});
    links_wanted_.push_back({place.owner, place.address, waits});
    if (auto dialed = links_->dial(place.address, place.owner.name); !dialed)
      waits->set(tl::unexpected{std::move(dialed).error()});
  }
  const auto linked =
    by.wait(*waits, errc::node_down, "there is no link with its node");
  const lock_guard lock{mutex_};
  std::erase_if(links_wanted_,
                [&](const auto& each) { return each.waits == waits; });
  if (!linked)
    return linked.error();
  if (*linked != place.owner)
    return error{
      errc::node_down,
      fmt::format("node '{}' is another process by now", place.owner.name)};
  return {};
}

result<opened_session> cluster_node::open_over(const asking& by,
                                               const session_place& place) {
  using remote = std::unique_ptr<remote_session>;
  const auto waits = std::make_shared<awaited<remote>>();
  const auto told = std::make_shared<fate>();
  std::shared_ptr<node_links> links;
  {
    const lock_guard lock{mutex_};
    links = links_;
  }
  if (!links)
    return error{errc::shutting_down, "this node is stopping"};
  links->open_session(
    {place.owner.name, by.wanted.id, place.epoch, by.pool}, by.until,
    [weak = weak_from_this(), told](const error& why) {
      const auto self = weak.lock();
      if (!self)
        return;
      afterwards after;
      const lock_guard lock{self->mutex_};
      told->why = why;
      if (told->core)
        after.add(
          [self, core = told->core, why] { self->end_stand_in(core, why); });
    },
    [waits](result<remote> opened) { waits->set(std::move(opened)); });
  auto over =
    by.wait(*waits, errc::deadline_exceeded, "its node did not answer");
  if (!over)
    return tl::unexpected{std::move(over).error()};
  return stand_in_for(by, place, *std::move(over), told);
}

// Of two threads that open it one makes the stand-in; what the other has is let
// go.
result<opened_session>
cluster_node::stand_in_for(const asking& by, const session_place& place,
                           std::unique_ptr<remote_session> over,
                           const std::shared_ptr<fate>& told) {
  auto way = way_to(place.owner.name, std::move(over), around_.clock,
                    payload_bytes_max_, on_event_);
  afterwards after;
  const lock_guard lock{mutex_};
  auto opened = around_.sessions->open_at(by.wanted.id,
                                          {.node = place.owner.name,
                                           .epoch = place.epoch,
                                           .pool = by.pool,
                                           .is_elsewhere = true},
                                          by.owner, std::move(way));
  if (!opened)
    return opened;
  const auto& core = opened->core;
  if (std::any_of(stand_ins_.begin(), stand_ins_.end(),
                  [&](const auto& each) { return each.core == core; })) {
    table_->left(by.wanted.id);
    return opened;
  }
  stand_ins_.push_back({{by.wanted.id, place.epoch}, place.owner, core});
  told->core = core;
  after.add([weak = weak_from_this(), core, actor = opened->actor] {
    when_ended(actor, [weak, core](const caf::error&) {
      if (const auto self = weak.lock())
        self->stand_in_ended(core);
    });
  });
  if (told->why)
    after.add([this, core, why = *told->why] { end_stand_in(core, why); });
  return opened;
}

void cluster_node::stand_in_ended(const session_ptr& gone) {
  afterwards after;
  const lock_guard lock{mutex_};
  std::erase_if(stand_ins_,
                [&](const auto& each) { return each.core == gone; });
  table_->left(gone->id());
  rejoin();
  hear_own(after);
}

void cluster_node::end_stand_in(const session_ptr& which, const error& why) {
  which->refuse_calls(why);
  around_.sessions->end(which, why);
}

} // namespace snakebridge
