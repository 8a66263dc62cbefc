#include "actors/cluster_node.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "config/settings.hpp"
#include "config/tunables.hpp"
#include "runtime/base/log.hpp"

namespace snakebridge {

using std::chrono::milliseconds;

namespace {

std::uint64_t random_number() {
  std::random_device source;
  return std::uint64_t{source()} << 32U | source();
}

std::string bytes_of(const cluster_id& id) {
  std::string bytes;
  for (const auto half : {id.high, id.low})
    for (int shift = 56; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<char>(half >> shift & 0xffU));
  return bytes;
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

} // namespace

class cluster_node::provider final : public session_provider {
public:
  explicit provider(std::weak_ptr<cluster_node> of) : of_{std::move(of)} {}

  void open(const remote_open& wanted, on_remote_end ended,
            on_opened done) override {
    if (const auto here = of_.lock())
      here->serve(wanted, ended, done);
    else
      done(tl::unexpected{error{errc::shutting_down, "this node is stopping"}});
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
            random_number()} {}

cluster_node::~cluster_node() {
  stop();
}

result<void> cluster_node::start() {
  const link_settings links{
    .self = {.name = self_.name,
             .incarnation = self_.incarnation,
             .pools = names_of(*around_.pools)},
    .tls = {settings_.tls_certificate, settings_.tls_key, settings_.tls_ca},
    .peers_allowed = settings_.peers_allowed,
    .heartbeat_limit = settings_.heartbeat_limit,
    .payload_bytes_max = payload_bytes_max_};
  // Its events wait for what follows.
  const lock_guard lock{mutex_};
  links_ = std::make_shared<node_links>(
    links, events(), std::make_shared<provider>(weak_from_this()));
  if (!settings_.listen.empty()) {
    const auto port = links_->listen(settings_.listen);
    if (!port)
      return error{errc::startup_failed, port.error().message()};
    const auto host = settings_.listen.substr(0, settings_.listen.rfind(':'));
    address_ = fmt::format("{}:{}", host, *port);
  }
  table_.emplace(node_hello{.node = self_,
                            .address = address_,
                            .listens = !address_.empty(),
                            .pools = links.self.pools,
                            .cluster = {},
                            .held = {}});
  const bool leads = cluster_.directory.empty()
                       ? cluster_.join.empty()
                       : cluster_.directory == self_.name;
  if (leads) {
    directory_.emplace(cluster_id{random_number(), random_number()},
                       epochs_after(), cluster_.refused_is_dead);
    to_directory_ = self_;
    table_->admitted(
      *directory_->join(table_->hello(0), around_.clock->now()).answer);
    links_->join(bytes_of(directory_->cluster()));
  }
  for (const auto& each : cluster_.join)
    if (auto dialed = links_->dial(each); !dialed)
      return dialed;
  in(milliseconds{limits::load_report_ms}, &cluster_node::report_load);
  return {};
}

void cluster_node::stop() {
  std::shared_ptr<node_links> ending;
  {
    const lock_guard lock{mutex_};
    ending.swap(links_);
    lose_directory({errc::shutting_down, "this node is stopping"});
  }
  // What it still tells finds no links.
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

bool cluster_node::is_directory(const link_peer& peer) const {
  return !directory_
         && (cluster_.directory.empty() ? peer.is_dialed && !to_directory_
                                        : peer.who.name == cluster_.directory);
}

void cluster_node::on_up(const link_peer& peer) {
  afterwards after;
  const lock_guard lock{mutex_};
  const auto id = id_of(peer);
  if (directory_)
    for (const auto& [node, address] : silent_)
      if (node.name == id.name)
        directory_->dial_answered(node, id.incarnation);
  look_at_silent();
  for (const auto& each : links_wanted_)
    if (each.whom.name == id.name)
      each.waits->set(id);
  if (is_directory(peer)) {
    to_directory_ = id;
    say_hello();
  }
}

void cluster_node::on_lost(const link_peer& peer, const error& why) {
  afterwards after;
  const lock_guard lock{mutex_};
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
  const bool is_of_directory =
    std::find(cluster_.join.begin(), cluster_.join.end(), refused.address)
    != cluster_.join.end();
  if (refused.why == refusal::wrong_cluster && is_of_directory && !to_directory_
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
}

void cluster_node::on_told(const link_peer& peer, cluster_message told) {
  afterwards after;
  const lock_guard lock{mutex_};
  if (links_)
    hear(id_of(peer), peer.address, told, after);
  hear_own(after);
}

// --- What nodes tell each other ----------------------------------------------

void cluster_node::tell(const node_id& whom, const cluster_message& what) {
  if (whom == self_)
    own_.push_back(what);
  else if (links_)
    links_->tell(whom, what);
}

void cluster_node::tell_directory(const cluster_message& what) {
  if (to_directory_)
    tell(*to_directory_, what);
}

void cluster_node::hear_own(afterwards& after) {
  if (std::exchange(hears_own_, true))
    return;
  while (!own_.empty()) {
    auto told = std::move(own_.front());
    own_.pop_front();
    hear(self_, address_, told, after);
  }
  hears_own_ = false;
}

// A member is heard by the directory alone, and that by its members.
void cluster_node::hear(const node_id& from, const std::string& address,
                        cluster_message& told, afterwards& after) {
  const auto now = around_.clock->now();
  if (auto* said = std::get_if<node_hello>(&told))
    return on_hello(from, address, std::move(*said));
  if (to_directory_ == from) {
    if (const auto* answer = std::get_if<hello_answer>(&told))
      return on_admission(*answer, after);
    if (const auto* grant = std::get_if<session_grant>(&told))
      return on_grant(*grant, after);
    if (const auto* word = std::get_if<drain_word>(&told))
      return start_drain(word->patience);
    if (auto* answer = std::get_if<open_answer>(&told)) {
      if (const auto found = opens_.extract(answer->number))
        found.mapped()->set(std::move(answer->place));
      return;
    }
    if (auto* answer = std::get_if<cluster_answer>(&told)) {
      if (const auto found = questions_.extract(answer->number))
        found.mapped()->set(std::move(answer->nodes));
      return;
    }
  }
  if (!directory_)
    return;
  if (const auto* asked = std::get_if<open_request>(&told);
      asked && asked->opener == from)
    apply(directory_->open(*asked, now));
  else if (const auto* taken = std::get_if<grant_taken>(&told))
    apply(directory_->taken(from, taken->grant));
  else if (const auto* ended = std::get_if<grant_ended>(&told))
    apply(directory_->ended(from, ended->grant, ended->why));
  else if (const auto* word = std::get_if<load_word>(&told))
    directory_->report_load(from, word->load);
  else if (const auto* asked = std::get_if<cluster_question>(&told))
    tell(from, cluster_answer{asked->number, answer(*asked)});
  else if (std::holds_alternative<drain_word>(told))
    directory_->drains(from);
}

void cluster_node::say_hello() {
  if (!to_directory_ || *to_directory_ == self_
      || table_->now_is() != node_membership::state::apart)
    return;
  const auto said = table_->hello(load());
  hello_number_ = said.number;
  tell(*to_directory_, said);
}

// Something it held or used has ended: perhaps it may join again.
void cluster_node::rejoin() {
  if (links_ && table_->now_is() == node_membership::state::apart
      && table_->cluster() == cluster_id{})
    links_->join({});
  say_hello();
}

void cluster_node::on_hello(const node_id& from, const std::string& address,
                            node_hello said) {
  if (!directory_)
    return tell(from, hello_answer{said.number,
                                   invalid(fmt::format("node '{}' is not the "
                                                       "directory of a cluster",
                                                       self_.name))});
  if (!said.listens)
    said.address = address;
  if (said.node != from)
    return links_->close(from.name);
  // A former link has ended: a peer has one at a time.
  const auto welcome = directory_->join(said, around_.clock->now());
  apply(welcome.plan);
  look_at_silent();
  tell(from, hello_answer{said.number, welcome.answer});
}

void cluster_node::on_admission(const hello_answer& told, afterwards& after) {
  if (told.number != hello_number_
      || table_->now_is() != node_membership::state::apart)
    return;
  if (!told.answer) {
    logger()->warn("node '{}' is not admitted: {}", self_.name,
                   told.answer.error().message());
    return in(milliseconds{limits::redial_ms_max}, &cluster_node::say_hello);
  }
  if (told.answer->ends_first)
    return leave_cluster(*told.answer, after);
  table_->admitted(*told.answer);
  if (table_->now_is() != node_membership::state::joined)
    return;
  links_->join(bytes_of(table_->cluster()));
  if (told.answer->drains)
    start_drain(timeout_);
  tell_ended();
}

void cluster_node::apply(const directory_plan& plan) {
  for (const auto& [owner, grant] : plan.grants)
    tell(owner, grant);
  for (const auto& each : plan.answers)
    tell(each.opener, each);
  for (const auto& [node, address] : plan.redials) {
    silent_[node] = address;
    if (links_)
      static_cast<void>(links_->dial(address));
  }
}

// Those whose end is known, or who are back, need not be dialed any more.
void cluster_node::look_at_silent() {
  std::erase_if(silent_, [this](const auto& each) {
    const auto& [node, address] = each;
    if (directory_ && directory_->is_silent(node))
      return false;
    const auto& join = cluster_.join;
    if (links_ && std::find(join.begin(), join.end(), address) == join.end())
      links_->undial(address);
    return true;
  });
}

result<std::vector<node_row>>
cluster_node::answer(const cluster_question& asked) {
  const auto now = around_.clock->now();
  using rows = std::vector<node_row>;
  switch (asked.what) {
  case cluster_question::kind::nodes:
    return directory_->nodes(now);
  case cluster_question::kind::forget:
    return directory_->forget(asked.name).transform([&](const auto&) {
      look_at_silent();
      return rows{};
    });
  case cluster_question::kind::drain:
    return directory_->drain(asked.name, now).transform([&](const auto& whom) {
      tell(whom, drain_word{asked.patience});
      return rows{};
    });
  }
  return rows{};
}

result<std::vector<node_row>>
cluster_node::ask(cluster_question asked, steady_clock::time_point until) {
  const auto waits = std::make_shared<awaited<std::vector<node_row>>>();
  {
    afterwards after;
    const lock_guard lock{mutex_};
    if (auto may = table_->may_ask(); !may)
      return tl::unexpected{std::move(may).error()};
    asked.number = ++last_number_;
    questions_[asked.number] = waits;
    tell_directory(asked);
    hear_own(after);
  }
  auto answered = waits->wait(
    until, {}, {errc::deadline_exceeded, "the directory did not answer"});
  const lock_guard lock{mutex_};
  questions_.erase(asked.number);
  return answered;
}

// --- What it does of itself --------------------------------------------------

void cluster_node::in(milliseconds time, void (cluster_node::*then)()) {
  auto& clock = *around_.clock;
  clock.at(clock.now() + time, [weak = weak_from_this(), then] {
    const auto self = weak.lock();
    if (!self)
      return;
    afterwards after;
    const lock_guard lock{self->mutex_};
    if (!self->links_)
      return;
    ((*self).*then)();
    self->hear_own(after);
  });
}

std::uint64_t cluster_node::load() const {
  std::uint64_t sum = 0;
  for (const auto& each : around_.pools->all())
    for (const auto& [number, facts] : each.calls->look())
      sum += facts.waiting + facts.host.running;
  return sum;
}

void cluster_node::report_load() {
  in(milliseconds{limits::load_report_ms}, &cluster_node::report_load);
  const auto now = load();
  if (table_->now_is() == node_membership::state::joined
      && std::exchange(last_load_, now) != now)
    tell_directory(load_word{now});
}

void cluster_node::start_drain(milliseconds patience) {
  table_->drain();
  if (directory_)
    directory_->drains(self_);
  else
    tell_directory(drain_word{});
  if (!std::exchange(drains_, true))
    in(patience, &cluster_node::end_drained);
}

} // namespace snakebridge
