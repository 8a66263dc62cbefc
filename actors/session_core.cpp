#include "actors/session_core.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/base/log.hpp"
#include "runtime/calls/callback_scope.hpp"
#include "runtime/values/ml_error.hpp"
#include "runtime/wire/remote_messages.hpp"

namespace snakebridge {

namespace detail {

result<std::vector<named_value>> variables_of(const dict& variables) {
  std::vector<named_value> named;
  named.reserve(variables.size());
  for (const auto& [key, item] : variables) {
    const auto* name = key.get_if<std::string>();
    if (name == nullptr)
      return not_convertible_at("the names of variables",
                                not_convertible("str", key));
    named.emplace_back(*name, item);
  }
  return named;
}

} // namespace detail

namespace {

// The interpreter an operation's refs live in, found by looking at all of them.
class ref_search {
public:
  /// `session`: the one all must belong to; null: any.
  explicit ref_search(const session_gate* session) : session_{session} {}

  void look(const value& item, std::size_t depth = 0) {
    if (!item.holds_refs())
      return;
    if (depth > limits::value_depth_max)
      return; // refused where it is encoded
    switch (item.kind()) {
    case kind::ref:
      return take(*item.get_if<ref>());
    case kind::list:
    case kind::tuple:
    case kind::set:
    case kind::frozenset:
    case kind::slice:
      return look_all(*detail::items_of(item), depth);
    case kind::dict:
      for (const auto& [key, content] : *item.get_if<dict>()) {
        look(key, depth + 1);
        look(content, depth + 1);
      }
      return;
    default:
      return;
    }
  }

  void look(const operation& asked) {
    look(asked.target);
    for (const auto& [name, key] : asked.path)
      if (key)
        look(*key);
    for (const auto& item : asked.positional)
      look(item);
    for (const auto& [name, item] : asked.named)
      look(item);
  }

  const ref* found() const { return found_; }
  const std::optional<error>& failed() const { return failed_; }

private:
  void look_all(const std::vector<value>& items, std::size_t depth) {
    for (const auto& item : items)
      look(item, depth + 1);
  }

  void take(const ref& name) {
    if (failed_)
      return;
    if (session_ != nullptr)
      failed_ = wrong_with(name);
    if (failed_)
      return;
    if (found_ && found_->interpreter != name.interpreter)
      failed_ = error{errc::ref_foreign,
                      fmt::format("one call has objects of interpreters {} and "
                                  "{}; make both in the same",
                                  found_->interpreter, name.interpreter)};
    else if (!found_ || name.epoch < found_->epoch)
      found_ = &name; // the oldest decides whether the call is stale
  }

  // Why it is none of the session's objects.
  std::optional<error> wrong_with(const ref& name) const {
    const auto& home = session_->home;
    if (name.session != session_->id)
      return error{errc::ref_foreign,
                   fmt::format("the object belongs to session '{}', not to "
                               "'{}'; share one session",
                               name.session, session_->id)};
    if (name.node.empty() && !home.is_elsewhere)
      return {};
    if (name.node != home.node && home.node.empty())
      return error{errc::node_down,
                   fmt::format("the object lives on node '{}', in a session of "
                               "the cluster: open that",
                               name.node)};
    if (name.node != home.node || name.session_epoch != home.epoch)
      return error{errc::ref_stale,
                   fmt::format("the object lived in session '{}' on node '{}' "
                               "(epoch {}), which has ended; make it again",
                               name.session, name.node, name.session_epoch)};
    return {};
  }

