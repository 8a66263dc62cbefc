#include "actors/cluster_node.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "config/settings.hpp"
#include "config/tunables.hpp"

namespace snakebridge {

using std::chrono::milliseconds;

namespace {

std::uint64_t random_number() {
  std::random_device source;
  return std::uint64_t{source()} << 32U | source();
}

// It rises from one life of a directory to the next, unless the clock is set
// back by more than the former one has lived.
std::uint64_t epochs_after() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
           std::chrono::duration_cast<milliseconds>(since).count())
         * 16;
}

std::vector<std::string> names_of(const pools& all) {
  std::vector<std::string> names;
  for (const auto& each : all.all())
    names.push_back(each.settings.name);
  return names;
}

node_id id_of(const link_peer& peer) {
  return {peer.who.name, peer.who.incarnation};
}

error stopping() {
  return {errc::shutting_down, "this node is stopping"};
}

} // namespace

class cluster_node::provider final : public session_provider {
public:
  explicit provider(std::weak_ptr<cluster_node> of) : of_{std::move(of)} {}

  void open(const remote_open& wanted, on_remote_end ended,
            on_opened done) override {
    if (const auto here = of_.lock())
      here->serve(wanted, ended, done);
    else
      done(tl::unexpected{stopping()});
  }

private:
  const std::weak_ptr<cluster_node> of_;
};

cluster_node::cluster_node(const config& settings, node_surroundings around)
    : settings_{settings.node},
      cluster_{settings.cluster},
      payload_bytes_max_{settings.payload_bytes_max},
      timeout_{settings.timeout},
      on_event_{settings.on_event},
      around_{std::move(around)},
      self_{settings_.name.empty()
              ? fmt::format("node-{:016x}", random_number())
              : settings_.name,
            random_number()},
      directory_name_{cluster_.directory} {}

cluster_node::~cluster_node() {
  stop();
}

// --- It begins and ends ------------------------------------------------------

result<void> cluster_node::start() {
  if (settings_.listen.empty() && cluster_.join.empty())
    return {};
  const lock_guard lock{mutex_};
  if (auto begun = begin(own_files()); !begun)
    return begun;
  if (!settings_.listen.empty())
    if (const auto port = listen_first(settings_.listen); !port)
      return error{errc::startup_failed, port.error().message()};
  if (cluster_.directory.empty() ? cluster_.join.empty()
                                 : cluster_.directory == self_.name)
    lead();
  for (const auto& each : cluster_.join) {
    join_.push_back(each);
    if (auto dialed = links_->dial(each); !dialed)
      return dialed;
  }
  report_later();
  return {};
}

tls_files cluster_node::own_files() const {
  return {settings_.tls_certificate, settings_.tls_key, settings_.tls_ca};
}

// Its links tell nothing before the lock is free.
result<void> cluster_node::begin(const tls_files& tls) {
  if (has_stopped_)
    return stopping();
  tls_ = tls;
  const link_settings links{.self = {.name = self_.name,
                                     .incarnation = self_.incarnation,
                                     .pools = names_of(*around_.pools)},
                            .tls = tls,
                            .peers_allowed = settings_.peers_allowed,
                            .heartbeat_limit = settings_.heartbeat_limit,
                            .payload_bytes_max = payload_bytes_max_};
  try {
    values_ = std::make_shared<value_thread>();
    links_ = std::make_shared<node_links>(
      links, events(), std::make_shared<provider>(weak_from_this()));
  } catch (const std::exception& failed) { // no thread, or no descriptor
    return error{
      errc::startup_failed,
      fmt::format("the links of this node cannot start: {}", failed.what())};
  }
  table_.emplace(node_hello{.node = self_,
                            .address = {},
                            .pools = links.self.pools,
                            .cluster = {},
                            .held = {}});
  return {};
}

// With the lock: nobody has linked with it, so no event waits for that while
// this waits for the loop.
result<std::uint16_t> cluster_node::listen_first(const std::string& address) {
  auto port = links_->listen(address);
  if (port) {
    address_ =
      fmt::format("{}:{}", address.substr(0, address.rfind(':')), *port);
    table_->listens_at(address_);
  }
  return port;
}

void cluster_node::lead() {
  directory_.emplace(cluster_id{random_number(), random_number()},
                     epochs_after(), cluster_.refused_is_dead);
  to_directory_ = self_;
  table_->admitted(
    *directory_->join(table_->hello(0), around_.clock->now()).answer);
  join_links();
}

