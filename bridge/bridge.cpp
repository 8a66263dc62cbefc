#include <snakebridge/bridge.hpp>

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include <snakebridge/actors.hpp>

#include "bridge/bridge_core.hpp"
#include "config/tunables.hpp"
#include "runtime/base/reached.hpp"
#include "runtime/base/thread_end.hpp"
#include "runtime/values/each_ref.hpp"

namespace snakebridge {

std::string_view version() {
  return SNAKEBRIDGE_VERSION;
}

std::uint64_t pool_stats::live_objects() const {
  std::uint64_t sum = 0;
  for (const auto& each : interpreters)
    sum += each.live_objects;
  return sum;
}

std::uint32_t pool_stats::restarts() const {
  std::uint32_t sum = 0;
  for (const auto& each : interpreters)
    sum += each.restarts;
  return sum;
}

std::uint64_t bridge_stats::live_objects() const {
  std::uint64_t sum = 0;
  for (const auto& each : pools)
    sum += each.live_objects();
  return sum;
}

std::uint64_t node_stats::live_objects() const {
  std::uint64_t sum = 0;
  for (const auto& each : pools)
    sum += each.live_objects;
  return sum;
}

bridge::bridge() : bridge{or_throw(load_config())} {}

bridge::bridge(config wanted)
    : bridge{or_throw(bridge_core::start(std::move(wanted), nullptr))} {}

bridge::bridge(caf::actor_system& system, config wanted)
    : bridge{or_throw(bridge_core::start(std::move(wanted), &system))} {}

bridge::bridge(std::shared_ptr<bridge_core> core)
    : caller{std::move(core), nullptr} {}

result<std::unique_ptr<bridge>> bridge::start(config wanted) {
  return bridge_core::start(std::move(wanted), nullptr)
    .transform(bridge_access::wrap);
}

bridge::~bridge() {
  if (core_->in_its_process() && thread_locals_are_gone())
    // A static one. What ends uses CAF, which uses those of its thread.
    std::thread{[this] { core_->stop(); }}.join();
  else if (core_->in_its_process())
    core_->stop();
  else // nor may its parts be destroyed by whoever is the last to hold them
    static_cast<void>(new std::shared_ptr{core_});
}

session bridge::open_session(session_options options) const {
  or_throw(core_->has_client_here());
  auto member = core_->new_client();
  const auto opened = or_throw(core_->open_session(options, *member));
  return {core_, opened, std::move(member)};
}

result<std::size_t> bridge::release_auto_session() const {
  if (auto ours = core_->has_client_here(); !ours)
    return tl::unexpected{std::move(ours).error()};
  auto& here = core_->client_of_this_thread();
  auto sessions = here.take_elsewhere();
  if (const auto own = here.own_session_if_any()) {
    here.forget_own_session();
    sessions.push_back(own);
  }
  result<std::size_t> objects = 0;
  for (const auto& each : sessions) {
    auto had = core_->all_sessions().release(each);
    if (objects)
      objects = had.transform([&](auto more) { return *objects + more; });
  }
  return objects;
}

result<std::size_t> bridge::release_session(std::string_view id) const {
  if (auto ours = core_->in_its_process(); !ours)
    return tl::unexpected{std::move(ours).error()};
  const auto found = core_->all_sessions().find(std::string{id});
  return found ? core_->all_sessions().release(found) : result<std::size_t>{0};
}

result<void> bridge::tool(std::string_view name, callback called) const {
  if (auto here = core_->in_its_process(); !here)
    return here;
  return reached(core_->tools().add(name, std::move(called)));
}

result<bool> bridge::remove_tool(std::string_view name) const {
  if (auto here = core_->in_its_process(); !here)
    return tl::unexpected{here.error()};
  return core_->tools().remove(name);
}

result<void> bridge::add_helpers(std::string_view name,
                                 std::string source) const {
  if (auto here = core_->in_its_process(); !here)
    return here;
  return reached(core_->helpers().add(name, std::move(source)));
}

result<bool> bridge::remove_helpers(std::string_view name) const {
  if (auto here = core_->in_its_process(); !here)
    return tl::unexpected{here.error()};
  return core_->helpers().remove(name);
}

result<std::uint16_t> bridge::listen(const listen_options& at) const {
  return reached(core_->listen(at));
}

result<void> bridge::join(std::string_view host, std::uint16_t port) const {
  return reached(core_->join(fmt::format("{}:{}", host, port)));
}

// What a forked child has of our locks may be held by nobody.
std::string bridge::node_name() const {
  return core_->in_its_process() ? core_->node_name() : std::string{};
}

std::string bridge::node_address() const {
  return core_->in_its_process() ? core_->node_address() : std::string{};
}

result<std::vector<node_facts>> bridge::nodes() const {
  return reached(core_->ask_cluster({}).transform([](const auto& rows) {
    std::vector<node_facts> all;
    for (const auto& each : rows)
      all.push_back({.name = each.node.name,
                     .address = each.address,
                     .incarnation = each.node.incarnation,
                     .now = static_cast<node_facts::state>(each.state),
                     .pools = each.pools,
                     .sessions = each.sessions,
                     .load = each.load,
                     .silent_for = each.silent_for,
                     .stats = each.stats});
    return all;
  }));
}

result<void> bridge::forget_node(std::string_view name) const {
  return reached(core_
                   ->ask_cluster({.what = cluster_question::kind::forget,
                                  .name = std::string{name}})
                   .transform([](const auto&) {}));
}

result<void> bridge::drain_node(std::string_view name,
                                std::chrono::milliseconds patience) const {
  return reached(core_
                   ->ask_cluster({.what = cluster_question::kind::drain,
                                  .name = std::string{name},
                                  .patience = std::clamp(
                                    patience, std::chrono::milliseconds{0},
                                    std::chrono::milliseconds{day_ms})})
                   .transform([](const auto&) {}));
}

result<void> bridge::drain_node(std::chrono::milliseconds patience) const {
  return drain_node(node_name(), patience);
}

bridge_stats bridge::stats() const {
  return core_->stats();
}

result<void> bridge::drain(std::string_view pool,
                           std::chrono::milliseconds patience) const {
  return core_->in_its_process().and_then(
    [&] { return core_->control().drain(pool, patience); });
}

result<void> bridge::resume(std::string_view pool) const {
  return core_->in_its_process().and_then(
    [&] { return core_->control().resume(pool); });
}

result<void> bridge::resize(std::string_view pool, std::uint32_t size,
                            std::chrono::milliseconds patience) const {
  return core_->in_its_process().and_then(
    [&] { return core_->control().resize(pool, size, patience); });
}

std::vector<std::string> bridge::pools() const {
  return core_->pool_names();
}

caf::actor_system& bridge::system() const {
  static_cast<void>(thread_locals_are_gone()); // the thread will use CAF's
  return core_->system();
}

session::session(std::shared_ptr<bridge_core> core,
                 std::shared_ptr<session_core> through,
                 std::shared_ptr<const client> member)
    : caller{std::move(core), std::move(through)},
      id_{session_->id()},
      member_{std::move(member)} {}

session_scope::session_scope(session inside)
    : inside_{std::move(inside)},
      around_{std::exchange(this_thread().options.session, {})} {
  this_thread().scopes.push_back({inside_.core_.get(), inside_.session_});
}

session_scope::~session_scope() {
  this_thread().scopes.pop_back();
  this_thread().options.session = around_;
}

runtime_scope::runtime_scope(call_options inside)
    : before_{this_thread().options} {
  overlay(this_thread().options, inside);
}

runtime_scope::~runtime_scope() {
  this_thread().options = std::move(before_);
}

ref_scope::ref_scope(const caller& through)
    : through_{through},
      around_{std::exchange(this_thread().refs, this)} {}

ref_scope::~ref_scope() {
  this_thread().refs = around_;
  through_.core_->let_go({made_.begin(), made_.end()});
}

bool ref_scope::covers(const caller& asking) const {
  return asking.core_ == through_.core_ && asking.session_ == through_.session_;
}

void ref_scope::take(const result<value>& answered) {
  each_ref(answered, [this](const ref& made) { made_.insert(made); });
}

void ref_scope::keep(const value& kept) {
  each_ref(kept, [this](const ref& each) {
    if (made_.erase(each) == 0)
      return;
    for (auto* scope = around_; scope != nullptr; scope = scope->around_)
      // Whatever calls it covers; another bridge cannot release the ref.
      if (scope->through_.core_ == through_.core_) {
        scope->made_.insert(each);
        return;
      }
  });
}

session_actor open_session(caf::local_actor* self, const bridge& on,
                           session_options options) {
  auto& core = bridge_access::core(on);
  or_throw(core.in_its_process());
  if (options.scope == scope::cluster)
    return or_throw(core.open_for(self->address(), options));
  return or_throw(core.all_sessions().open(options, self->address())).actor;
}

} // namespace snakebridge