  const session_gate* session_;
  const ref* found_ = nullptr;
  std::optional<error> failed_;
};

// Only an object that stays can be changed, or let go.
std::optional<error> wrong_with_target(const operation& asked) {
  const bool changes =
    asked.what == verb::set_attribute || asked.what == verb::set_item;
  if ((!changes && asked.what != verb::release) || asked.target.is_ref())
    return {};
  return error{errc::ref_invalid,
               fmt::format("expected a ref to a Python object, got {}{}",
                           repr_short(asked.target),
                           changes ? ": nobody would see the copy of a value "
                                     "that changes"
                                   : "")};
}

// A crash took the call, which may be made again: nothing of it lived there.
bool is_lost(const result<value>& outcome, const operation& asked) {
  return !outcome && outcome.error().code() == errc::interpreter_died
         && first_ref(asked) == nullptr;
}

// What the breaker of a pool hears of.
circuit_breaker::outcome tried(const result<value>& answer) {
  if (!answer && answer.error().code() == errc::interpreter_died)
    return circuit_breaker::outcome::crashed;
  const bool has_run = answer || answer.error().code() == errc::python_raised;
  return has_run ? circuit_breaker::outcome::worked
                 : circuit_breaker::outcome::untried;
}

// The answer of a call that was lost and made again: how it was lost, if it did
// not come to run once more.
result<value> of_both(result<value> lost, result<value> again) {
  const bool has_run = again || again.error().may_have_run()
                       || again.error().code() == errc::quota_exceeded;
  return has_run ? std::move(again) : std::move(lost);
}

} // namespace

const ref* first_ref(const operation& asked) {
  ref_search search{nullptr};
  search.look(asked);
  return search.found();
}

bool may_run_anywhere(const operation& asked) {
  return asked.what == verb::call || asked.what == verb::get
         || asked.what == verb::stream
         || (has_target(asked.what) && asked.what != verb::call_object);
}

std::chrono::milliseconds time_limit(const call_options& options,
                                     std::chrono::milliseconds configured) {
  constexpr std::chrono::milliseconds least{0}, most{day_ms};
  return std::clamp(options.timeout.value_or(configured), least, most);
}

struct session_core::errand {
  // As an aggregate all of it would be written over with zeros first.
  errand(operation& asked, const call_options& options,
         steady_clock::time_point until)
      : asked{asked},
        options{options},
        until{until} {}

  operation& asked;
  const call_options& options;
  const steady_clock::time_point until;
  bool may_be_made_again = false;
  bool keeps_exception = false;
  std::optional<result<value>> lost; ///< what the first attempt answered

  // Of the present attempt.
  const pool* through = nullptr;
  destination to;
  circuit_breaker::ticket ticket;
};

struct session_core::owned_errand : errand {
  owned_errand(operation asked, const call_options& options,
               steady_clock::time_point until, completion done,
               items_listener on_items)
      : errand{kept_asked, kept, until},
        kept_asked{std::move(asked)},
        kept{options},
        done{std::move(done)},
        on_items{std::move(on_items)} {
    may_be_made_again = options.idempotent.value_or(false);
    keeps_exception = options.keep_exception.value_or(false);
  }

