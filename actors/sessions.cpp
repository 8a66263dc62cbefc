#include "actors/sessions.hpp"

#include <random>

#include <fmt/format.h>

#include "actors/manual_system.hpp"
#include "actors/session.hpp"
#include "actors/system_visit.hpp"
#include "config/settings.hpp"
#include "config/tunables.hpp"

namespace snakebridge {

namespace {

// 96 random bits: never given twice, and nobody guesses one.
std::string random_name(std::string_view prefix) {
  std::random_device source;
  return fmt::format("{}{:08x}{:08x}{:08x}", prefix, source(), source(),
                     source());
}

} // namespace

sessions::sessions(caf::actor_system& system,
                   std::shared_ptr<const pools> where,
                   const session_rules& rules, program_maker program)
    : system_{system},
      by_hand_{is_run_by_hand(system)},
      where_{std::move(where)},
      rules_{rules},
      program_{std::move(program)} {}

void sessions::adopt_with(std::function<void(caf::actor)> adopt) {
  const std::lock_guard lock{mutex_};
  adopt_ = std::move(adopt);
}

result<ref_rules> sessions::rules_of(const std::string& id,
                                     const wanted_refs& wanted) const {
  auto refs = rules_.refs;
  refs.max = wanted.max.value_or(refs.max);
  refs.ttl = wanted.ttl.value_or(refs.ttl);
  refs.on_full = wanted.on_full.value_or(refs.on_full);
  constexpr auto max_row = tunable_of("ref_max", false);
  constexpr auto ttl_row = tunable_of("ref_ttl_ms", false);
  if (!is_within(max_row, refs.max))
    return invalid(fmt::format("session '{}': max_refs = {}: must be {}", id,
                               refs.max, bounds_of(max_row)));
  if (!is_within(ttl_row, refs.ttl.count()))
    return invalid(fmt::format("session '{}': ttl = {} ms: must be {}", id,
                               refs.ttl.count(), bounds_of(ttl_row)));
  return refs;
}

result<opened_session> sessions::open(const session_options& wanted,
                                      const caf::actor_addr& owner,
                                      std::string_view prefix) {
  const auto refs =
    rules_of(wanted.id, {wanted.max_refs, wanted.ttl, wanted.on_full});
  if (!refs)
    return tl::unexpected{refs.error()};
  const std::lock_guard lock{mutex_};
  return open_locked(wanted.id, prefix, owner, *refs, {.pool = wanted.pool},
                     where_);
}

namespace {

error closed_here() {
  return {errc::shutting_down, "the bridge opens no more sessions"};
}

tl::unexpected<error> of_this_bridge(const std::string& id) {
  return invalid(
    fmt::format("session '{}' is one of this bridge alone: open it "
                "without scope::cluster, or take another id",
                id));
}

} // namespace

result<opened_session> sessions::join(const std::string& id,
                                      const caf::actor_addr& owner) {
  const std::lock_guard lock{mutex_};
  if (closed_)
    return closed_here();
  const auto place = by_id_.find(id);
  if (place == by_id_.end())
    return opened_session{};
  if (place->second->home().node.empty())
    return of_this_bridge(id);
  return join_locked(place->second, owner);
}

result<opened_session> sessions::open_at(const std::string& id,
                                         const session_home& home,
                                         const caf::actor_addr& owner,
                                         const wanted_refs& wanted,
                                         std::shared_ptr<const pools> way) {
  const auto refs = rules_of(id, wanted);
  if (!refs)
    return tl::unexpected{refs.error()};
  const std::lock_guard lock{mutex_};
  if (const auto place = by_id_.find(id); place != by_id_.end()) {
    const auto& there = place->second->home();
    if (there.node.empty())
      return of_this_bridge(id);
    if (there.node != home.node || there.epoch != home.epoch)
      return error{errc::node_down,
                   fmt::format("session '{}' (epoch {}) on node '{}' has not "
                               "ended yet",
                               id, there.epoch, there.node)};
  }
  return open_locked(id, {}, owner, *refs, home, way ? std::move(way) : where_);
}

void sessions::end(const session_ptr& ended, const error& why) {
  const std::lock_guard lock{mutex_};
  remove_locked(ended);
  if (const auto actor = caf::actor_cast<caf::actor>(ended->members.actor))
    caf::anon_send(actor, caf::exit_msg{actor.address(), to_caf_error(why)});
}

opened_session sessions::join_locked(const session_ptr& joined,
                                     const caf::actor_addr& owner) {
  if (joined->members.owners.insert(owner).second)
    caf::anon_send(joined->members.actor, owner_message{owner});
  return {joined, joined->members.actor};
}

result<opened_session> sessions::open_locked(const std::string& id,
                                             std::string_view prefix,
                                             const caf::actor_addr& owner,
                                             const ref_rules& refs,
                                             const session_home& home,
                                             std::shared_ptr<const pools> way) {
  if (closed_)
    return closed_here();
  if (const auto place = by_id_.find(id); place != by_id_.end())
    return join_locked(place->second, owner);
  const auto name = id.empty() ? random_name(prefix) : id;
  auto rules = rules_;
  rules.refs = refs;
  auto made = std::make_shared<session_core>(std::move(way), ++last_number_,
                                             name, rules, !id.empty(), home);
  if (program_)
    made->run_callbacks_on(program_(made));
  made->members.owners.insert(owner);
  const system_visit visit;
  made->members.actor = system_.spawn(session, shared_from_this(), made, owner);
  by_id_.emplace(name, made);
  living_.insert(made);
  if (adopt_)
    adopt_(caf::actor_cast<caf::actor>(made->members.actor));
  return opened_session{made, made->members.actor};
}

session_ptr sessions::find(const std::string& id) const {
  const std::lock_guard lock{mutex_};
  const auto place = by_id_.find(id);
  return place == by_id_.end() ? nullptr : place->second;
}

void sessions::abandon(const session_ptr& left, const caf::actor_addr& owner) {
  const std::lock_guard lock{mutex_};
  if (!left->members.actor || left->members.owners.erase(owner) == 0)
    return;
  count_end_locked(*left);
  if (left->members.owners.empty())
    remove_locked(left);
}

void sessions::count_end_locked(session_core& ending) {
  ++ending.members.unheard;
  ++unheard_;
}

void sessions::forget_ends_locked(session_core& ending, std::size_t heard) {
  ending.members.unheard -= heard;
  unheard_ -= heard;
  if (heard > 0 && unheard_ < limits::unheard_ends_max)
    room_.notify_all();
}

result<void> sessions::await_room(call_options& of_call) {
  std::unique_lock lock{mutex_};
  // Of a bridge that stops, `open` says so.
  const auto has_room = [this] {
    return closed_ || unheard_ < limits::unheard_ends_max;
  };
  if (has_room())
    return {};
  if (by_hand_) {
    lock.unlock();
    run_by_hand(system_);
    lock.lock();
    if (has_room())
      return {};
  } else {
    const auto from = where_->now();
    const auto limit = time_limit(of_call, rules_.timeout);
    const auto cancel = of_call.cancel;
    const bool is_there = room_.wait_for(lock, cancel, limit, has_room);
    of_call.timeout =
      limit
      - std::chrono::ceil<std::chrono::milliseconds>(where_->now() - from);
    if (is_there)
      return {};
    if (cancel.stop_requested())
      return tl::unexpected{error{
        errc::cancelled, "it was cancelled while it waited to open a session"}};
  }
  return tl::unexpected{
    error{errc::overloaded,
          fmt::format("no session opens: {} ends of others have not been heard "
                      "of; does an actor keep the bridge's system busy, this "
                      "one perhaps?",
                      unheard_)}};
}

bool sessions::leave(const session_ptr& left, const caf::actor_addr& owner) {
  const std::lock_guard lock{mutex_};
  if (left->members.owners.erase(owner) == 0 && left->members.unheard > 0)
    forget_ends_locked(*left, 1);
  if (!left->members.owners.empty())
    return false;
  remove_locked(left);
  return true;
}

void sessions::remove(const session_ptr& ended) {
  const std::lock_guard lock{mutex_};
  remove_locked(ended);
  // The session outlives its actor, in clients' hands.
  ended->members.actor = nullptr;
  forget_ends_locked(*ended, ended->members.unheard);
  living_.erase(ended);
  if (living_.empty())
    none_left_.notify_all();
}

void sessions::remove_locked(const session_ptr& ended) {
  const auto place = by_id_.find(ended->id());
  if (place != by_id_.end() && place->second == ended)
    by_id_.erase(place);
}

bool sessions::end_all(std::chrono::milliseconds patience) {
  std::unique_lock lock{mutex_};
  for (const auto& each : living_)
    caf::anon_send_exit(each->members.actor, caf::exit_reason::user_shutdown);
  return none_left_.wait_for(lock, patience,
                             [this] { return living_.empty(); });
}

result<std::size_t> sessions::release(
  const session_ptr& released,
  const std::function<void(const result<std::size_t>&)>& counted) {
  bool is_first = false;
  {
    const std::lock_guard lock{mutex_};
    is_first = !released->released.exchange(true);
    remove_locked(released);
  }
  auto count = released->close_and_count();
  if (counted)
    counted(count);
  const std::lock_guard lock{mutex_};
  if (released->members.actor) {
    if (is_first)
      count_end_locked(*released);
    caf::anon_send_exit(released->members.actor, caf::exit_reason::normal);
  }
  return count;
}

std::set<caf::actor_addr> sessions::owners(const session_ptr& ended) const {
  const std::lock_guard lock{mutex_};
  return ended->members.owners;
}

void sessions::close() {
  const std::lock_guard lock{mutex_};
  closed_ = true;
  room_.notify_all();
}

std::size_t sessions::size() const {
  const std::lock_guard lock{mutex_};
  return by_id_.size();
}

std::vector<std::string> sessions::ids() const {
  const std::lock_guard lock{mutex_};
  std::vector<std::string> found;
  for (const auto& [id, record] : by_id_)
    found.push_back(id);
  return found;
}

} // namespace snakebridge
