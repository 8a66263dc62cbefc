// How a node owns sessions of the cluster: it takes grants, opens a session
// under one for its own clients and for those of other nodes, and tells of its
// end.
#include <fmt/format.h>

#include "actors/cluster_node.hpp"
#include "actors/granted_client.hpp"
#include "config/settings.hpp"
#include "config/tunables.hpp"
#include "runtime/base/log.hpp"

namespace snakebridge {

using std::chrono::milliseconds;

namespace {

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

} // namespace

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
void cluster_node::open_here(const wanted_session& wanted,
                             const caf::actor_addr& owner,
                             const on_opened& done, afterwards& after) {
  const auto& grant = wanted.grant;
  auto opened = open_served(wanted, owner, after);
  if (opened || !table_->is_ending(grant))
    return done(std::move(opened), after);
  auto& waiting = served_.at(grant.id).waiting;
  if (waiting.size() >= limits::opens_waiting_max)
    return done(error{errc::overloaded,
                      fmt::format("{} clients wait for the end of session '{}'",
                                  waiting.size(), grant.id)},
                after);
  waiting.push_back([this, wanted, owner, done] {
    afterwards later;
    const lock_guard lock{mutex_};
    open_here(wanted, owner, done, later);
  });
}

result<opened_session> cluster_node::open_served(const wanted_session& wanted,
                                                 const caf::actor_addr& owner,
                                                 afterwards& after) {
  const auto& grant = wanted.grant;
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
    grant.id, {.node = self_.name, .epoch = grant.epoch, .pool = wanted.pool},
    owner, wanted.refs);
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
    {{wanted.session, wanted.epoch}, wanted.pool, wanted.refs}, address,
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
    std::move(mine), in, payload_bytes_max_, values_,
    [all = around_.sessions, aside = around_.run_aside,
     in](granted_client::on_counted counted) {
      aside([all, in, counted = std::move(counted)] {
        static_cast<void>(all->release(in, counted));
      });
    },
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
  // Who was sent here for others and has not come yet is sent elsewhere.
  table_->end_unused(steady_clock::time_point::max());
  tell_ended();
  rejoin(); // if that was what it waited for
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

} // namespace snakebridge
