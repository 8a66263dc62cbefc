#include "testing/scripted_cluster.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/call_placement.hpp"
#include "actors/node_directory.hpp"

namespace snakebridge::testing {

namespace {

/// A node as its script says.
struct scripted_node {
  node_id id;
  std::shared_ptr<fake_state> python;
  std::vector<std::string> pools;
  std::shared_ptr<fake_way> way = std::make_shared<fake_way>();
  std::uint64_t silences = 0;
  bool is_lost = false; ///< its link is
};

class scripted_cluster;

} // namespace

struct fake_cluster_state {
  std::mutex mutex;
  std::map<std::string, scripted_node, std::less<>> nodes;
  std::uint64_t last_incarnation = 1;
  std::weak_ptr<scripted_cluster> of_bridge;

  scripted_node& find(std::string_view name) {
    const auto place = nodes.find(name);
    if (place == nodes.end())
      throw_error(
        error{errc::config_invalid,
              fmt::format("no node of the fake cluster is named '{}'", name)});
    return place->second;
  }
};

namespace {

constexpr std::uint32_t the_only_place = 1;

error no_links() {
  return {errc::config_invalid,
          "a bridge in a fake cluster has no links to other nodes"};
}

class scripted_cluster final
    : public cluster,
      public std::enable_shared_from_this<scripted_cluster> {
public:
  scripted_cluster(std::shared_ptr<fake_cluster_state> nodes,
                   const config& settings, node_surroundings around)
      : nodes_{std::move(nodes)},
        self_{settings.node.name.empty() ? "here" : settings.node.name, 1},
        heartbeat_limit_{settings.node.heartbeat_limit},
        around_{std::move(around)} {}

  result<void> start() override {
    std::vector<std::string> pools;
    for (const auto& each : around_.pools->all())
      pools.push_back(each.settings.name);
    std::vector<scripted_node> known;
    {
      const std::lock_guard lock{nodes_->mutex};
      nodes_->of_bridge = weak_from_this();
      for (const auto& [name, each] : nodes_->nodes)
        known.push_back(each);
    }
    join_as(self_, pools);
    for (const auto& each : known)
      meet(each);
    return {};
  }
  void stop() override {}
  result<std::uint16_t> listen(const std::string&, const tls_files&) override {
    return no_links();
  }
  result<void> join(const std::string&, steady_clock::time_point) override {
    return no_links();
  }
  bool has_begun() const override { return true; }
  const std::string& name() const override { return self_.name; }
  std::string address() const override { return self_.name + ":1"; }

  result<opened_session> open(const session_options& wanted,
                              const caf::actor_addr& owner,
                              call_options&) override {
    auto joined = around_.sessions->join(wanted.id, owner);
    if (!joined || joined->core)
      return joined;
    const std::string pool = wanted.pool.empty() ? "default" : wanted.pool;
    std::unique_lock lock{mutex_};
    const auto place = place_of(wanted, pool);
    if (!place)
      return tl::unexpected{place.error()};
    opening made{{wanted.id, place->epoch}, place->owner};
    const bool is_here = place->owner == self_;
    auto opened = around_.sessions->open_at(
      wanted.id,
      {.node = place->owner.name,
       .epoch = place->epoch,
       .pool = pool,
       .is_elsewhere = !is_here},
      owner,
      is_here ? wanted_refs{wanted.max_refs, wanted.ttl, wanted.on_full}
              : wanted_refs{},
      is_here ? nullptr : way_to(made));
    if (!opened)
      return opened;
    made.core = opened->core;
    opened_.push_back(std::move(made));
    lock.unlock();
    when_ended(opened->actor, [weak = weak_from_this(),
                               core = opened->core](const caf::error&) {
      if (const auto self = weak.lock())
        self->ended(core);
    });
    return opened;
  }

  result<std::vector<node_row>> ask(cluster_question asked,
                                    steady_clock::time_point) override {
    using rows = std::vector<node_row>;
    std::unique_lock lock{mutex_};
    const auto now = around_.clock->now();
    switch (asked.what) {
    case cluster_question::kind::nodes:
      report();
      return directory_.nodes(now);
    case cluster_question::kind::forget:
      return directory_.forget(asked.name).transform([](const auto&) {
        return rows{};
      });
    case cluster_question::kind::drain:
      return directory_.drain(asked.name, now).transform([&](const auto& whom) {
        around_.clock->at(
          now + asked.patience, [weak = weak_from_this(), whom] {
            if (const auto self = weak.lock())
              self->end_all_of(
                whom, {errc::session_closed,
                       fmt::format("node '{}' drains: open the session again, "
                                   "and it is on another",
                                   whom.name)});
          });
        return rows{};
      });
    }
    return rows{};
  }

  result<std::string> place_call(const std::string& pool,
                                 const std::set<std::string>& but,
                                 steady_clock::time_point) override {
    std::optional<node_pool_stats> here;
    if (const auto* mine = around_.pools->find(pool))
      here = stats_of(*mine);
    const std::lock_guard lock{mutex_};
    report();
    placement_.learn(directory_.nodes(around_.clock->now()));
    return placement_.place(pool, self_.name, here, but);
  }

  // What the script says.

  void meet(const scripted_node& node) { join_as(node.id, node.pools); }

  void watch(const scripted_node& node) {
    auto& clock = *around_.clock;
    clock.at(clock.now() + heartbeat_limit_,
             [weak = weak_from_this(), id = node.id, count = node.silences] {
               if (const auto self = weak.lock())
                 self->lose_silent(id, count);
             });
  }

  /// `has_ended`: its process has, as its address tells.
  void lose(const node_id& node, const std::string& how, bool has_ended) {
    {
      const std::lock_guard lock{mutex_};
      static_cast<void>(directory_.lost(node, around_.clock->now()));
      if (has_ended)
        directory_.dial_refused(node);
    }
    end_all_of(node,
               {errc::node_down,
                fmt::format("node {}: its link was lost: {}", node.name, how)});
  }

private:
  struct opening {
    session_grant grant;
    node_id owner;
    session_ptr core = nullptr;
    std::shared_ptr<fake_host> host = nullptr; ///< null: it is here
  };

  void join_as(const node_id& node, const std::vector<std::string>& pools) {
    const std::lock_guard lock{mutex_};
    static_cast<void>(directory_.join({.node = node,
                                       .number = ++hellos_,
                                       .address = node.name + ":1",
                                       .listens = true,
                                       .pools = pools,
                                       .cluster = {},
                                       .held = {}},
                                      around_.clock->now()));
  }

  // Whoever is granted it takes it at once.
  result<session_place> place_of(const session_options& wanted,
                                 const std::string& pool) {
    auto plan = directory_.open({self_, ++opens_, wanted.id, wanted.at, pool},
                                around_.clock->now());
    for (const auto& [owner, grant] : plan.grants) {
      const auto taken = directory_.taken(owner, grant);
      plan.answers.insert(plan.answers.end(), taken.answers.begin(),
                          taken.answers.end());
    }
    return plan.answers.at(0).place;
  }

  // One interpreter there, and the next when it has crashed.
  std::shared_ptr<const pools> way_to(opening& made) {
    const std::vector<pool_config> one{
      {.name = fmt::format("node {}", made.owner.name), .size = 1}};
    auto way = std::make_shared<const pools>(one, around_.clock);
    made.host = start_host(made.owner.name, way->all().front().calls);
    return way;
  }
  std::shared_ptr<fake_host>
  start_host(const std::string& node,
             const std::shared_ptr<dispatcher>& calls) {
    scripted_node there;
    {
      const std::lock_guard lock{nodes_->mutex};
      there = nodes_->find(node);
    }
    const auto epoch = calls->next_epoch(the_only_place);
    auto host = std::make_shared<fake_interpreter>(
      incarnation{.pool = node, .interpreter = the_only_place, .epoch = epoch},
      there.python, around_.system, fake_start{}, std::chrono::milliseconds{0},
      there.way);
    {
      const std::lock_guard lock{there.python->mutex};
      there.python->hosts.push_back(host);
    }
    host->start({.on_ready = [] {},
                 .on_room =
                   [weak = std::weak_ptr{calls}] {
                     if (const auto calls = weak.lock())
                       calls->pump(the_only_place);
                   },
                 .on_end =
                   [weak = weak_from_this(), of = std::weak_ptr{calls}, node,
                    which = host.get(), epoch](host_end end) {
                     const auto self = weak.lock();
                     const auto calls = of.lock();
                     if (!calls)
                       return;
                     const bool is_asked = end.asked;
                     const bool is_lost = end.why.code() == errc::node_down;
                     if (is_lost)
                       for (const auto& each : std::exchange(end.unstarted, {}))
                         each->answer(tl::unexpected{end.why});
                     calls->detach(the_only_place, which, epoch,
                                   std::move(end));
                     if (self && !is_asked && !is_lost)
                       self->replace_host(node, which, calls);
                   }});
    calls->attach(the_only_place, host);
    return host;
  }
  void replace_host(const std::string& node, const fake_host* gone,
                    const std::shared_ptr<dispatcher>& calls) {
    auto next = start_host(node, calls);
    const std::lock_guard lock{mutex_};
    for (auto& each : opened_)
      if (each.host.get() == gone)
        each.host = std::move(next);
  }

  void lose_silent(const node_id& node, std::uint64_t silence) {
    {
      const std::lock_guard lock{nodes_->mutex};
      const auto place = nodes_->nodes.find(node.name);
      if (place == nodes_->nodes.end() || place->second.id != node
          || !place->second.way->is_silent()
          || place->second.silences != silence)
        return;
      place->second.is_lost = true;
    }
    lose(node, fmt::format("silent for {} ms", heartbeat_limit_.count()),
         false);
  }

  void end_all_of(const node_id& node, const error& why) {
    std::vector<opening> gone;
    {
      const std::lock_guard lock{mutex_};
      std::ranges::copy_if(
        opened_, std::back_inserter(gone),
        [&](const auto& each) { return each.owner == node; });
    }
    for (const auto& each : gone) {
      if (each.host)
        each.core->refuse_calls(why.with_may_have_run(false));
      around_.sessions->end(each.core, why.with_may_have_run(false));
      if (each.host)
        each.host->die(why.with_may_have_run(true));
    }
  }

  // What a silent node has of it stays.
  void ended(const session_ptr& core) {
    const std::lock_guard lock{mutex_};
    const auto place = std::ranges::find(opened_, core, &opening::core);
    if (place == opened_.end())
      return;
    if (!directory_.is_silent(place->owner))
      static_cast<void>(directory_.ended(place->owner, place->grant,
                                         {errc::session_closed, "it ended"}));
    opened_.erase(place);
  }

  void report() {
    node_stats own{.sessions = around_.sessions->size(), .pools = {}};
    for (const auto& each : around_.pools->all())
      own.pools.push_back(stats_of(each));
    directory_.report(self_, own);
    for (const auto& row : directory_.nodes(around_.clock->now())) {
      if (row.node == self_)
        continue;
      node_stats there;
      for (const auto& each : row.pools)
        there.pools.push_back(
          {.name = each, .takes_calls = true, .interpreters = 1, .ready = 1});
      for (const auto& each : opened_) {
        if (each.owner != row.node)
          continue;
        ++there.sessions;
        const auto now = each.host->stats();
        there.pools.front().running += now.running;
        there.pools.front().live_objects += now.live_objects;
      }
      directory_.report(row.node, there);
    }
  }

  const std::shared_ptr<fake_cluster_state> nodes_;
  const node_id self_;
  const std::chrono::milliseconds heartbeat_limit_;
  const node_surroundings around_;

  std::mutex mutex_;
  node_directory directory_{{1, 1}, 0};
  call_placement placement_;
  std::uint64_t hellos_ = 0, opens_ = 0;
  std::vector<opening> opened_;
};

} // namespace

std::shared_ptr<cluster>
join_scripted(const std::shared_ptr<fake_cluster_state>& nodes,
              const config& settings, node_surroundings around) {
  return std::make_shared<scripted_cluster>(nodes, settings, std::move(around));
}

fake_cluster::fake_cluster() : state_{std::make_shared<fake_cluster_state>()} {}
fake_cluster::~fake_cluster() = default;

fake_cluster& fake_cluster::joins(std::string name, const fake_python& python,
                                  std::vector<std::string> pools) {
  std::optional<node_id> former;
  scripted_node node;
  std::shared_ptr<scripted_cluster> bridge;
  {
    const std::lock_guard lock{state_->mutex};
    if (const auto had = state_->nodes.find(name); had != state_->nodes.end())
      former = had->second.id;
    node.id = {name, ++state_->last_incarnation};
    node.python = python.state_;
    node.pools = std::move(pools);
    state_->nodes.insert_or_assign(std::move(name), node);
    bridge = state_->of_bridge.lock();
  }
  if (bridge && former)
    bridge->lose(*former, "another process has its name", true);
  if (bridge)
    bridge->meet(node);
  return *this;
}

void fake_cluster::is_slow(std::string_view name,
                           std::chrono::nanoseconds time) {
  const std::lock_guard lock{state_->mutex};
  state_->find(name).way->take(time);
}

void fake_cluster::falls_silent(std::string_view name) {
  const std::lock_guard lock{state_->mutex};
  auto& node = state_->find(name);
  node.way->fall_silent();
  ++node.silences;
  if (const auto bridge = state_->of_bridge.lock())
    bridge->watch(node);
}

void fake_cluster::is_heard(std::string_view name) {
  std::shared_ptr<fake_way> way;
  std::optional<scripted_node> back;
  std::shared_ptr<scripted_cluster> bridge;
  {
    const std::lock_guard lock{state_->mutex};
    auto& node = state_->find(name);
    bridge = state_->of_bridge.lock();
    way = node.way;
    if (std::exchange(node.is_lost, false)) {
      node.way = std::make_shared<fake_way>();
      node.way->take(way->time());
      back = node;
    }
  }
  if (!back)
    way->pass_again();
  else if (bridge)
    bridge->meet(*back);
}

void fake_cluster::ends(std::string_view name) {
  node_id gone;
  std::shared_ptr<scripted_cluster> bridge;
  {
    const std::lock_guard lock{state_->mutex};
    gone = state_->find(name).id;
    state_->nodes.erase(state_->nodes.find(name));
    bridge = state_->of_bridge.lock();
  }
  if (bridge)
    bridge->lose(gone, "the connection has ended", true);
}

} // namespace snakebridge::testing
