#include "bridge/bridge_core.hpp"

#include <algorithm>
#include <atomic>
#include <set>
#include <tuple>

#include <caf/scoped_actor.hpp>
#include <fmt/format.h>
#include <snakebridge/environment.hpp>

#include "actors/cluster_node.hpp"
#include "actors/manual_system.hpp"
#include "actors/opening_session.hpp"
#include "actors/system_visit.hpp"
#include "bridge/continuation_place.hpp"
#include "bridge/held_object.hpp"
#include "bridge/tree.hpp"
#include "config/settings.hpp"
#include "config/tunables.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/reached.hpp"
#include "runtime/base/thread_end.hpp"

namespace snakebridge {

namespace {

constexpr std::chrono::milliseconds step_max{limits::bridge_step_ms_max};

std::chrono::milliseconds longest_stop(const config& settings) {
  std::chrono::milliseconds longest{0};
  for (const auto& each : settings.pools)
    longest = std::max(longest, each.stop_timeout);
  return longest;
}

// The log tells of all that happens; who listens hears of it besides.
void make_verbose(config& settings) {
  be_verbose();
  settings.on_event = verbose_listener(std::move(settings.on_event));
  if (settings.session_cleanup_log_level == log_level::off)
    settings.session_cleanup_log_level = log_level::debug;
}

// Reads files alone, as asking programs takes longer than a start may, unless
// what they do not know of an accelerator would refuse it.
result<void> verify_at_start(const config& settings) {
  auto drifts =
    verify_environments(settings, probe_hardware({.runs_programs = false}));
  if (!refused_by(drifts))
    drifts = verify_environments(settings);
  for (const auto& each : drifts)
    if (each.is_warning)
      logger()->warn("{}: {}", each.name, each.message);
  return refused_by(drifts);
}

// Why an interpreter of the pool died: the cause, where others know only that
// their pool gave up.
std::optional<error> first_death(const pool& of) {
  for (const auto& [number, facts] : of.calls->look())
    if (facts.last_death)
      return facts.last_death;
  return {};
}

std::shared_ptr<cluster> make_node(const config& settings,
                                   const bridge_parts& parts,
                                   node_surroundings around) {
  if (parts.as_node)
    return parts.as_node(settings, std::move(around));
  return std::make_shared<cluster_node>(settings, std::move(around));
}

} // namespace

bridge_core::bridge_core(config checked, caf::actor_system* users,
                         bridge_parts parts)
    : settings_{std::move(checked)},
      own_system_{users ? nullptr : std::make_unique<own_system>()},
      system_{users ? users : &own_system_->get()},
      threads_{std::make_shared<live_threads>()},
      clock_{parts.clock ? std::move(parts.clock)
                         : std::make_shared<thread_timers>()},
      callback_threads_{
        std::make_shared<background>(settings_.callback_threads)},
      // Fake hosts take operations as they are.
      pools_{std::make_shared<const pools>(
        settings_.pools, clock_, parts.hosts ? 0 : settings_.payload_bytes_max,
        settings_.on_event)},
      helpers_{
        std::make_shared<helper_sources>(settings_.helpers.inline_enabled)},
      // They may outlive us, as Python may that was given up.
      tools_{std::make_shared<snakebridge::tools>(
        [known = pools_, write = settings_.on_output
                                   ? settings_.on_output
                                   : log_output](log_line line) {
          if (const auto* from = known->of(line.interpreter))
            line.pool = from->settings.name;
          try {
            write(line);
          } catch (const std::exception& failed) {
            logger()->error("on_output threw: {}", failed.what());
          } catch (...) {
            logger()->error("on_output threw what is no std::exception");
          }
        },
        helpers_)},
      profiles_{std::make_shared<const timeout_profiles>(settings_)},
      hosts_{parts.hosts ? parts.hosts(*system_)
                         : real_hosts(settings_, threads_)},
      sessions_{std::make_shared<sessions>(
        *system_, pools_,
        session_rules{.timeout = settings_.timeout,
                      .errors = settings_.error_mode,
                      .refs = settings_.refs,
                      .streams = settings_.streams,
                      .helpers_given = helpers_->changes(),
                      .profiles = profiles_,
                      .cleanup_log = settings_.session_cleanup_log_level},
        [this](const session_ptr& of) {
          return std::make_shared<const detail::continuation_place>(
            shared_from_this(), of);
        })},
      clients_{std::make_shared<clients>()},
      node_{make_node(settings_, parts,
                      {*system_, clients_, sessions_, pools_, clock_,
                       [threads = callback_threads_](auto todo) {
                         threads->run(std::move(todo));
                       }})} {}

bridge_core::~bridge_core() {
  stop();
}

result<std::shared_ptr<bridge_core>>
bridge_core::start(config wanted, caf::actor_system* users,
                   bridge_parts parts) {
  using core_result = result<std::shared_ptr<bridge_core>>;
  static_cast<void>(thread_locals_are_gone()); // it may end where they are
  const system_visit visit;
  auto settings = checked(std::move(wanted));
  if (!settings)
    return reached(core_result{tl::unexpected{settings.error()}});
  if (settings->verbose)
    make_verbose(*settings);
  if (settings->verify_at_start)
    if (auto same = verify_at_start(*settings); !same)
      return reached(core_result{tl::unexpected{std::move(same).error()}});
  const auto patience = parts.patience;
  auto core = std::make_shared<bridge_core>(std::move(*settings), users,
                                            std::move(parts));
  auto started = core->start_tree()
                   .and_then([&] { return core->wait_ready(patience); })
                   .and_then([&] { return core->node_->start(); });
  if (started) {
    core->tell_verbosely("the bridge has started");
    return core;
  }
  core->stop();
  return reached(core_result{tl::unexpected{started.error()}});
}

result<void> bridge_core::not_in_its_process() {
  return reached(result<void>{
    error{errc::shutting_down,
          "this process was forked from the one that started the bridge, and "
          "has none of its threads; start a bridge of its own here"}});
}

// Its client is an actor, and what makes actors uses thread-locals of CAF.
result<void> bridge_core::has_client_here() const {
  if (auto ours = in_its_process(); !ours)
    return ours;
  if (!this_thread().is_late)
    return {};
  return reached(result<void>{
    error{errc::shutting_down,
          "this thread has ended, and its own session with it: what destroys "
          "its thread-locals, or statics, can call in a session that was "
          "opened before"}});
}

result<void> bridge_core::start_tree() {
  auto adopt_by = [all = std::weak_ptr{sessions_}](const caf::actor& adopter) {
    const auto here = all.lock();
    if (!here)
      return;
    here->adopt_with([adopter](caf::actor session) {
      caf::anon_send(adopter, start_child_atom::value,
                     child_factory{[session](caf::event_based_actor*) {
                       return caf::expected<caf::actor>{session};
                     }});
    });
  };
  auto root = spawn_idle_supervisor(
    *system_, root_spec(*pools_, hosts_, std::move(adopt_by)));
  if (!root)
    return tl::unexpected{error{errc::config_invalid, describe(root.error())}};
  root_ = std::move(*root);
  result<void> started;
  const caf::scoped_actor self{*system_};
  auto up = self->request(root_, step_max, await_started_atom::value);
  run_by_hand(*system_);
  up.receive(
    [] {},
    [&](const caf::error& failed) {
      started = tl::unexpected{error{errc::startup_failed, describe(failed)}};
    });
  return started;
}

result<void> bridge_core::wait_ready(
  std::optional<std::chrono::milliseconds> patience) const {
  const auto began = clock_->now();
  for (const auto& pool : pools_->all()) {
    const auto deadline = ready_by(pool, began, patience);
    for (const auto number : pool.calls->in_service())
      if (auto ready = pool.calls->wait_ready(number, deadline); !ready)
        return tl::unexpected{first_death(pool).value_or(ready.error())};
  }
  return {};
}

result<void>
bridge_core::wait_up(std::optional<std::chrono::milliseconds> patience) const {
  const auto began = clock_->now();
  for (const auto& pool : pools_->all()) {
    const auto deadline = ready_by(pool, began, patience);
    for (const auto number : pool.calls->in_service())
      if (auto up = pool.calls->wait_up(number, deadline); !up)
        return up;
  }
  return {};
}

steady_clock::time_point
bridge_core::ready_by(const pool& of, steady_clock::time_point began,
                      std::optional<std::chrono::milliseconds> patience) const {
  return patience ? began + *patience
                  : clock_->now() + of.settings.start_timeout + step_max;
}

void bridge_core::stop() {
  const auto root = std::exchange(root_, nullptr);
  if (!root)
    return;
  const system_visit visit;
  sessions_->close();
  // Who waits in a queue hears of it now; what runs may finish.
  const error stopping{errc::shutting_down, "the bridge is stopping"};
  for (const auto& pool : pools_->all())
    pool.calls->close(stopping);
  if (run_by_hand(*system_)) {
    sessions_->end_all(std::chrono::milliseconds{0});
    run_by_hand(*system_);
  }
  if (!sessions_->end_all(step_max))
    logger()->error("a session did not end in time");
  node_->stop();
  // All at once: in turn, as supervisors stop their children, each would have
  // its stop timeout after the other.
  for (const auto& pool : pools_->all())
    pool.calls->stop_hosts();
  {
    const caf::scoped_actor self{*system_};
    self->monitor(root);
    caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
    run_by_hand(*system_);
    bool ended = false;
    self->receive([&](const caf::down_msg&) { ended = true; },
                  caf::after(longest_stop(settings_) + step_max) >> [] {});
    if (!ended)
      logger()->error("the bridge's supervision tree did not stop in time");
  }
  sessions_->adopt_with({});
  clients_->end_all();
  if (!threads_->wait_for_none(
        std::chrono::milliseconds{limits::death_wait_ms_max}))
    logger()->error("an interpreter did not end in time and is abandoned");
  // What goes on with the last answers has a bridge that refuses all.
  if (auto gone = tools_->end(); !gone.empty())
    callback_threads_->run([kept = std::make_shared<std::vector<callback>>(
                              std::move(gone))] { kept->clear(); });
  if (!callback_threads_->stop(step_max))
    logger()->error("a callback of the program has not ended in time");
  clock_->stop();
  run_by_hand(*system_);
  tell_verbosely("the bridge has stopped");
  // Here and not with the last caller, whose thread may be one of the system's.
  if (own_system_)
    own_system::end(std::move(own_system_));
}

void bridge_core::tell_verbosely(std::string_view what) const {
  if (settings_.verbose)
    logger()->debug("{}; its pools: {}", what, fmt::join(pool_names(), ", "));
}

thread_client& bridge_core::client_of_this_thread() {
  auto& known = this_thread().memberships;
  for (const auto& each : known)
    if (each.of == this && !each.living.expired())
      return *each.client;
  std::erase_if(known, [](const auto& each) { return each.living.expired(); });
  auto made = std::make_shared<thread_client>(*system_, clients_, sessions_);
  known.push_back({this, weak_from_this(), made});
  return *made;
}

namespace {

tl::unexpected<error> no_node() {
  return invalid("this bridge is no node of a cluster: let it listen, or join "
                 "one");
}

error no_thread_for(const std::string& id) {
  return {errc::deadline_exceeded,
          fmt::format("session '{}' was not opened in time: callbacks of this "
                      "program keep all its callback threads busy",
                      id)};
}

} // namespace

result<session_ptr> bridge_core::open_session(const session_options& wanted,
                                              client& member) {
  if (wanted.scope == scope::bridge)
    return member.open(wanted);
  if (!node_->has_begun())
    return no_node();
  auto as_configured = this_thread().options;
  return node_->open(wanted, member.address(), as_configured)
    .transform([&](const opened_session& opened) {
      member.own(opened.core);
      return opened.core;
    });
}

result<session_actor> bridge_core::open_for(const caf::actor_addr& owner,
                                            const session_options& wanted) {
  if (!node_->has_begun())
    return no_node();
  auto joined = sessions_->join(wanted.id, owner);
  if (!joined)
    return tl::unexpected{std::move(joined).error()};
  if (joined->core)
    return joined->actor;
  const auto opening = spawn_opening_session(*system_, owner);
  if (is_run_by_hand(*system_)) { // where nothing waits
    call_options rest{.timeout = settings_.timeout};
    end_opening(opening, node_->open(wanted, owner, rest)
                           .transform([](const opened_session& opened) {
                             return opened.actor;
                           }));
    return opening;
  }
  // Who takes it answers: the first thread that is free, or the timer where
  // none was in time.
  const auto is_taken = std::make_shared<std::atomic<bool>>(false);
  const auto until = clock_->now() + settings_.timeout;
  const auto late = clock_->at(until, [is_taken, opening, id = wanted.id] {
    if (!is_taken->exchange(true))
      end_opening(opening, tl::unexpected{no_thread_for(id)});
  });
  callback_threads_->run(
    [self = shared_from_this(), is_taken, until, late, opening, owner, wanted] {
      if (is_taken->exchange(true))
        return;
      self->clock_->cancel(late);
      call_options rest{.timeout = std::chrono::ceil<std::chrono::milliseconds>(
                          until - self->clock_->now())};
      end_opening(opening, self->node_->open(wanted, owner, rest)
                             .transform([](const opened_session& opened) {
                               return opened.actor;
                             }));
    });
  return opening;
}

result<std::uint16_t> bridge_core::listen(const listen_options& at) const {
  if (auto here = in_its_process(); !here)
    return tl::unexpected{std::move(here).error()};
  const auto some =
    at.tls.certificate.empty() || at.tls.key.empty() || at.tls.ca.empty();
  if (some && !at.tls.empty())
    return invalid("tls: certificate, key and ca must be given all three, or "
                   "none of them");
  if (!at.tls.empty() && settings_.node.name.empty())
    return invalid("tls: a certificate needs node.name, one of its names");
  return node_->listen(fmt::format("{}:{}", at.host, at.port), at.tls);
}

result<void> bridge_core::join(const std::string& address) const {
  if (auto here = in_its_process(); !here)
    return here;
  return node_->join(address, clock_->now() + settings_.timeout);
}

result<std::vector<node_row>>
bridge_core::ask_cluster(cluster_question asked) const {
  if (auto here = in_its_process(); !here)
    return tl::unexpected{std::move(here).error()};
  if (!node_->has_begun())
    return no_node();
  return node_->ask(std::move(asked), clock_->now() + settings_.timeout);
}

std::shared_ptr<client> bridge_core::new_client() {
  return std::make_shared<client>(*system_, clients_, sessions_);
}

// Sets `found` to the object's session if this thread may use it.
std::optional<error> bridge_core::session_of_object(const operation& asked,
                                                    session_ptr& found) {
  const auto* object = first_ref(asked);
  if (object == nullptr)
    return {};
  if (object->session.empty())
    return error{errc::ref_invalid,
                 "a ref of no session: use one that a call has answered"};
  const auto of = sessions_->find(object->session);
  if (!of && !object->node.empty() && object->node != node_name())
    return error{
      errc::ref_foreign,
      fmt::format("the object is in session '{}' on node '{}', which "
                  "is not open here: open it, with scope::cluster",
                  object->session, object->node)};
  if (!of)
    return error{errc::ref_released,
                 fmt::format("session '{}' has ended, and its objects with it; "
                             "make the object again",
                             object->session)};
  if (of->is_shared() || client_of_this_thread().owns(of))
    found = of;
  return {};
}

result<session_ptr> bridge_core::choose(const operation& asked,
                                        const std::string& session,
                                        call_options& of_call) {
  if (auto here = has_client_here(); !here)
    return tl::unexpected{std::move(here).error()};
  if (!session.empty())
    return client_of_this_thread().join(session, of_call);
  session_ptr found;
  if (auto gone = session_of_object(asked, found))
    return tl::unexpected{std::move(*gone)};
  if (found)
    return found;
  const auto& scopes = this_thread().scopes;
  for (auto each = scopes.rbegin(); each != scopes.rend(); ++each)
    if (each->of == this)
      return each->calls;
  return may_go_elsewhere(asked, of_call)
           ? session_anywhere(of_call)
           : client_of_this_thread().own_session(of_call);
}

// To name a pool that only other nodes have is to ask for them.
bool bridge_core::may_go_elsewhere(const operation& asked,
                                   const call_options& of_call) const {
  const auto* here = pools_->find(of_call.pool);
  if (here != nullptr && !settings_.cluster.spread_calls)
    return false;
  const auto how = of_call.affinity.value_or(here ? here->settings.affinity
                                                  : affinity::strict_queue);
  return how == affinity::hint && may_run_anywhere(asked)
         && first_ref(asked) == nullptr && node_->has_begun();
}

// A node that has just gone is still known as up: then it is another's.
result<session_ptr> bridge_core::session_anywhere(call_options& of_call) {
  const std::string pool = of_call.pool.empty() ? "default" : of_call.pool;
  const auto limit = time_limit(of_call, settings_.timeout);
  const auto until = clock_->now() + limit;
  std::set<std::string> gone;
  std::optional<error> why;
  for (;;) {
    const auto node = node_->place_call(pool, gone, until);
    if (!node)
      return tl::unexpected{why.value_or(node.error())};
    of_call.timeout = std::clamp(
      std::chrono::ceil<std::chrono::milliseconds>(until - clock_->now()),
      std::chrono::milliseconds{0}, limit);
    auto opened = *node == node_->name()
                    ? client_of_this_thread().own_session(of_call)
                    : open_at(*node, of_call);
    if (opened || opened.error().code() != errc::node_down)
      return opened;
    why = std::move(opened).error();
    gone.insert(*node);
  }
}

// A session of the thread's own there, whose objects end as those of its own
// session here do.
result<session_ptr> bridge_core::open_at(const std::string& node,
                                         call_options& of_call) {
  auto& here = client_of_this_thread();
  if (of_call.pool.empty())
    of_call.pool = "default";
  if (auto there = here.session_at(node))
    return there;
  const auto own = here.own_session(of_call);
  if (!own)
    return own;
  const auto until = clock_->now() + time_limit(of_call, settings_.timeout);
  const session_options wanted{.id = fmt::format("{}@{}", (*own)->id(), node),
                               .scope = scope::cluster,
                               .at = node,
                               .pool = of_call.pool};
  auto opened = node_->open(wanted, here.address(), of_call);
  if (!opened)
    return tl::unexpected{std::move(opened).error()};
  of_call.timeout = std::max(
    std::chrono::ceil<std::chrono::milliseconds>(until - clock_->now()),
    std::chrono::milliseconds{0});
  here.own_at(node, opened->core);
  return opened->core;
}

namespace {

// What it held that is gone already is what was wanted.
void release_now_or_later(session_core& of, operation asked,
                          std::chrono::milliseconds patience) {
  call_options waits{.timeout = patience, .affinity = affinity::strict_queue};
  const auto outcome = of.run(std::move(asked), waits);
  if (outcome || outcome.error().code() != errc::deadline_exceeded)
    return;
  waits.timeout = std::chrono::milliseconds{day_ms};
  of.submit(std::move(asked), waits, [](const result<value>&) {});
}

} // namespace

void bridge_core::let_go(std::vector<ref> refs) {
  if (process_.forked())
    return; // they are our parent's
  // Of one incarnation at a time: it takes them in one message. An id has had
  // other sessions, which are refused as a whole.
  const auto place = [](const ref& each) {
    return std::tie(each.session, each.node, each.session_epoch,
                    each.interpreter, each.epoch);
  };
  std::sort(refs.begin(), refs.end(), [&](const ref& left, const ref& right) {
    return place(left) < place(right);
  });
  const auto until = clock_->now() + settings_.timeout;
  for (auto first = refs.begin(); first != refs.end();) {
    const auto last = std::find_if(first, refs.end(), [&](const ref& each) {
      return place(each) != place(*first);
    });
    if (const auto of = sessions_->find(first->session)) {
      operation asked{.what = verb::release, .target = *first};
      std::transform(first + 1, last, std::back_inserter(asked.slots),
                     [](const ref& each) { return each.slot; });
      release_now_or_later(
        *of, std::move(asked),
        std::chrono::ceil<std::chrono::milliseconds>(until - clock_->now()));
    }
    first = last;
  }
}

result<session_ptr> bridge_core::session_for(const operation& asked,
                                             const call_options& options,
                                             const session_ptr& through,
                                             call_options& effective) {
  overlay(effective, this_thread().options);
  overlay(effective, options);
  if (through)
    if (auto here = in_its_process(); !here)
      return tl::unexpected{std::move(here).error()};
  const auto times = profiles_->of(asked, effective);
  if (!times)
    return tl::unexpected{times.error()};
  effective.timeout = effective.timeout.value_or(times->timeout);
  return through ? through : choose(asked, effective.session, effective);
}

result<value> bridge_core::run(operation& asked, const call_options& options,
                               const session_ptr& through) {
  call_options effective;
  auto chosen = session_for(asked, options, through, effective);
  if (!chosen)
    return reached(result<value>{tl::unexpected{chosen.error()}});
  return reached(
    detail::held_object::run_in(*this, *chosen, std::move(asked), effective));
}

result<std::shared_ptr<stream_core>>
bridge_core::stream(operation& asked, const call_options& options,
                    const session_ptr& through) {
  call_options effective;
  auto chosen = session_for(asked, options, through, effective);
  if (!chosen)
    return tl::unexpected{std::move(chosen).error()};
  return (*chosen)
    ->rules_of_stream(asked, effective)
    .transform([&](const stream_rules& rules) {
      return std::make_shared<stream_core>(*chosen, std::move(asked),
                                           std::move(effective), rules);
    });
}

std::vector<std::string> bridge_core::pool_names() const {
  std::vector<std::string> names;
  for (const auto& each : pools_->all())
    names.push_back(each.settings.name);
  return names;
}

bridge_stats bridge_core::stats() const {
  if (process_.forked())
    return {};
  bridge_stats now{.sessions = sessions_->size(),
                   .streams = pools_->streams().open,
                   .stream_items = pools_->streams().items,
                   .pools = {}};
  for (const auto& pool : pools_->all()) {
    const auto down = pool.calls->why_closed();
    pool_stats told{.name = pool.settings.name,
                    .placement = pool.settings.placement,
                    .down = down ? down->message() : std::string{},
                    .drained = pool.calls->is_held(),
                    .circuit = pool.breaker->state(clock_->now()),
                    .spares = pool.spares ? pool.spares->ready() : 0,
                    .interpreters = {}};
    for (const auto& [number, facts] : pool.calls->look()) {
      if (facts.retired && !facts.ready)
        continue; // it is not in service
      told.interpreters.push_back(
        {.id = number,
         .epoch = facts.epoch,
         .ready = facts.ready && !down && !told.drained,
         .pid = facts.host.pid,
         .waiting = facts.waiting,
         .running = facts.host.running,
         .calls = facts.calls,
         .live_objects = facts.host.live_objects,
         .pruned = facts.host.pruned,
         .expired = facts.host.expired,
         .deaths = facts.deaths,
         .restarts = facts.restarts,
         .recycled = facts.recycled,
         .due = facts.due});
    }
    now.pools.push_back(std::move(told));
  }
  return now;
}

} // namespace snakebridge