  operation kept_asked;
  const call_options kept;
  completion done;
  const items_listener on_items;
};

session_core::session_core(std::shared_ptr<const pools> where,
                           std::uint64_t number, std::string id,
                           const session_rules& rules, bool is_shared,
                           session_home home)
    : where_{std::move(where)},
      gate_{std::make_shared<session_gate>(number, std::move(id), rules.refs,
                                           std::move(home))},
      timeout_{rules.timeout},
      errors_{rules.errors},
      stream_rules_{rules.streams},
      helpers_given_{rules.helpers_given},
      profiles_{rules.profiles},
      cleanup_log_{rules.cleanup_log},
      is_shared_{is_shared},
      let_go_max_{
        std::clamp<std::size_t>(rules.refs.max / 8, 1, limits::let_go_max)} {}

steady_clock::time_point
session_core::deadline(const call_options& options,
                       steady_clock::time_point now) const {
  const auto latest = now + time_limit(options, timeout_);
  // What a callback waits for has no more time than what waits for that.
  const auto* around = callback_scope::here();
  return around ? std::min(latest, around->of().deadline) : latest;
}

result<void> session_core::set_time(const operation& asked,
                                    call_options& options) const {
  if (!profiles_)
    return {};
  return profiles_->of(asked, options).transform([&](const auto& times) {
    options.timeout = options.timeout.value_or(times.timeout);
  });
}

result<stream_rules>
session_core::rules_of_stream(const operation& source,
                              const call_options& options) const {
  auto rules = stream_rules_;
  if (!profiles_)
    return rules;
  return profiles_->of(source, options).transform([&](const auto& times) {
    rules.timeout = times.stream_timeout;
    return rules;
  });
}

result<value> session_core::run(operation&& asked,
                                const call_options& options) {
  auto now = where_->now();
  errand mine{asked, options, deadline(options, now)};
  if (unwanted_count_ >= let_go_max_) {
    free_unwanted(&options);
    now = where_->now();
  }
  mine.may_be_made_again = options.idempotent.value_or(false);
  auto* const around = callback_scope::in(gate_->id);
  const bool may_be_raised_again = around != nullptr && around->of().raises;
  // What Python raises in it may have to be raised again.
  mine.keeps_exception =
    options.keep_exception.value_or(false) || may_be_raised_again;
  for (;; now = where_->now()) {
    auto begun = begin(mine);
    auto outcome = begun ? mine.through->calls->run(std::move(asked), gate_,
                                                    mine.until, mine.to, now)
                         : tl::unexpected{std::move(begun).error()};
    if (!conclude(mine, outcome))
      continue;
    const auto* raised = outcome ? nullptr : outcome.error().python();
    if (may_be_raised_again && !options.keep_exception.value_or(false)
        && raised != nullptr && raised->object) {
      const auto& kept = *raised->object;
      if (kept.interpreter == around->of().interpreter)
        around->kept.push_back(kept);
      else // it is not there to be raised
        submit({.what = verb::release, .target = kept},
               {.affinity = affinity::strict_queue},
               [](const result<value>&) {});
    }
    return outcome;
  }
}

void session_core::submit(operation asked, const call_options& options,
                          completion done, items_listener on_items) {
  go(std::make_shared<owned_errand>(std::move(asked), options,
                                    deadline(options), std::move(done),
                                    std::move(on_items)));
}

exchange_ptr session_core::submit_for_later(operation asked,
                                            const call_options& options,
                                            completion done) {
  return go(std::make_shared<owned_errand>(std::move(asked), options,
                                           deadline(options), std::move(done),
                                           items_listener{}),
            true);
}

// The exchange of this attempt.
exchange_ptr session_core::go(const std::shared_ptr<owned_errand>& mine,
                              bool may_be_late) {
  const auto told = [self = shared_from_this(), mine](result<value> answered) {
    if (self->conclude(*mine, answered))
      std::exchange(mine->done, {})(std::move(answered));
    else
      self->go(mine);
  };
  if (auto begun = begin(*mine); !begun) {
    told(tl::unexpected{std::move(begun).error()});
    return nullptr;
  }
  const auto made = std::make_shared<exchange>(
    mine->may_be_made_again ? mine->asked : std::move(mine->asked), gate_,
    mine->until, mine->to, told, mine->on_items);
  made->may_be_late = may_be_late;
  mine->through->calls->submit(made);
  return made;
}

// An attempt: the way is found, and its options are in what is asked.
result<void> session_core::begin(errand& mine) {
  mine.through = nullptr;
  if (auto found = find_way(mine); !found)
    return found;
  const auto& in = mine.through->settings;
  auto& asked = mine.asked;
  const auto& options = mine.options;
  asked.keep_exception = mine.keeps_exception;
  asked.awaits = options.awaits.value_or(true);
  asked.leaves = answers_anything(asked.what)
                   ? options.leaves.value_or(in.leaves)
                   : leaves::refs;
  if (helpers_given_ && asked.what >= verb::helper)
    asked.helpers_given = helpers_given_->load();
  asked.cancel = options.cancel;
  if (const auto* around = callback_scope::here();
      around != nullptr && !asked.cancel.stop_possible())
    asked.cancel = around->of().cancel;
  asked.fails_fast =
    !mine.to.route
    && options.affinity.value_or(in.affinity) == affinity::strict_fail_fast;
  auto& breaker = *mine.through->breaker;
  // To free objects tries nothing out.
  if (!breaker.is_on() || frees_objects(asked.what))
    return {};
  auto admitted = breaker.admit(where_->now());
  if (!admitted) {
    mine.through = nullptr;
    return tl::unexpected{std::move(admitted).error()};
  }
  mine.ticket = *admitted;
  return {};
}

// Makes of what an attempt answers what the call does; false: it is to be made
// again.
bool session_core::conclude(errand& mine, result<value>& outcome) {
  const auto* through = std::exchange(mine.through, nullptr);
  if (through != nullptr && through->breaker->is_on())
    through->breaker->record(mine.ticket, tried(outcome), where_->now());
  // What died with it counts no more for whoever hears of it here.
  const auto* death = outcome ? nullptr : outcome.error().post_mortem();
  if (death != nullptr && outcome.error().code() == errc::interpreter_died)
    gate_->refs.forget_up_to(death->interpreter, death->epoch);
  if (mine.may_be_made_again && is_lost(outcome, mine.asked)) {
    mine.may_be_made_again = false;
    mine.lost = std::move(outcome);
    return false;
  }
  if (mine.lost)
    outcome = of_both(*std::exchange(mine.lost, {}), std::move(outcome));
  if (!outcome && errors_ == error_mode::translated)
    outcome = tl::unexpected{translated(std::move(outcome).error())};
  return true;
}

result<void> session_core::find_way(errand& mine) {
  const auto& asked = mine.asked;
  if (auto wrong = wrong_with_target(asked))
    return std::move(*wrong);
  ref_search search{gate_.get()};
  search.look(asked);
  if (search.failed())
    return tl::unexpected{*search.failed()};
  if (gate_->home.is_elsewhere)
    return find_way_out(mine, search.found());
  if (const auto* name = search.found()) {
    mine.through = where_->of(name->interpreter);
    mine.to = {.interpreter = name->interpreter, .epoch = name->epoch};
    return mine.through ? result<void>{}
                        : unknown_interpreter(name->interpreter);
  }
  const auto& wanted =
    mine.options.pool.empty() ? gate_->home.pool : mine.options.pool;
  mine.through = where_->find(wanted);
  if (mine.through == nullptr)
    return error{errc::pool_unknown,
                 fmt::format("no pool is named '{}'",
                             wanted.empty() ? "default" : wanted)};
  const auto how =
    mine.options.affinity.value_or(mine.through->settings.affinity);
  mine.to = {.anywhere = how == affinity::hint && may_run_anywhere(asked)};
  return {};
}

// Which interpreter of the other node it goes to is that one's to say.
result<void> session_core::find_way_out(errand& mine, const ref* found) {
  const auto& options = mine.options;
  call_route route{.pool = options.pool,
                   .affinity = options.affinity,
                   .leaves_given = options.leaves.has_value(),
                   .idempotent = options.idempotent.value_or(false)};
  if (found != nullptr) {
    route.interpreter = found->interpreter;
    route.epoch = found->epoch;
  }
  mine.through = &where_->all().front();
  mine.to = {.route = std::make_shared<const call_route>(std::move(route))};
  mine.may_be_made_again = false; // by that node, if at all
  return {};
}

namespace {

bool has_not_run(const result<value>& answer) {
  return !answer && !answer.error().may_have_run();
}

} // namespace

// --- Objects that the program owns -------------------------------------------

// Whoever destroys it may have any lock: nothing is sent here.
void session_core::let_go(const ref& object) {
  {
    const std::lock_guard held{objects_mutex_};
    if (closed())
      return;
    unwanted_.push_back({object.interpreter, object.epoch, object.slot});
    unwanted_count_ = unwanted_.size();
    if (std::exchange(frees_later_, true))
      return;
  }
  free_later();
}

// Not while calls do it.
void session_core::free_later() {
  clock().at(clock().now() + std::chrono::milliseconds{limits::let_go_ms},
             [weak = weak_from_this()] {
               const auto self = weak.lock();
               if (self && self->freed_by_calls_.exchange(false))
                 self->free_later();
               else if (self)
                 self->free_unwanted(nullptr);
             });
}

// Those of one incarnation at a time: it takes them in one message. `about_to`:
// of the call that this thread is about to make; null: it makes none.
void session_core::free_unwanted(const call_options* about_to) {
  std::vector<unwanted> gone;
  {
    const std::lock_guard held{objects_mutex_};
    gone.swap(unwanted_);
    unwanted_.reserve(let_go_max_);
    unwanted_count_ = 0;
    frees_later_ = frees_later_ && about_to != nullptr;
    freed_by_calls_ = about_to != nullptr;
  }
  const auto place = [](const unwanted& each) {
    return std::tie(each.interpreter, each.epoch);
  };
  std::stable_sort(gone.begin(), gone.end(),
                   [&](const unwanted& left, const unwanted& right) {
                     return place(left) < place(right);
                   });
  for (auto first = gone.begin(); first != gone.end();) {
    const auto most = std::min<std::ptrdiff_t>(
      gone.end() - first,
      static_cast<std::ptrdiff_t>(limits::refs_released_max));
    const auto last =
      std::find_if(first, first + most, [&](const unwanted& each) {
        return place(each) != place(*first);
      });
    operation asked{.what = verb::release,
                    .target = ref{.node = gate_->home.node,
                                  .session = gate_->id,
                                  .interpreter = first->interpreter,
                                  .epoch = first->epoch,
                                  .slot = first->slot,
                                  .session_epoch = gate_->home.epoch}};
    asked.slots.reserve(static_cast<std::size_t>(last - first));
    std::transform(first + 1, last, std::back_inserter(asked.slots),
                   [](const unwanted& each) { return each.slot; });
    free_in(first->interpreter, std::move(asked), about_to);
    first = last;
  }
}

// A thread that runs its calls itself frees them itself, in the time of its
// call, if that has its turn at once; elsewhere they keep their order.
void session_core::free_in(std::uint32_t interpreter, operation asked,
                           const call_options* about_to) {
  const auto* pool = where_->of(interpreter);
  const bool is_own = about_to != nullptr && pool != nullptr
                      && pool->settings.placement == placement::embedded;
  if (is_own
      && !has_not_run(
        run(std::move(asked), {.timeout = about_to->timeout,
                               .affinity = affinity::strict_fail_fast})))
    return;
  submit(std::move(asked),
         {.timeout = std::chrono::milliseconds{day_ms},
          .affinity = affinity::strict_queue},
         [](const result<value>&) {});
}

detail::held_ptr
session_core::owner_of(const ref& object,
                       const std::function<detail::held_ptr()>& make) {
  const std::lock_guard held{objects_mutex_};
  auto& known = owners_[object];
  if (auto there = known.lock())
    return there;
  auto made = make();
  known = made;
  if (owners_.size() > 2 * owners_looked_at_ + limits::let_go_max) {
    std::erase_if(owners_,
                  [](const auto& each) { return each.second.expired(); });
    owners_looked_at_ = owners_.size();
  }
  return made;
}

// --- Its end -----------------------------------------------------------------

void session_core::tell_cleanup(std::uint64_t objects) const {
  if (cleanup_log_ != log_level::off && objects > 0)
    logger()->log(level_of(cleanup_log_),
                  "session '{}' has ended; objects released: {}", gate_->id,
                  objects);
}

void session_core::refuse_calls(const error& why) {
  for (const auto& each : where_->all())
    each.calls->close(why);
}

void session_core::close() {
  if (gate_->closed.exchange(true))
    return;
  if (gate_->home.is_elsewhere) {
    // Its last client here has gone: so has the remote one with its host.
    for (const auto& each : where_->all()) {
      each.calls->release(gate_->number);
      each.calls->stop_hosts(); // it may have had no calls
    }
    return gate_->callbacks->end();
  }
  tell_cleanup(gate_->refs.held());
  for (const auto& each : where_->all())
    each.calls->release(gate_->number);
  gate_->callbacks->end();
}

// Its node ends it, for all its clients. Who cannot reach that leaves it.
result<std::size_t> session_core::release_elsewhere() {
  if (gate_->closed)
    return 0;
  const auto released = where_->all().front().calls->run(
    {.what = verb::release_session}, gate_, deadline({}),
    {.route = std::make_shared<const call_route>()});
  close();
  return released.and_then(
    [](const value& count) { return count.to<std::size_t>(); });
}

result<std::size_t> session_core::close_and_count() {
  if (gate_->home.is_elsewhere)
    return release_elsewhere();
  if (gate_->closed.exchange(true))
    return 0;
  for (const auto& each : where_->all())
    each.calls->withdraw(gate_->number);
  const auto until = deadline({});
  result<std::size_t> count = 0;
  for (const auto& each : where_->all()) {
    auto& calls = *each.calls;
    for (const auto place : calls.places_of(gate_->number)) {
      // Between two incarnations it holds nothing.
      if (!calls.look(place).ready)
        continue;
      const auto released = calls.run({.what = verb::release_session}, gate_,
                                      until, {.interpreter = place});
      if (released && count)
        *count += released->to<std::size_t>().value_or(0);
      else if (!released && released.error().code() == errc::deadline_exceeded)
        count = tl::unexpected{released.error()};
    }
    calls.release(gate_->number);
  }
  gate_->callbacks->end();
  if (count)
    tell_cleanup(*count);
  return count;
}

} // namespace snakebridge
