#include "runtime/calls/dispatcher.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/base/ensure.hpp"
#include "runtime/base/finally.hpp"
#include "runtime/base/roomy_stack.hpp"
#include "runtime/calls/callback_scope.hpp"
#include "runtime/calls/interpreter_events.hpp"
#include "runtime/wire/messages.hpp"
#include "runtime/wire/remote_messages.hpp"

namespace snakebridge {

namespace {

error overloaded(const interpreter& at, std::size_t waiting) {
  return {errc::overloaded,
          fmt::format("interpreter {} has {} calls waiting, its queue_max; "
                      "wait, or enlarge the pool",
                      at.number, waiting)};
}

error unavailable(const interpreter& at) {
  return {errc::session_worker_unavailable,
          fmt::format("interpreter {} is being replaced; call again soon, or "
                      "wait for it (affinity strict_queue)",
                      at.number)};
}

error out_of_service(const interpreter& at, std::uint32_t epoch) {
  if (epoch == 0)
    return {
      errc::session_worker_unavailable,
      fmt::format("interpreter {} is not in service any more: its pool has "
                  "become smaller; call again, and another takes it",
                  at.number)};
  if (at.lives.epoch() > 0)
    return {
      errc::ref_stale,
      fmt::format("interpreter {} is not in service any more: its pool has "
                  "become smaller; make the object again",
                  at.number)};
  return unknown_interpreter(at.number);
}

error not_ready(const interpreter& awaited) {
  return {errc::startup_failed,
          fmt::format("interpreter {} is not ready in time", awaited.number)};
}

} // namespace

error unknown_interpreter(std::uint32_t number) {
  return {errc::ref_foreign,
          fmt::format("this bridge has no interpreter {}: the object belongs "
                      "to another",
                      number)};
}

// Made before the lock is taken, so that it is destroyed when that is free.
class dispatcher::outcomes {
public:
  outcomes() = default;
  outcomes(const outcomes&) = delete;
  outcomes& operator=(const outcomes&) = delete;
  ~outcomes() {
    for (const auto& each : started_)
      each->flush();
    for (auto& [each, why] : refused_)
      each->answer(tl::unexpected{std::move(why)});
  }