result<std::uint16_t> cluster_node::listen(const std::string& address,
                                           const tls_files& tls) {
  if (const auto wrong = wrong_with_address(address))
    return invalid(fmt::format("{:?}: {}", address, *wrong));
  std::shared_ptr<node_links> links, unused;
  {
    const lock_guard lock{mutex_};
    if (!links_) {
      if (auto begun = begin(tls.empty() ? own_files() : tls); !begun)
        return tl::unexpected{std::move(begun).error()};
      auto port = listen_first(address);
      if (!port) {
        unused.swap(links_);
        table_.reset();
        return port;
      }
      lead();
      report_later();
      return port;
    }
    if (!tls.empty() && tls != tls_)
      return invalid("its links have other certificates already");
    if (!address_.empty())
      return invalid(fmt::format("this node listens at {} already", address_));
    links = links_;
  }
  // Its links may have something to tell, for which they need the lock.
  const auto port = links->listen(address);
  if (!port)
    return port;
  const lock_guard lock{mutex_};
  if (!links_)
    return stopping();
  address_ = fmt::format("{}:{}", address.substr(0, address.rfind(':')), *port);
  table_->listens_at(address_);
  if (join_.empty() && !directory_) {
    lead(); // it wanted to join, and could not
  } else if (table_->now_is() == node_membership::state::joined) {
    table_->lost(); // to say hello once more, which has the address
    say_hello();
  }
  return port;
}

result<void> cluster_node::join(const std::string& address,
                                steady_clock::time_point until) {
  if (const auto wrong = wrong_with_address(address))
    return invalid(fmt::format("{:?}: {}", address, *wrong));
  const auto waits = std::make_shared<awaited<void>>();
  {
    const lock_guard lock{mutex_};
    if (!links_) {
      if (auto begun = begin(own_files()); !begun)
        return begun;
      report_later();
    }
    if (directory_)
      if (auto done = stop_leading(); !done)
        return done;
    auto dialed = links_->dial(address);
    if (dialed)
      join_.push_back(address);
    if (dialed && table_->now_is() == node_membership::state::joined)
      return {};
    if (!dialed)
      waits->set(std::move(dialed));
    joining_.push_back({address, waits});
  }
  auto joined =
    waits->wait(until, {},
                {errc::deadline_exceeded,
                 fmt::format("there was no answer from {}", address)});
  const lock_guard lock{mutex_};
  std::erase_if(joining_,
                [&](const auto& each) { return each.waits == waits; });
  if (!joined) {
    std::erase(join_, address);
    undial(address);
    // It led a cluster of its own before: without a directory nobody could open
    // a session here, for which it listens.
    if (links_ && !directory_ && !address_.empty() && join_.empty()
        && table_->now_is() == node_membership::state::apart) {
      if (to_directory_)
        links_->close(to_directory_->name); // which did not answer in time
      lead();
    }
  }
  return joined;
}

// A node that listens leads a cluster of its own until it joins another.
result<void> cluster_node::stop_leading() {
  if (cluster_.directory == self_.name || directory_->sessions() > 0
      || directory_->nodes(around_.clock->now()).size() > 1)
    return invalid(fmt::format("node '{}' is the directory of a cluster: it "
                               "cannot join another",
                               self_.name));
  directory_.reset();
  to_directory_.reset();
  table_.emplace(node_hello{.node = self_,
                            .address = address_,
                            .listens = true,
                            .pools = names_of(*around_.pools),
                            .cluster = {},
                            .held = {}});
  links_->join({});
  return {};
}

bool cluster_node::has_begun() const {
  const lock_guard lock{mutex_};
  return table_.has_value();
}

std::string cluster_node::address() const {
  const lock_guard lock{mutex_};
  return address_;
}

void cluster_node::stop() {
  std::shared_ptr<value_thread> values;
  {
    std::shared_ptr<node_links> ending;
    const lock_guard lock{mutex_};
    has_stopped_ = true;
    values = values_;
    ending.swap(links_); // and what it still tells finds none
    lose_directory(stopping());
    for (const auto& each : links_wanted_)
      each.waits->set(tl::unexpected{stopping()});
    tell_joining(stopping());
  }
  if (values)
    values->stop(); // what it reads is answered
}

link_events cluster_node::events() {
  // They live no longer than the links, and those no longer than `stop`.
  return {
    .on_up = [this](const link_peer& peer) { on_up(peer); },
    .on_lost = [this](const link_peer& peer,
                      const error& why) { on_lost(peer, why); },
    .on_refused = [this](const link_refused& refused) { on_refused(refused); },
    .on_told =
      [this](const link_peer& peer, cluster_message told) {
        on_told(peer, std::move(told));
      }};
}

// --- What becomes of links ---------------------------------------------------

bool cluster_node::is_joined(const std::string& address) const {
  return std::find(join_.begin(), join_.end(), address) != join_.end();
}

