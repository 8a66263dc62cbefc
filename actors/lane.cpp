#include "actors/lane.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/values/ml_error.hpp"

namespace snakebridge {

namespace {

// The interpreter an operation's refs live in, found by looking at all of them.
class ref_search {
public:
  /// `session`: the one all must belong to; null: any.
  explicit ref_search(const std::string* session) : session_{session} {}

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
    if (!name.node.empty())
      failed_ = error{errc::node_down,
                      fmt::format("the object lives on node '{}', which has "
                                  "not joined",
                                  name.node)};
    else if (session_ != nullptr && name.session != *session_)
      failed_ = error{errc::ref_foreign,
                      fmt::format("the object belongs to session '{}', not to "
                                  "'{}'; share one session",
                                  name.session, *session_)};
    else if (found_ && found_->interpreter != name.interpreter)
      failed_ = error{errc::ref_foreign,
                      fmt::format("one call has objects of interpreters {} and "
                                  "{}; make both in the same",
                                  found_->interpreter, name.interpreter)};
    else if (!found_ || name.epoch < found_->epoch)
      found_ = &name; // the oldest decides whether the call is stale
  }

  const std::string* session_;
  const ref* found_ = nullptr;
  std::optional<error> failed_;
};

// Only an object that stays can be changed, or let go.
std::optional<error> wrong_with_target(const operation& asked) {
  const bool changes =
    asked.what == verb::set_attribute || asked.what == verb::set_item;
  const bool lets_go = asked.what == verb::release && asked.positional.empty();
  if ((!changes && !lets_go) || asked.target.is_ref())
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

std::chrono::milliseconds time_limit(const call_options& options,
                                     std::chrono::milliseconds configured) {
  constexpr std::chrono::milliseconds least{0}, most{day_ms};
  return std::clamp(options.timeout.value_or(configured), least, most);
}

lane::lane(std::shared_ptr<const pools> where, std::uint64_t number,
           std::string id, std::chrono::milliseconds timeout, error_mode errors,
           const ref_rules& refs)
    : where_{std::move(where)},
      gate_{std::make_shared<session_gate>(number, std::move(id), refs)},
      timeout_{timeout},
      errors_{errors} {}

result<lane::route> lane::begin(operation& asked, const call_options& options) {
  auto to = find_route(asked, options);
  if (!to)
    return to;
  asked.keep_exception = options.keep_exception.value_or(false);
  asked.leaves = answers_anything(asked.what)
                   ? options.leaves.value_or(to->of->settings.leaves)
                   : leaves::refs;
  asked.cancel = options.cancel;
  asked.fails_fast = options.affinity.value_or(to->of->settings.affinity)
                     == affinity::strict_fail_fast;
  // To free objects tries nothing out.
  if (!to->of->breaker->is_on() || frees_objects(asked.what))
    return to;
  auto admitted = to->of->breaker->admit(where_->now());
  if (!admitted)
    return tl::unexpected{admitted.error()};
  to->ticket = *admitted;
  return to;
}

result<value> lane::run(operation asked, const call_options& options) {
  const auto until = deadline(options);
  std::optional<operation> again;
  if (options.idempotent.value_or(false))
    again = asked;
  auto outcome = run_once(std::move(asked), options, until);
  if (again && is_lost(outcome, *again))
    outcome =
      of_both(std::move(outcome), run_once(std::move(*again), options, until));
  if (!outcome && errors_ == error_mode::translated)
    return tl::unexpected{translated(std::move(outcome).error())};
  return outcome;
}

result<value> lane::run_once(operation asked, const call_options& options,
                             steady_clock::time_point until) {
  auto to = begin(asked, options);
  if (!to)
    return tl::unexpected{to.error()};
  auto outcome = to->queue->run(std::move(asked), gate_, until, to->epoch,
                                std::move(to->join));
  if (to->of->breaker->is_on())
    to->of->breaker->record(to->ticket, tried(outcome), where_->now());
  // What died with it counts no more for whoever hears of it here.
  const auto* death = outcome ? nullptr : outcome.error().post_mortem();
  if (death != nullptr && outcome.error().code() == errc::interpreter_died)
    gate_->refs.forget_all_but(death->interpreter, death->epoch + 1);
  return outcome;
}

void lane::submit(operation asked, const call_options& options,
                  completion done) {
  const auto until = deadline(options);
  if (errors_ == error_mode::translated)
    done = [raw = std::move(done)](result<value> outcome) {
      if (!outcome)
        outcome = tl::unexpected{translated(std::move(outcome).error())};
      raw(std::move(outcome));
    };
  if (options.idempotent.value_or(false))
    done = [self = shared_from_this(), asked, options, until,
            last = std::move(done)](result<value> outcome) {
      if (is_lost(outcome, asked))
        self->submit_once(
          asked, options, until,
          [lost = std::move(outcome), last](result<value> again) {
            last(of_both(lost, std::move(again)));
          });
      else
        last(std::move(outcome));
    };
  submit_once(std::move(asked), options, until, std::move(done));
}

void lane::submit_once(operation asked, const call_options& options,
                       steady_clock::time_point until, completion done) {
  auto to = begin(asked, options);
  if (!to)
    return done(tl::unexpected{to.error()});
  if (to->of->breaker->is_on())
    done = [where = where_, breaker = to->of->breaker, ticket = to->ticket,
            raw = std::move(done)](result<value> outcome) {
      breaker->record(ticket, tried(outcome), where->now());
      raw(std::move(outcome));
    };
  const auto made =
    std::make_shared<call>(std::move(asked), gate_, until, std::move(done));
  made->epoch = to->epoch;
  made->join = std::move(to->join);
  to->queue->submit(made);
}

steady_clock::time_point lane::deadline(const call_options& options) const {
  return where_->now() + time_limit(options, timeout_);
}

result<lane::route> lane::find_route(const operation& asked,
                                     const call_options& options) {
  if (auto wrong = wrong_with_target(asked))
    return std::move(*wrong);
  ref_search search{&gate_->id};
  search.look(asked);
  if (search.failed())
    return tl::unexpected{*search.failed()};
  if (const auto* name = search.found()) {
    auto queue = where_->interpreter(name->interpreter);
    if (!queue)
      return tl::unexpected{
        error{errc::ref_foreign,
              fmt::format("this bridge has no interpreter {}: the object "
                          "belongs to another",
                          name->interpreter)}};
    const std::lock_guard lock{mutex_};
    remember_locked(queue);
    return route{
      std::move(queue), name->epoch, where_->of(name->interpreter), {}, {}};
  }
  auto chosen = home(options.pool);
  if (!chosen)
    return tl::unexpected{chosen.error()};
  const auto* in = where_->of((*chosen)->interpreter());
  // Code needs the session's namespace.
  const bool anywhere =
    asked.what == verb::call || asked.what == verb::get
    || (has_target(asked.what) && asked.what != verb::call_object);
  if (!anywhere
      || options.affinity.value_or(in->settings.affinity) != affinity::hint)
    return route{std::move(*chosen), 0, in, {}, {}};
  auto free = in->any_free(*chosen);
  {
    const std::lock_guard lock{mutex_};
    if (remember_locked(free))
      *chosen = std::move(free);
  }
  // Also alone: the pool may grow while the call waits.
  return route{std::move(*chosen), 0, in, joins_others(), {}};
}

call::joiner lane::joins_others() {
  return [weak = weak_from_this()](const std::shared_ptr<call_queue>& queue) {
    const auto self = weak.lock();
    if (!self)
      return false;
    const std::lock_guard lock{self->mutex_};
    return !self->gate_->closed && self->remember_locked(queue);
  };
}

result<std::shared_ptr<call_queue>> lane::home(const std::string& pool) {
  const auto* wanted = where_->find(pool.empty() ? "default" : pool);
  if (wanted == nullptr)
    return tl::unexpected{
      error{errc::pool_unknown, fmt::format("no pool is named '{}'", pool)}};
  const std::lock_guard lock{mutex_};
  std::shared_ptr<call_queue> chosen;
  for (const auto& [at, queue] : homes_)
    if (at == wanted && !queue->is_retired())
      chosen = queue;
  if (chosen && remember_locked(chosen))
    return chosen;
  const std::lock_guard choosing{wanted->service->choosing};
  do // until it is one that did not leave the pool meanwhile
    chosen = wanted->least_busy();
  while (!remember_locked(chosen));
  std::erase_if(homes_, [&](const auto& each) { return each.first == wanted; });
  homes_.emplace_back(wanted, chosen);
  return chosen;
}

bool lane::remember_locked(const std::shared_ptr<call_queue>& queue) {
  // What comes after `close` is refused, and would never be released.
  if (std::find(used_.begin(), used_.end(), queue) == used_.end()
      && !gate_->closed) {
    if (!queue->join(gate_))
      return false;
    used_.push_back(queue);
  }
  // Where there are several, what the dead among them held counts no more.
  if (used_.size() > 1)
    for (const auto& each : used_)
      gate_->refs.forget_all_but(each->interpreter(), each->serving_epoch());
  return true;
}

lane::queues lane::shut() {
  if (gate_->closed.exchange(true))
    return {};
  const std::lock_guard lock{mutex_};
  return used_;
}

void lane::close() {
  for (const auto& queue : shut())
    queue->release(gate_->number);
}

result<std::size_t> lane::close_and_count() {
  const auto used = shut();
  for (const auto& queue : used)
    queue->withdraw(gate_->number);
  const auto until = deadline({});
  result<std::size_t> count = 0;
  for (const auto& queue : used) {
    // Between two incarnations it holds nothing.
    if (queue->look().ready) {
      const auto released =
        queue->run({.what = verb::release_session}, gate_, until, 0);
      if (released && count)
        *count += released->to<std::size_t>().value_or(0);
      else if (!released && released.error().code() == errc::deadline_exceeded)
        count = tl::unexpected{released.error()};
    }
    queue->release(gate_->number);
  }
  return count;
}

} // namespace snakebridge