  void refuse(exchange_ptr made, error why) {
    refused_.emplace_back(std::move(made), std::move(why));
  }
  void flush(const std::shared_ptr<interpreter_host>& host) {
    if (started_.empty() || started_.back() != host)
      started_.push_back(host);
  }

private:
  std::vector<std::shared_ptr<interpreter_host>> started_;
  std::vector<std::pair<exchange_ptr, error>> refused_;
};

// --- What is asked of it -----------------------------------------------------

result<value>
dispatcher::run(operation&& asked,
                const std::shared_ptr<const session_gate>& session,
                steady_clock::time_point deadline, destination to,
                steady_clock::time_point now) {
  if (inside_of(*session, to) != nullptr)
    asked.fails_fast = false; // what it would wait for waits for it
  const auto began =
    is_heard(asked) ? std::optional{tell_start(asked, *session)} : std::nullopt;
  // Hosts that want requests encoded do not run them on this thread.
  if (settings_.payload_bytes_max == 0)
    if (auto outcome =
          run_here(asked, session, deadline, to, began, began.value_or(now)))
      return std::move(*outcome);
  const auto mine =
    std::make_shared<exchange>(std::move(asked), session, deadline, to);
  if (began)
    tell_end_of(*mine, *began);
  put(mine);
  auto outcome = wait(mine);
  if (!outcome)
    asked = mine->asked;
  return outcome;
}

// Costs nothing where nobody listens.
bool dispatcher::is_heard(const operation& asked) const {
  return settings_.on_event && is_told_of(asked.what);
}

steady_clock::time_point
dispatcher::tell_start(const operation& asked,
                       const session_gate& session) const {
  tell(settings_.on_event, call_started(asked, session, settings_.pool));
  return steady_clock::now();
}

void dispatcher::tell_end_of(exchange& made,
                             steady_clock::time_point began) const {
  made.tell_end([listener = settings_.on_event, pool = settings_.pool,
                 began](const exchange& of, const result<value>& outcome) {
    auto told = call_ended(of.asked, *of.session, pool,
                           steady_clock::now() - began, of.ran, outcome);
    told.interpreter = of.interpreter;
    if (of.prepared)
      told.request_bytes = static_cast<wire::outgoing&>(*of.prepared).bytes();
    told.reply_bytes = of.reply_bytes;
    tell(listener, told);
  });
}

void dispatcher::submit(const exchange_ptr& made) {
  if (is_heard(made->asked))
    tell_end_of(*made, tell_start(made->asked, *made->session));
  made->through = weak_from_this();
  put(made);
}

void dispatcher::put(const exchange_ptr& made) {
  made->watch(clock_, {weak_from_this(), made, errc::deadline_exceeded});
  // Here it is sure that it never ran; once a host has it, it may have begun.
  if (clock_->now() >= made->deadline)
    made->answer(tl::unexpected{given_up_error(
      made->asked, errc::deadline_exceeded, call_stage::queued)});
  else if (auto prepared = prepare(*made); !prepared)
    made->answer(tl::unexpected{std::move(prepared).error()});
  else if (const auto* around = inside_of(*made->session, made->to))
    put_inside(made, *around);
  else
    put_in(made);
}

// A callback calls an interpreter that waits for it, or for one around it, in
// the session it was called from there: that one; null: it does not.
const callback_scope* dispatcher::inside_of(const session_gate& session,
                                            const destination& to) const {
  const auto* around = callback_scope::here();
  if (around == nullptr)
    return nullptr;
  const lock_guard lock{mutex_};
  for (; around != nullptr; around = around->around()) {
    const auto& outer = around->of();
    const auto* const at = find(outer.interpreter);
    if (outer.session == session.number && at != nullptr
        && at->host == outer.host
        && (to.interpreter == 0 || to.interpreter == outer.interpreter))
      return around;
  }
  return nullptr;
}

// It does not wait in a line: what is served there waits for it.
void dispatcher::put_inside(const exchange_ptr& made,
                            const callback_scope& around) {
  const auto& outer = around.of();
  std::optional<error> refused;
  {
    const lock_guard lock{mutex_};
    if (made->answered())
      return;
    auto& at = this->at(outer.interpreter);
    refused = refusal(*made, at);
    if (!refused) {
      made->interpreter = outer.interpreter;
      made->executor = outer.executor;
      made->inside = true;
      made->around = outer.call;
      made->called_back_by = around.takes_jobs;
      ++at.calls;
    }
  }
  if (refused) {
    made->answer(tl::unexpected{*std::move(refused)});
    return;
  }
  if (outer.host->runs_in_caller()) {
    bool awaits = false;
    const interpreter_host::exchange_maker later = [&] {
      awaits = true;
      return made;
    };
    auto ran_since = steady_clock::time_point::max();
    auto outcome = outer.host->run(made->asked, *made->session, made->deadline,
                                   {later, steady_clock::now(), ran_since});
    if (awaits && !outcome)
      return;
    const auto now = steady_clock::now();
    if (made->claim()) {
      made->ran = now - std::min(ran_since, now);
      made->settle(outcome ? std::move(*outcome)
                           : tl::unexpected{error{errc::interpreter_died,
                                                  "it ended meanwhile"}});
    }
  } else if (outer.host->accept_inside(made)) {
    outer.host->flush();
  } else {
    made->answer(tl::unexpected{
      outer.host->has_ended()
        ? error{errc::interpreter_died, "it ended while it was called back"}
        : error{errc::overloaded,
                fmt::format("a callback has {} calls on their way; wait for "
                            "some",
                            limits::inside_max)}});
  }
}

result<void> dispatcher::prepare(exchange& made) const {
  if (settings_.payload_bytes_max == 0)
    return {};
  auto encoded = wire::encode_request(
    made.asked, made.session->number, settings_.payload_bytes_max,
    made.session->refs.rules(), made.session->id, made.session->home.epoch);
  if (!encoded)
    return tl::unexpected{std::move(encoded).error()};
  made.prepared = std::move(*encoded);
  if (made.to.route)
    wire::write_route(*made.prepared, *made.to.route);
  return {};
}

void dispatcher::put_in(const exchange_ptr& made) {
  outcomes after;
  const lock_guard lock{mutex_};
  // It may have expired on its way here; from now on `give_up` finds it.
  if (made->answered())
    return;
  if (auto refused = admit(made, after))
    after.refuse(made, std::move(*refused));
}

result<value> dispatcher::wait(const exchange_ptr& mine) {
  for (;;) {
    const auto serving = host_of(*mine);
    switch (serving ? serving->wait_for(*mine, *clock_) : mine->wait(*clock_)) {
    case exchange::news::answered:
      break;
    case exchange::news::lead:
      continue;
    case exchange::news::called_back:
      while (mine->do_job()) {
      }
      continue;
    case exchange::news::deadline:
      give_up(mine, errc::deadline_exceeded);
      break;
    }
    // Callbacks that came too late to run hear of that.
    while (mine->do_job()) {
    }
    return mine->take();
  }
}

void dispatcher::help(const exchange_ptr& mine,
                      steady_clock::time_point until) {
  if (process_.forked() || clock_->now() >= until)
    return;
  std::shared_ptr<interpreter_host> serving;
  {
    const lock_guard lock{mutex_};
    // In line it comes when others are answered.
    const auto* at = find(mine->interpreter ? mine->interpreter : mine->home);
    serving = at != nullptr ? at->host : nullptr;
  }
  if (serving)
    serving->help(*mine, *clock_, std::min(until, mine->deadline));
}

void dispatcher::hurry(const exchange_ptr& told) {
  // First: where it has no host yet, that will see it.
  if (!told->may_be_late.exchange(false) || process_.forked())
    return;
  if (const auto serving = host_of(*told))
    serving->hurry(*told);
}

void dispatcher::give_up(const exchange_ptr& late, errc why) {
  if (late->claim())
    late->settle(tl::unexpected{end(late, why)});
}

// What is left is to say whether it may have run, and to bring the interpreter
// back if it is still running.
error dispatcher::end(const exchange_ptr& claimed, errc why) {
  std::shared_ptr<interpreter_host> serving;
  {
    outcomes after;
    const lock_guard lock{mutex_};
    auto* const home = find(claimed->home);
    if (home != nullptr
        && (home->executors[claimed->executor].waiting.erase(claimed)
            || anywhere_.erase(claimed))) {
      leave_line(*claimed);
      pump_all(after); // it may have been the first in line
      tell_watchers();
      return given_up_error(claimed->asked, why, call_stage::queued);
    }
    if (claimed->interpreter == 0)
      return given_up_error(claimed->asked, why, call_stage::queued);
    serving = at(claimed->interpreter).host;
  }
  // The host that had it may have died meanwhile: it may have begun it.
  return given_up_error(claimed->asked, why,
                        serving ? serving->abandon(*claimed)
                                : call_stage::running);
}

std::shared_ptr<interpreter_host>
dispatcher::host_of(const exchange& made) const {
  const lock_guard lock{mutex_};
  const auto* given = find(made.interpreter);
  return given != nullptr ? given->host : nullptr;
}

std::optional<result<value>>
dispatcher::run_here(const operation& asked,
                     const std::shared_ptr<const session_gate>& session,
                     steady_clock::time_point deadline, const destination& to,
                     const std::optional<steady_clock::time_point>& began,
                     steady_clock::time_point now) {
  interpreter* place = nullptr;
  std::shared_ptr<interpreter_host> here;
  auto ran_since = steady_clock::time_point::max();
  const auto told_of = [&](result<value> outcome) {
    if (began) {
      const auto ended = steady_clock::now();
      auto told = call_ended(asked, *session, settings_.pool, ended - *began,
                             ended - std::min(ran_since, ended), outcome);
      told.interpreter = here ? place->number : 0;
      tell(settings_.on_event, told);
    }
    return outcome;
  };
  std::unique_lock lock{mutex_};
  if (auto found = place_for(to, *session)) {
    place = *found;
  } else {
    lock.unlock();
    return told_of(tl::unexpected{std::move(found).error()});
  }
  // Python needs a stack of its own size.
  if (!place->host || !place->host->runs_in_caller()
      || !has_stack(limits::stack_of_python_bytes))
    return std::nullopt;
  if (auto refused = refusal_of_new(asked, *session, to.epoch, *place)) {
    lock.unlock();
    return told_of(tl::unexpected{std::move(*refused)});
  }
  if (asked.what != verb::release_session) {
    auto& mine = know(session);
    if (to.interpreter == 0)
      mine.home = place->number;
    come(mine, *place, executor_for(session->number, *place));
  }
  here = place->host;
  ++place->calls;
  ++place->on_callers_threads;
  lock.unlock();
  exchange_ptr awaited;
  const auto make = [&] {
    awaited = std::make_shared<exchange>(asked, session, deadline, to);
    awaited->interpreter = place->number;
    if (began)
      tell_end_of(*awaited, *began);
    return awaited;
  };
  // By one pointer, which a function keeps without memory of its own.
  const interpreter_host::exchange_maker later = [&make] { return make(); };
  auto outcome = here->run(asked, *session, deadline, {later, now, ran_since});
  {
    std::optional<outcomes> after;
    const lock_guard lock{mutex_};
    if (place->host == here) // else it is counted no more
      --place->on_callers_threads;
    if (!outcome && !awaited)
      --place->calls; // it is taken once more
    if (count_waiting() > 0)
      pump_all(after.emplace());
    tell_watchers();
  }
  if (awaited && outcome) // it could not
    awaited->answer(*std::move(outcome));
  if (awaited) {
    awaited->watch(clock_,
                   {weak_from_this(), awaited, errc::deadline_exceeded});
    return wait(awaited);
  }
  if (outcome && began)
    return told_of(*std::move(outcome));
  return outcome;
}

std::vector<std::uint32_t> dispatcher::places_of(std::uint64_t session) const {
  const lock_guard lock{mutex_};
  std::vector<std::uint32_t> numbers;
  if (const auto known = users_.find(session); known != users_.end())
    for (const auto& each : known->second.places)
      numbers.push_back(each.interpreter);
  return numbers;
}

// With the session's executor there.
std::vector<std::pair<std::shared_ptr<interpreter_host>, std::uint32_t>>
dispatcher::hosts_of(std::uint64_t session) const {
  std::vector<std::pair<std::shared_ptr<interpreter_host>, std::uint32_t>>
    found;
  const lock_guard lock{mutex_};
  if (const auto known = users_.find(session); known != users_.end())
    for (const auto& each : known->second.places)
      if (const auto& host = at(each.interpreter).host)
        found.emplace_back(host, each.executor);
  return found;
}

// No call of the session starts any more: what it has left is told without the
// lock.
void dispatcher::withdraw(std::uint64_t session) {
  {
    outcomes after;
    const lock_guard lock{mutex_};
    const auto known = users_.find(session);
    if (known == users_.end())
      return;
    auto waiting = anywhere_.take(session);
    for (const auto& each : known->second.places)
      for (auto& own :
           at(each.interpreter).executors[each.executor].waiting.take(session))
        waiting.push_back(std::move(own));
    for (auto& each : waiting) {
      leave_line(*each);
      auto why =
        given_up_error(each->asked, errc::session_closed, call_stage::queued);
      after.refuse(std::move(each), std::move(why));
    }
    tell_watchers();
  }
  for (const auto& [host, executor] : hosts_of(session))
    host->withdraw(session);
}

void dispatcher::release(std::uint64_t session) {
  withdraw(session);
  for (const auto& [host, executor] : hosts_of(session)) {
    host->release(session, executor);
    host->flush();
  }
  const lock_guard lock{mutex_};
  last_found_ = nullptr;
  if (const auto known = users_.extract(session))
    for (const auto& each : known.mapped().places)
      --at(each.interpreter).executors[each.executor].users;
  tell_watchers();
}

// --- Who may run, and where --------------------------------------------------

interpreter* dispatcher::find(std::uint32_t number) {
  return const_cast<interpreter*>(std::as_const(*this).find(number));
}

const interpreter* dispatcher::find(std::uint32_t number) const {
  const auto place =
    std::find_if(interpreters_.begin(), interpreters_.end(),
                 [&](const auto& each) { return each->number == number; });
  return place == interpreters_.end() ? nullptr : place->get();
}

interpreter& dispatcher::at(std::uint32_t number) {
  return const_cast<interpreter&>(std::as_const(*this).at(number));
}

const interpreter& dispatcher::at(std::uint32_t number) const {
  const auto* const found = find(number);
  ensure(found != nullptr, "the pool has that interpreter");
  return *found;
}

std::size_t dispatcher::count_in_service() const {
  return static_cast<std::size_t>(
    std::count_if(interpreters_.begin(), interpreters_.end(),
                  [](const auto& each) { return each->is_in_service(); }));
}

std::optional<error> dispatcher::refusal(const operation& asked,
                                         const session_gate& session,
                                         std::uint32_t epoch,
                                         const interpreter& at) const {
  if (at.retired)
    return out_of_service(at, epoch);
  if (closed_)
    return closed_;
  if (epoch != 0 && at.lives.is_over(epoch))
    return error{errc::ref_stale,
                 fmt::format("the object lived in incarnation {} of "
                             "interpreter {}, which has ended; make it again",
                             epoch, at.number)};
  // What counts its objects comes last.
  if (session.closed.load() && asked.what != verb::release_session)
    return error{
      errc::session_closed,
      fmt::format("session '{}' has ended; open it again", session.id)};
  return {};
}

std::optional<error> dispatcher::refusal(const exchange& made,
                                         const interpreter& at) const {
  return refusal(made.asked, *made.session, made.to.epoch, at);
}

std::optional<error> dispatcher::refusal_of_new(const operation& asked,
                                                const session_gate& session,
                                                std::uint32_t epoch,
                                                const interpreter& at) const {
  if (auto why = refusal(asked, session, epoch, at))
    return why;
  if (held_ && !frees_objects(asked.what))
    return held_;
  if (!asked.fails_fast)
    return {};
  if (!at.is_up() || at.replacing)
    return unavailable(at);
  if (at.load(executor_for(session.number, at)) == 0)
    return {};
  return error{errc::worker_busy,
               fmt::format("interpreter {} runs another call; call again "
                           "later, or wait for it (affinity strict_queue)",
                           at.number)};
}

result<interpreter*> dispatcher::place_for(const destination& to,
                                           const session_gate& session) {
  auto* const place =
    to.interpreter == 0 ? home_of(session) : find(to.interpreter);
  if (place == nullptr)
    return tl::unexpected{unknown_interpreter(to.interpreter)};
  return place;
}

// Of those that `fit`; null: none does.
template <class Fits>
interpreter* dispatcher::least_busy(Fits fit) {
  const auto lately = clock_->now() - settings_.shy_of_deaths;
  const auto rank = [&](const interpreter& each) {
    return std::tuple{each.retired,
                      each.leaves,
                      !each.is_up(),
                      each.due,
                      each.lives.died_since(lately),
                      each.load(),
                      each.users()};
  };
  interpreter* least = nullptr;
  for (const auto& each : interpreters_)
    if (fit(*each) && (least == nullptr || rank(*each) < rank(*least)))
      least = each.get();
  return least;
}

interpreter* dispatcher::least_busy() {
  return least_busy([](const interpreter&) { return true; });
}

// The one its calls go to that no ref of theirs sends elsewhere. Chosen at the
// first of them, and again where it has left the pool.
interpreter* dispatcher::home_of(const session_gate& session) {
  const auto* const known = find_user(session.number);
  if (known != nullptr && known->home != 0)
    if (auto& home = at(known->home); !home.retired)
      return &home;
  return least_busy();
}

// The session's executor there, once it has come.
std::optional<std::uint32_t>
dispatcher::known_executor(std::uint64_t session, const interpreter& at) const {
  if (at.executors.size() == 1)
    return 0;
  const auto known = users_.find(session);
  if (known != users_.end())
    for (const auto& each : known->second.places)
      if (each.interpreter == at.number)
        return each.executor;
  return {};
}

std::uint32_t dispatcher::executor_for(std::uint64_t session,
                                       const interpreter& at) const {
  const auto known = known_executor(session, at);
  return known ? *known : at.least_busy_executor();
}

// The executor that would run a call of the session there at once.
std::optional<std::uint32_t>
dispatcher::free_executor(std::uint64_t session, const interpreter& at) const {
  const auto executor = executor_for(session, at);
  return at.is_free(executor) ? std::optional{executor} : std::nullopt;
}

// Where a call would run at once that any may run; nothing: nowhere.
std::optional<dispatcher::place> dispatcher::free_place(std::uint64_t session,
                                                        interpreter& home) {
  const interpreter* free = &home;
  if (!free_executor(session, home))
    free = least_busy([&](const interpreter& each) {
      return takes_any(each) && free_executor(session, each);
    });
  if (free == nullptr)
    return {};
  return place{free->number, *free_executor(session, *free)};
}

// One that is to be replaced, or leaves the pool, gets no more than it must.
bool dispatcher::takes_any(const interpreter& at) const {
  if (!at.is_in_service())
    return false;
  return !at.due
         || std::all_of(
           interpreters_.begin(), interpreters_.end(), [](const auto& each) {
             return !each->is_in_service() || each->due || !each->is_up();
           });
}

dispatcher::user* dispatcher::find_user(std::uint64_t session) {
  if (last_found_ != nullptr && last_user_ == session)
    return last_found_;
  const auto known = users_.find(session);
  if (known == users_.end())
    return nullptr;
  last_user_ = session;
  return last_found_ = &known->second;
}

// For a call that was not refused: whoever ends the session meanwhile comes
// after us, and finds it here.
dispatcher::user&
dispatcher::know(const std::shared_ptr<const session_gate>& session) {
  if (auto* const known = find_user(session->number))
    return *known;
  return users_.emplace(session->number, user{.session = session, .places = {}})
    .first->second;
}

void dispatcher::come(user& mine, interpreter& to, std::uint32_t executor) {
  if (std::any_of(
        mine.places.begin(), mine.places.end(),
        [&](const place& each) { return each.interpreter == to.number; }))
    return;
  mine.places.push_back({to.number, executor});
  ++to.executors[executor].users;
}

std::optional<error> dispatcher::admit(const exchange_ptr& made,
                                       outcomes& after) {
  const auto found = place_for(made->to, *made->session);
  if (!found)
    return found.error();
  auto& home = **found;
  if (auto refused =
        refusal_of_new(made->asked, *made->session, made->to.epoch, home))
    return refused;
  made->executor = executor_for(made->session->number, home);
  // What counts a session's objects comes when that has ended.
  if (made->asked.what != verb::release_session) {
    auto& mine = know(made->session);
    if (made->to.interpreter == 0)
      mine.home = home.number;
    if (!made->to.anywhere) // else it comes where it is started
      come(mine, home, made->executor);
  }
  if (made->to.anywhere && anywhere_.empty()) {
    const auto free = free_place(made->session->number, home);
    if (free && start(at(free->interpreter), free->executor, made, after))
      return {};
  } else if (!made->to.anywhere && !home.replacing
             && home.executors[made->executor].waiting.empty()
             && !next_anywhere(home, made->executor)) {
    if (home.host && start(home, made->executor, made, after))
      return {};
  }
  if (made->asked.fails_fast)
    return unavailable(home);
  if (auto refused = wait_in_line(made, home, after))
    return refused;
  // What is before it may be for another executor.
  if (made->to.anywhere)
    pump_all(after);
  else
    pump(home, made->executor, after);
  return {};
}

// False when its host takes no more.
bool dispatcher::start(interpreter& at, std::uint32_t executor,
                       const exchange_ptr& made, outcomes& after) {
  ensure(at.host != nullptr && executor < at.executors.size(),
         "a call is started where there is a host, on one of its executors");
  const auto before = std::exchange(made->interpreter, at.number);
  const auto seat = std::exchange(made->executor, executor);
  if (!at.host->accept(made)) {
    made->interpreter = before;
    made->executor = seat;
    return false;
  }
  if (made->asked.what != verb::release_session)
    come(know(made->session), at, executor);
  ++at.calls;
  after.flush(at.host);
  return true;
}

std::size_t dispatcher::count_waiting() const {
  auto all = anywhere_.size();
  for (const auto& each : interpreters_)
    all += each->waiting();
  return all;
}

// The line of the session that has the most calls in one.
line& dispatcher::fullest_line() {
  auto* fullest = &anywhere_;
  for (const auto& each : interpreters_)
    if (auto& own = fullest_line(*each); own.longest() > fullest->longest())
      fullest = &own;
  return *fullest;
}

line& dispatcher::fullest_line(interpreter& of) {
  auto* fullest = &of.executors.front().waiting;
  for (auto& each : of.executors)
    if (each.waiting.longest() > fullest->longest())
      fullest = &each.waiting;
  return *fullest;
}

std::optional<error> dispatcher::wait_in_line(const exchange_ptr& made,
                                              interpreter& home,
                                              outcomes& after) {
  const auto room_of_one = settings_.waiting_max;
  const auto room_of_all =
    room_of_one * std::max(count_in_service(), std::size_t{1});
  const bool is_home_full = !made->to.anywhere && home.waiting() >= room_of_one;
  const bool is_full = is_home_full || count_waiting() >= room_of_all;
  if (is_full && !frees_objects(made->asked.what)) {
    auto& fullest = is_home_full ? fullest_line(home) : fullest_line();
    auto gives_way = fullest.make_room(made->session->number);
    if (!gives_way)
      return overloaded(home, room_of_one);
    leave_line(*gives_way);
    after.refuse(std::move(gives_way), overloaded(home, room_of_one));
  }
  push_back(made, home);
  return {};
}

void dispatcher::push_back(const exchange_ptr& made, interpreter& home) {
  made->home = home.number;
  if (made->to.anywhere) {
    ++home.homeless;
    anywhere_.push_back(made);
  } else {
    home.executors[made->executor].waiting.push_back(made);
  }
}

// It has been taken out of its line.
void dispatcher::leave_line(const exchange& gone) {
  if (gone.to.anywhere)
    --at(gone.home).homeless;
}

// Whose turn it is in the pool's line, of those that this executor may serve:
// none that has another here already. One that is to be replaced takes what
// began with it, lest that waits where all others are busy.
std::optional<line::turn_of> dispatcher::next_anywhere(const interpreter& at,
                                                       std::uint32_t executor) {
  if (anywhere_.empty() || !at.is_in_service())
    return {};
  const bool takes_all = takes_any(at);
  return anywhere_.next([&](std::uint64_t session) {
    const auto known = known_executor(session, at);
    return (takes_all || anywhere_.front(session)->home == at.number)
           && (!known || *known == executor);
  });
}

// Whose turn it is at an executor that may take another call; nothing: it is to
// take none.
std::optional<dispatcher::next_call>
dispatcher::next_for(interpreter& at, std::uint32_t executor) {
  auto& line_here = at.executors[executor].waiting;
  const auto own = line_here.next();
  const auto any = next_anywhere(at, executor);
  // Threads that run their own calls there take turns with it.
  if (any && (!own || any->number < own->number))
    return at.host->running(executor) == 0
             ? std::optional{next_call{&anywhere_, any->session}}
             : std::nullopt;
  return own ? std::optional{next_call{&line_here, own->session}}
             : std::nullopt;
}

void dispatcher::pump(interpreter& at, std::uint32_t executor,
                      outcomes& after) {
  while (at.host && !at.replacing) {
    const auto turn = next_for(at, executor);
    if (!turn)
      return;
    const auto next = turn->from->front(turn->session);
    if (!next->answered()) {
      if (auto why = refusal(*next, at))
        after.refuse(next, std::move(*why));
      else if (!start(at, executor, next, after))
        return;
    }
    turn->from->pop_front(turn->session);
    leave_line(*next);
  }
}

void dispatcher::pump(interpreter& at, outcomes& after) {
  for (std::uint32_t each = 0; each < at.executors.size(); ++each)
    pump(at, each, after);
}

void dispatcher::pump_all(outcomes& after) {
  for (const auto& each : interpreters_)
    pump(*each, after);
}

// --- Interpreters come and go ------------------------------------------------

void dispatcher::add(std::uint32_t number) {
  const lock_guard lock{mutex_};
  ensure(number != 0, "0 is the number of no interpreter");
  if (find(number) != nullptr)
    return;
  interpreters_.push_back(
    std::make_unique<interpreter>(number, settings_.executors, turns_));
  interpreters_.back()->retired = true;
}

std::vector<std::uint32_t> dispatcher::in_service() const {
  std::vector<std::uint32_t> numbers;
  const lock_guard lock{mutex_};
  for (const auto& each : interpreters_)
    if (each->is_in_service())
      numbers.push_back(each->number);
  return numbers;
}

void dispatcher::close(error why) {
  outcomes after;
  const lock_guard lock{mutex_};
  if (!closed_)
    closed_ = why;
  auto waiting = anywhere_.take_all();
  for (const auto& at : interpreters_)
    for (auto& each : at->take_waiting())
      waiting.push_back(std::move(each));
  for (auto& each : waiting) {
    leave_line(*each);
    after.refuse(std::move(each), why);
  }
  changed_.notify_all();
}

void dispatcher::reopen() {
  const lock_guard lock{mutex_};
  closed_.reset();
  for (const auto& each : interpreters_)
    each->lives.forget_deaths();
}

std::optional<error> dispatcher::why_closed() const {
  const lock_guard lock{mutex_};
  return closed_;
}

void dispatcher::hold(std::optional<error> why) {
  const lock_guard lock{mutex_};
  held_ = std::move(why);
}

bool dispatcher::is_held() const {
  const lock_guard lock{mutex_};
  return held_.has_value();
}

void dispatcher::tell_watchers() {
  if (watchers_ > 0)
    changed_.notify_all();
}

// On the clock of the bridge; with the lock.
template <class Holds>
bool dispatcher::wait_until(std::unique_lock<std::mutex>& lock,
                            steady_clock::time_point deadline, Holds holds) {
  ++watchers_;
  const finally gone{[this] { --watchers_; }};
  while (!holds())
    if (clock_->wait_until(lock, changed_, deadline) == std::cv_status::timeout)
      return holds();
  return true;
}

bool dispatcher::wait_idle(steady_clock::time_point deadline) {
  std::unique_lock lock{mutex_};
  return wait_until(lock, deadline, [this] {
    return std::all_of(interpreters_.begin(), interpreters_.end(),
                       [](const auto& each) { return each->load() == 0; });
  });
}

void dispatcher::stop_hosts() {
  std::vector<std::shared_ptr<interpreter_host>> hosts;
  {
    const lock_guard lock{mutex_};
    for (const auto& each : interpreters_)
      if (each->host)
        hosts.push_back(each->host);
  }
  for (const auto& each : hosts)
    each->stop();
}

std::vector<std::pair<std::uint32_t, interpreter_facts>>
dispatcher::look() const {
  std::vector<std::pair<std::uint32_t, interpreter_facts>> seen;
  const lock_guard lock{mutex_};
  for (const auto& each : interpreters_)
    seen.emplace_back(each->number, each->facts());
  return seen;
}

interpreter_facts dispatcher::look(std::uint32_t number) const {
  const lock_guard lock{mutex_};
  return at(number).facts();
}

void dispatcher::leave(std::uint32_t number) {
  outcomes after;
  const lock_guard lock{mutex_};
  at(number).leaves = true;
  pump_all(after); // one that is due may have to take what any may run
}

void dispatcher::retire(std::uint32_t number,
                        steady_clock::time_point patience) {
  outcomes after;
  std::unique_lock lock{mutex_};
  auto& leaving = at(number);
  wait_until(lock, patience, [&] { return leaving.users() == 0; });
  leaving.retired = true;
  for (const auto& each : leaving.take_waiting())
    after.refuse(each, *refusal(*each, leaving));
  pump_all(after);
  changed_.notify_all();
}

void dispatcher::bring_back(std::uint32_t number) {
  outcomes after;
  const lock_guard lock{mutex_};
  auto& back = at(number);
  back.retired = back.leaves = false;
  pump(back, after);
}

void dispatcher::expect_host(std::uint32_t number) {
  const lock_guard lock{mutex_};
  at(number).lives.forget_deaths();
}

result<void> dispatcher::wait_ready(std::uint32_t number,
                                    steady_clock::time_point deadline) {
  std::unique_lock lock{mutex_};
  const auto& awaited = at(number);
  const bool told = wait_until(lock, deadline, [&] {
    return awaited.host || awaited.lives.has_died()
           || (closed_ && !awaited.retired);
  });
  if (awaited.host)
    return {};
  if (!told)
    return not_ready(awaited);
  const auto& died = awaited.lives.last_death();
  return tl::unexpected{died ? *died : *closed_};
}

result<void> dispatcher::wait_up(std::uint32_t number,
                                 steady_clock::time_point deadline) {
  std::unique_lock lock{mutex_};
  const auto& awaited = at(number);
  if (!wait_until(lock, deadline, [&] { return awaited.is_up() || closed_; }))
    return not_ready(awaited);
  return closed_ ? result<void>{*closed_} : result<void>{};
}

std::uint32_t dispatcher::next_epoch(std::uint32_t number) {
  const lock_guard lock{mutex_};
  return at(number).lives.begin();
}

std::uint32_t dispatcher::successor_epoch(std::uint32_t number) {
  const lock_guard lock{mutex_};
  return at(number).lives.begin_successor();
}

void dispatcher::attach(std::uint32_t number,
                        std::shared_ptr<interpreter_host> host,
                        std::uint32_t epoch) {
  outcomes after;
  const lock_guard lock{mutex_};
  auto& here = at(number);
  ensure(host != nullptr, "a host that serves is there");
  // It was ended when it had just become ready.
  if (epoch != 0 && here.lives.is_over(epoch))
    return;
  // The one before may not have said yet that it has ended.
  if (here.host) {
    here.on_callers_threads = 0;
    forget_objects(number, here.lives.epoch() - 1);
  }
  here.host = std::move(host);
  here.calls_before = here.calls;
  here.due = here.replacing = false;
  changed_.notify_all();
  pump(here, after);
}

void dispatcher::pump(std::uint32_t number) {
  outcomes after;
  const lock_guard lock{mutex_};
  pump(at(number), after);
  tell_watchers();
}

void dispatcher::detach(std::uint32_t number, const interpreter_host* host,
                        std::uint32_t epoch, host_end end) {
  outcomes after;
  const lock_guard lock{mutex_};
  auto& here = at(number);
  // One that never served, or serves no more, changes nothing.
  const bool present = here.host.get() == host || epoch == here.lives.epoch();
  if (here.host.get() == host) {
    here.host.reset();
    here.on_callers_threads = 0;
    here.replacing = false;
  }
  if (present) {
    here.lives.end(epoch);
    forget_objects(number, epoch);
    if (!end.asked)
      here.lives.die(end.why, clock_->now());
  }
  take_unstarted(here, end, after);
  // It may be long until there is another.
  for (auto& own : here.executors)
    for (const auto& each : own.waiting.take_stale(here.lives.ended()))
      after.refuse(each, *refusal(*each, here));
  pump_all(after); // another host may be there already
  changed_.notify_all();
}

// What an incarnation held, and those before it, counts no more.
void dispatcher::forget_objects(std::uint32_t number, std::uint32_t epoch) {
  for (const auto& [session, each] : users_)
    if (std::any_of(
          each.places.begin(), each.places.end(),
          [&](const place& mine) { return mine.interpreter == number; }))
      each.session->refs.forget_up_to(number, epoch);
}

// They are next again, in the order they had.
void dispatcher::take_unstarted(interpreter& at, host_end& end,
                                outcomes& after) {
  for (auto each = end.unstarted.rbegin(); each != end.unstarted.rend();
       ++each) {
    const auto& made = *each;
    if (made->answered())
      continue; // given up meanwhile
    made->interpreter = 0;
    const bool may_move =
      at.retired && made->to.anywhere && !closed_ && !made->session->closed;
    if (auto why = refusal(*made, at); why && !may_move) {
      after.refuse(made, closed_ ? *closed_ : std::move(*why));
    } else if (made->asked.fails_fast) {
      after.refuse(made, unavailable(at));
    } else if (++made->lost > limits::call_losses_max) {
      after.refuse(made, end.why.with_may_have_run(false));
    } else {
      made->home = at.number;
      if (made->to.anywhere)
        ++at.homeless;
      (made->to.anywhere ? anywhere_ : at.executors[made->executor].waiting)
        .push_front(made);
    }
  }
}

// --- One takes the place of another ------------------------------------------

bool dispatcher::is_used_locked(const interpreter& at) const {
  return std::any_of(users_.begin(), users_.end(), [&](const auto& each) {
    return each.second.session->refs.is_used(at.number);
  });
}

bool dispatcher::is_used(std::uint32_t number) const {
  const lock_guard lock{mutex_};
  return is_used_locked(at(number));
}

dispatcher::replacement
dispatcher::replace(std::uint32_t number,
                    const std::shared_ptr<interpreter_host>& host,
                    std::uint32_t epoch) {
  auto replaced = host;
  {
    outcomes after;
    const lock_guard lock{mutex_};
    auto& here = at(number);
    if (!std::exchange(here.replacing, false))
      here.replacing_since = clock_->now();
    // For the call of one executor the others do not stand still for long.
    const bool is_one_call =
      here.executors.size() == 1 && here.running() == here.running(0);
    const bool waits_on =
      is_one_call
      || clock_->now() - here.replacing_since
           < std::chrono::milliseconds{limits::replace_hold_ms_max};
    // What runs may yet make objects: it is looked at when it has ended.
    if (closed_ || !here.host || host->has_ended() || is_used_locked(here)
        || (here.running() > 0 && !waits_on)) {
      pump(here, after);
      return replacement::used;
    }
    if (here.running() > 0) {
      here.replacing = true;
      return replacement::waits;
    }
    here.lives.replace(epoch);
    here.host.swap(replaced);
    here.calls_before = here.calls;
    here.due = false;
    pump(here, after);
  }
  replaced->stop();
  return replacement::done;
}

void dispatcher::serve_on(std::uint32_t number) {
  outcomes after;
  const lock_guard lock{mutex_};
  at(number).replacing = false;
  pump(at(number), after);
}

bool dispatcher::look_if_due(std::uint32_t number, const recycle_limits& limits,
                             std::chrono::milliseconds age) {
  std::shared_ptr<interpreter_host> serving;
  {
    const lock_guard lock{mutex_};
    serving = at(number).host;
  }
  const auto resident =
    serving && limits.memory_bytes > 0 ? serving->resident_bytes() : 0;
  const auto beyond = [](auto amount, auto limit) {
    return limit > decltype(limit){} && amount >= limit;
  };
  outcomes after;
  const lock_guard lock{mutex_};
  auto& here = at(number);
  here.due = here.due || beyond(here.calls - here.calls_before, limits.calls)
             || beyond(age, limits.age)
             || beyond(resident, limits.memory_bytes);
  pump_all(after); // where all are due, each takes what any may run
  return here.due;
}

} // namespace snakebridge
