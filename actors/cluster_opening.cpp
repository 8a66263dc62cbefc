// How a node opens sessions of the cluster for its own clients: where the
// directory says, under a grant here, or with a stand-in.
#include <algorithm>

#include <fmt/format.h>

#include "actors/cluster_node.hpp"
#include "config/settings.hpp"
#include "config/tunables.hpp"
#include "runtime/node/remote_host.hpp"

namespace snakebridge {

using std::chrono::milliseconds;

namespace {

constexpr std::uint32_t the_only_place = 1;

// The calls of a stand-in: one host, which is a link.
std::shared_ptr<const pools>
way_to(const std::string& node, std::unique_ptr<remote_session> over,
       std::shared_ptr<value_thread> values,
       const std::shared_ptr<timers>& clock, std::size_t payload_bytes_max,
       const std::function<void(const interpreter_event&)>& on_event) {
  const std::vector<pool_config> one{
    {.name = fmt::format("node {}", node), .size = 1}};
  auto way =
    std::make_shared<const pools>(one, clock, payload_bytes_max, on_event);
  const auto& calls = way->all().front().calls;
  const auto host = std::make_shared<remote_host>(
    std::move(over), std::move(values), payload_bytes_max);
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

error another_process(const std::string& name) {
  return {errc::node_down,
          fmt::format("node '{}' is another process by now", name)};
}

wanted_refs refs_of(const session_options& wanted) {
  return {wanted.max_refs, wanted.ttl, wanted.on_full};
}

} // namespace

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
  if (auto bounded = around_.sessions->rules_of(wanted.id, refs_of(wanted));
      !bounded)
    return tl::unexpected{std::move(bounded).error()};
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

// `ended`: the epoch that its owner has said has ended, if that is why. Only an
// owner says session_closed, of its table: the directory takes it for the
// owner's word, and gives the id away.
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
      {grant, by.pool, refs_of(by.wanted)}, by.owner,
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
      if (each.who.name == place.owner.name) {
        if (each.who.incarnation == place.owner.incarnation)
          return {};
        // The directory knows of the end of that process, and we do not yet.
        links_->close(each.who.name);
      }
    links_wanted_.push_back({place.owner, place.address, waits});
    if (auto dialed = links_->dial(place.address, place.owner.name); !dialed)
      waits->set(tl::unexpected{std::move(dialed).error()});
  }
  const auto linked =
    by.wait(*waits, errc::node_down, "there is no link with its node");
  const lock_guard lock{mutex_};
  std::erase_if(links_wanted_,
                [&](const auto& each) { return each.waits == waits; });
  undial(place.address); // once it is lost the session has ended, too
  if (!linked)
    return linked.error();
  if (*linked != place.owner)
    return another_process(place.owner.name);
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
    {place.owner.name, by.wanted.id, place.epoch, by.pool, refs_of(by.wanted)},
    by.until,
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
  links.reset(); // the end of this node must not wait for what waits here
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
  auto way = way_to(place.owner.name, std::move(over), values_, around_.clock,
                    payload_bytes_max_, on_event_);
  afterwards after;
  const lock_guard lock{mutex_};
  // This node may have heard of another owner while it was asked for.
  const session_grant grant{by.wanted.id, place.epoch};
  if (const auto may = table_->pass(grant); !may)
    return error{errc::node_down, may.error().message()};
  auto opened = around_.sessions->open_at(by.wanted.id,
                                          {.node = place.owner.name,
                                           .epoch = place.epoch,
                                           .pool = by.pool,
                                           .is_elsewhere = true},
                                          by.owner, {}, std::move(way));
  if (!opened)
    return opened;
  const auto& core = opened->core;
  if (std::any_of(stand_ins_.begin(), stand_ins_.end(),
                  [&](const auto& each) { return each.core == core; })) {
    table_->left(by.wanted.id);
    return opened;
  }
  stand_ins_.push_back({grant, place.owner, core});
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