// Of those it joins it takes one after the other for the directory, until one
// does not say that it is none. The directory dials who is silent, so that its
// link may be up before ours: it is known by its name, too.
bool cluster_node::is_directory(const link_peer& peer) const {
  if (directory_ || no_directories_.contains(id_of(peer)))
    return false;
  const bool is_asked =
    cluster_.directory.empty() && peer.is_dialed && is_joined(peer.address);
  return is_asked || peer.who.name == directory_name_;
}

void cluster_node::meet_directory(const link_peer& peer) {
  if (to_directory_ || !is_directory(peer))
    return;
  to_directory_ = id_of(peer);
  say_hello();
}

// The one it said hello to is no directory.
void cluster_node::meet_another() {
  if (no_directories_.size() >= limits::nodes_max)
    no_directories_.clear();
  const auto none = *std::exchange(to_directory_, std::nullopt);
  no_directories_.insert(none);
  if (directory_name_ == none.name)
    directory_name_ = cluster_.directory;
  for (const auto& each : links_->peers())
    meet_directory(each);
}

void cluster_node::on_up(const link_peer& peer) {
  afterwards after;
  const lock_guard lock{mutex_};
  if (!links_)
    return;
  const auto id = id_of(peer);
  if (directory_)
    for (const auto& [node, address] : silent_)
      if (node.name == id.name)
        directory_->dial_answered(node, id.incarnation);
  look_at_silent();
  for (const auto& each : links_wanted_)
    if (each.whom.name == id.name)
      each.waits->set(id);
  meet_directory(peer);
}

void cluster_node::on_lost(const link_peer& peer, const error& why) {
  afterwards after;
  const lock_guard lock{mutex_};
  no_directories_.erase(id_of(peer));
  if (directory_)
    apply(directory_->lost(id_of(peer), around_.clock->now()));
  if (to_directory_ == id_of(peer))
    lose_directory(why);
  hear_own(after);
}

void cluster_node::lose_directory(const error& why) {
  to_directory_.reset();
  if (table_)
    table_->lost();
  const error lost{
    errc::node_down,
    fmt::format("the directory is out of reach: {}", why.message())};
  for (const auto& [number, each] : std::exchange(opens_, {}))
    each->set(tl::unexpected{lost});
  for (const auto& [number, each] : std::exchange(questions_, {}))
    each->set(tl::unexpected{lost});
}

void cluster_node::on_refused(const link_refused& refused) {
  afterwards after;
  const lock_guard lock{mutex_};
  if (!refused.is_dialed || !links_)
    return;
  if (directory_ && refused.why == refusal::refused)
    for (const auto& [node, address] : silent_)
      if (address == refused.address)
        directory_->dial_refused(node);
  look_at_silent();
  const bool joins = is_joined(refused.address) && !to_directory_;
  if (refused.why == refusal::already_linked && joins
      && cluster_.directory.empty()) {
    // It has dialed us, so that only now we know who it is.
    directory_name_ = refused.name;
    for (const auto& each : links_->peers())
      meet_directory(each);
  }
  if (refused.why == refusal::wrong_cluster && joins
      && table_->now_is() == node_membership::state::apart)
    leave_cluster({.cluster = {}, .ends_first = true}, after);
  // Both sides may have dialed at once: the other link comes up.
  if (refused.why != refusal::already_linked)
    tell_waiting(refused);
  hear_own(after);
}

void cluster_node::tell_waiting(const link_refused& refused) {
  for (const auto& each : links_wanted_)
    if (each.address == refused.address)
      each.waits->set(tl::unexpected{error{
        errc::node_down, fmt::format("node '{}' at {}: {}", each.whom.name,
                                     each.address, refused.told.message())}});
  if (refused.why != refusal::wrong_cluster) // it leaves the former one first
    for (const auto& each : joining_)
      if (each.address == refused.address)
        each.waits->set(tl::unexpected{refused.told});
}

void cluster_node::tell_joining(const result<void>& outcome) {
  for (const auto& each : joining_)
    each.waits->set(outcome);
}

// Nobody here needs a link with who is there any more. One that is up stays.
void cluster_node::undial(const std::string& address) {
  const auto is_there = [&](const auto& all) {
    return std::any_of(all.begin(), all.end(), [&](const auto& each) {
      return each.address == address;
    });
  };
  const bool is_silent =
    std::any_of(silent_.begin(), silent_.end(),
                [&](const auto& each) { return each.second == address; });
  if (links_ && !is_joined(address) && !is_silent && !is_there(links_wanted_)
      && !is_there(joining_))
    links_->undial(address);
}

void cluster_node::on_told(const link_peer& peer, cluster_message told) {
  afterwards after;
  const lock_guard lock{mutex_};
  if (links_)
    hear(id_of(peer), peer.address, told, after);
  hear_own(after);
}

} // namespace snakebridge
