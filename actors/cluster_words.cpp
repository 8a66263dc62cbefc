// What a node hears over its links and of itself, and what it does about it: as
// a member of its cluster, and as the directory.
#include "actors/cluster_node.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/settings.hpp"
#include "config/tunables.hpp"
#include "runtime/base/log.hpp"

namespace snakebridge {

using std::chrono::milliseconds;

namespace {

std::string bytes_of(const cluster_id& id) {
  std::string bytes;
  for (const auto half : {id.high, id.low})
    for (int shift = 56; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<char>(half >> shift & 0xffU));
  return bytes;
}

// Who was asked is no directory; the code says it to who asked.
constexpr auto no_directory = errc::unreachable;

error not_here(const std::string& name) {
  return {no_directory,
          fmt::format("node '{}' is not the directory of a cluster", name)};
}

} // namespace

void cluster_node::join_links() {
  links_->join(bytes_of(table_->cluster()));
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
  else if (const auto* word = std::get_if<stats_word>(&told))
    directory_->report(from, word->stats);
  else if (const auto* asked = std::get_if<cluster_question>(&told))
    tell(from, cluster_answer{asked->number, answer(*asked)});
  else if (std::holds_alternative<drain_word>(told))
    directory_->drains(from);
}

void cluster_node::say_hello() {
  if (!to_directory_ || *to_directory_ == self_
      || table_->now_is() != node_membership::state::apart)
    return;
  const auto said = table_->hello(load_of(stats()));
  hello_number_ = said.number;
  tell(*to_directory_, said);
}

// It was not admitted, or by nobody who could.
void cluster_node::try_again() {
  if (!to_directory_) {
    no_directories_.clear();
    for (const auto& each : links_->peers())
      meet_directory(each);
  }
  say_hello();
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
    return tell(from, hello_answer{said.number, not_here(self_.name)});
  said.address = said.listens ? dialable(said.address, address) : address;
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
    const auto& why = told.answer.error();
    if (why.code() == no_directory) {
      meet_another();
      if (to_directory_)
        return;
    }
    logger()->warn("node '{}' is not admitted: {}", self_.name, why.message());
    tell_joining(tl::unexpected{why});
    return in(milliseconds{limits::redial_ms_max}, &cluster_node::try_again);
  }
  if (told.answer->ends_first)
    return leave_cluster(*told.answer, after);
  table_->admitted(*told.answer);
  if (table_->now_is() != node_membership::state::joined)
    return;
  directory_name_ = to_directory_->name;
  join_links();
  if (told.answer->drains)
    start_drain(timeout_);
  last_stats_.reset(); // a directory may know of none
  tell_stats();
  tell_ended();
  tell_joining({});
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
  std::vector<std::string> done;
  std::erase_if(silent_, [&](const auto& each) {
    const auto& [node, address] = each;
    if (directory_ && directory_->is_silent(node))
      return false;
    done.push_back(address);
    return true;
  });
  for (const auto& each : done)
    undial(each);
}

result<std::vector<node_row>>
cluster_node::answer(const cluster_question& asked) {
  const auto now = around_.clock->now();
  using rows = std::vector<node_row>;
  switch (asked.what) {
  case cluster_question::kind::nodes:
    directory_->report(self_, stats());
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
    if (asked.what == cluster_question::kind::nodes)
      tell_stats();
    tell_directory(asked);
    hear_own(after);
  }
  auto answered = waits->wait(
    until, {}, {errc::deadline_exceeded, "the directory did not answer"});
  const lock_guard lock{mutex_};
  questions_.erase(asked.number);
  return answered;
}

// Where the directory is away the last that is known has to do.
result<std::string> cluster_node::place_call(const std::string& pool,
                                             const std::set<std::string>& but,
                                             steady_clock::time_point until) {
  bool is_due = false;
  {
    const lock_guard lock{mutex_};
    is_due = placement_.is_due(around_.clock->now());
  }
  auto told = is_due ? ask({}, until) : std::vector<node_row>{};
  std::optional<node_pool_stats> here;
  if (const auto* mine = around_.pools->find(pool))
    here = stats_of(*mine);
  const lock_guard lock{mutex_};
  if (is_due && told)
    placement_.learn(*std::move(told));
  else if (is_due && placement_.knows_none() && !here)
    return tl::unexpected{std::move(told).error()};
  return placement_.place(pool, self_.name, here, but);
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

node_pool_stats stats_of(const pool& of) {
  node_pool_stats now{.name = of.settings.name,
                      .takes_calls =
                        !of.calls->why_closed() && !of.calls->is_held()};
  for (const auto& [number, facts] : of.calls->look()) {
    if (facts.retired && !facts.ready)
      continue; // it is not in service
    ++now.interpreters;
    now.ready += facts.ready ? 1 : 0;
    now.waiting += facts.waiting;
    now.running += facts.host.running;
    now.calls += facts.calls;
    now.live_objects += facts.host.live_objects;
    now.deaths += facts.deaths;
    now.restarts += facts.restarts;
  }
  return now;
}

node_stats cluster_node::stats() const {
  node_stats now{.sessions = around_.sessions->size(), .pools = {}};
  for (const auto& each : around_.pools->all())
    now.pools.push_back(stats_of(each));
  return now;
}

void cluster_node::report() {
  report_later();
  tell_stats();
}

void cluster_node::tell_stats() {
  if (table_->now_is() != node_membership::state::joined)
    return;
  auto now = stats();
  if (last_stats_ == now)
    return;
  tell_directory(stats_word{now});
  last_stats_ = std::move(now);
}

void cluster_node::start_drain(milliseconds patience) {
  table_->drain();
  if (directory_)
    directory_->drains(self_);
  else
    tell_directory(drain_word{});
  const auto until = around_.clock->now() + patience;
  if (drained_at_ && *drained_at_ <= until)
    return; // it has been told to be done before
  drained_at_ = until;
  in(patience, &cluster_node::end_drained);
}

} // namespace snakebridge
