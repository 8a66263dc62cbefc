#include "runtime/hosts/worker_link.hpp"

#include <algorithm>

#include "config/tunables.hpp"
#include "runtime/base/ensure.hpp"
#include "runtime/base/event.hpp"
#include "runtime/base/finally.hpp"
#include "runtime/hosts/python_environment.hpp"
#include "runtime/wire/messages.hpp"

namespace snakebridge {

worker_link::worker_link(owner& by, incarnation self,
                         std::filesystem::path python, std::size_t executors)
    : owner_{by},
      self_{std::move(self)},
      python_{std::move(python)},
      call_leader_{make_event()},
      seats_(executors) {}

// --- Of the host -------------------------------------------------------------

bool worker_link::make_missing_event() {
  if (!call_leader_)
    call_leader_ = make_event();
  return static_cast<bool>(call_leader_);
}

void worker_link::connect(worker_process& to, std::unique_ptr<channel> data) {
  ensure(!data_, "a link is connected once");
  process_ = &to;
  data_ = std::make_unique<peer>(std::move(data), &call_leader_);
}

void worker_link::open() {
  const std::lock_guard lock{mutex_};
  open_ = true;
}

void worker_link::finish() {
  const std::lock_guard lock{mutex_};
  if (open_.exchange(false))
    data_->over().finish_sending();
  own_thread_reads_ = true; // what still runs is answered
}

bool worker_link::send() {
  return data_->over().flush();
}

bool worker_link::own_thread_reads() const {
  return own_thread_reads_;
}

void worker_link::look(std::span<executor_sight> seen) const {
  const std::lock_guard lock{mutex_};
  for (std::size_t at = 0; at < seats_.size(); ++at) {
    const auto& calls = seats_[at].calls;
    seen[at] = {};
    if (calls.empty())
      continue;
    // It serves them in order. Where it has started none the first is what it
    // comes to when it is done with what it does between calls, which is Python
    // code as well (finalisers).
    const auto running = last_started(calls);
    const auto call = (running ? running : calls.front())->id;
    seen[at] = {.call = call,
                .runs = running != nullptr,
                .unwanted = process_->is_withdrawn(call)};
  }
}

exchange_ptr worker_link::find(std::uint64_t call) const {
  const std::lock_guard lock{mutex_};
  auto* const place = const_cast<worker_link*>(this)->find_locked(call);
  return place != nullptr ? *place : nullptr;
}

std::vector<exchange_ptr> worker_link::running_calls() const {
  std::vector<exchange_ptr> found;
  const std::lock_guard lock{mutex_};
  for (const auto& each : seats_)
    if (auto running = last_started(each.calls))
      found.push_back(std::move(running));
  return found;
}

// What came before it is answered, though perhaps not read yet.
exchange_ptr
worker_link::last_started(const std::vector<exchange_ptr>& calls) const {
  const auto place =
    std::find_if(calls.rbegin(), calls.rend(), [this](const auto& each) {
      return process_->status().has_started(each->id);
    });
  return place == calls.rend() ? nullptr : *place;
}

worker_link::rest worker_link::close() {
  rest had;
  const std::lock_guard lock{mutex_};
  open_ = false;
  for (auto& each : seats_) {
    had.held.push_back(each.calls.size());
    if (auto running = last_started(each.calls))
      had.running.push_back(std::move(running));
    for (auto& call : std::exchange(each.calls, {}))
      (process_->status().has_started(call->id) ? had.started : had.unstarted)
        .push_back(std::move(call));
  }
  unwaited_ = 0;
  if (data_)
    data_->over().close();
  return had;
}

void worker_link::forget(const rest& had) {
  for (std::size_t at = 0; at < had.held.size(); ++at) {
    seats_[at].running -= had.held[at];
    running_ -= had.held[at];
  }
}

void worker_link::gone(const exchange& each) {
  ensure(running_ > 0, "each call it was given is gone once");
  --seats_[each.executor].running;
  --running_;
}

// --- Calls go out ------------------------------------------------------------

bool worker_link::accept(const exchange_ptr& taken) {
  ensure(taken->prepared != nullptr && taken->executor < seats_.size(),
         "a call for a worker is encoded, and for one of its executors");
  auto& seat = seats_[taken->executor];
  const std::lock_guard lock{mutex_};
  if (!open_ || seat.calls.size() >= limits::handed_over_max)
    return false;
  wire::write_elsewhere(
    *taken->prepared,
    taken->session->refs.bounds_in(self_.interpreter).elsewhere);
  taken->id = call_id(++seat.last, taken->executor);
  seat.calls.push_back(taken);
  ++seat.running;
  ++running_;
  data_->over().post(
    {.kind = frame_kind::request,
     .call = taken->id,
     .deadline_ns =
       std::chrono::nanoseconds{taken->deadline.time_since_epoch()}.count()},
    taken->prepared);
  // A leader that sleeps may have missed what the own thread has taken.
  if (unwaited_ == 0 && taken->waited_for() && own_thread_reads_.exchange(false)
      && leader_)
    data_->call_leader();
  if (!taken->waited_for()) {
    ++unwaited_;
    if (!own_thread_reads_.exchange(true))
      wakes_ = true;
  } else if (!own_thread_reads_ && !leader_) {
    taken->appoint();
  }
  return true;
}

void worker_link::flush() {
  if (!open_)
    return;
  const bool wakes = wakes_ && wakes_.exchange(false);
  if (!data_->over().flush() || wakes)
    owner_.wake();
}

void worker_link::release(std::uint64_t session, std::size_t executor) {
  auto message = wire::encode_release(session);
  const std::lock_guard lock{mutex_};
  post_release(std::move(message), executor);
}

void worker_link::post_release(std::shared_ptr<message> released,
                               std::size_t executor) {
  if (open_)
    data_->over().post(
      {.kind = frame_kind::release, .call = call_id(0, executor)},
      std::move(released));
}

call_stage worker_link::abandon(const exchange& given_up) {
  auto reached = call_stage::running;
  {
    const std::lock_guard lock{mutex_};
    if (given_up.id == 0)
      return call_stage::queued; // given up before any host had it
    const auto* place = find_locked(given_up.id);
    if (place != nullptr && place->get() == &given_up) {
      process_->withdraw(given_up.id);
      // The worker looks at the withdrawal after it has said "started", so what
      // has not been started by now never will be.
      if (!process_->status().has_started(given_up.id))
        reached = call_stage::handed_over;
    }
    // The thread that waits for it may be asleep over the channel.
    if (leader_)
      data_->call_leader();
    ensure_reader();
  }
  owner_.wake();
  return reached;
}

void worker_link::withdraw(std::uint64_t session) {
  {
    const std::lock_guard lock{mutex_};
    // The worker must not begin the next when the first is ended.
    for (const auto& each : seats_)
      for (const auto& call : each.calls)
        if (call->session->number == session)
          process_->withdraw(call->id);
  }
  owner_.wake();
}

// --- Answers come in ---------------------------------------------------------

exchange::news worker_link::wait_for(exchange& mine, timers& clock) {
  if (begin_to_lead(mine)) {
    const finally led{[this] { end_of_lead(); }};
    // Until it is answered, its deadline passes, or another is to read.
    data_->lead([this] { return read(reader::leader); },
                [&] { return mine.answered() || !is_to_lead(); },
                mine.deadline);
  }
  return mine.wait(clock);
}

bool worker_link::begin_to_lead(const exchange& mine) {
  const std::lock_guard lock{mutex_};
  if (!open_ || leader_ || own_thread_reads_)
    return false;
  const auto* place = find_locked(mine.id);
  if (place == nullptr || place->get() != &mine)
    return false;
  return leader_ = true;
}

bool worker_link::is_to_lead() const {
  return open_ && !own_thread_reads_;
}

void worker_link::end_of_lead() {
  const std::lock_guard lock{mutex_};
  leader_ = false;
  // It may have taken what was to wake the own thread.
  if (own_thread_reads_)
    owner_.wake();
  else if (unwaited_ > 0 && open_)
    let_own_thread_read();
  else
    ensure_reader();
}

void worker_link::let_own_thread_read() {
  if (!own_thread_reads_.exchange(true))
    owner_.wake();
}

bool worker_link::is_empty() const {
  return std::all_of(seats_.begin(), seats_.end(),
                     [](const seat& each) { return each.calls.empty(); });
}

void worker_link::ensure_reader() {
  if (!open_ || leader_ || own_thread_reads_ || is_empty())
    return;
  for (const auto& each : seats_)
    for (const auto& call : each.calls)
      if (call->waited_for() && call->appoint())
        return;
  // Only calls that were given up: their replies must not block the worker.
  let_own_thread_read();
}

exchange_ptr* worker_link::find_locked(std::uint64_t call) {
  const auto executor = executor_of(call);
  if (executor >= seats_.size())
    return nullptr;
  auto& calls = seats_[executor].calls;
  const auto place =
    std::find_if(calls.begin(), calls.end(),
                 [&](const exchange_ptr& each) { return each->id == call; });
  return place == calls.end() ? nullptr : &*place;
}

channel_state worker_link::read(reader who) {
  std::vector<std::pair<exchange_ptr, frame>> replied;
  auto state = channel_state::open;
  bool any = false;
  try {
    // Taken back before another can read: who reads next, to learn what has no
    // reply, finds no call that has one.
    state = data_->read([&](std::vector<frame>& arrived) {
      any = true;
      replied.reserve(arrived.size());
      for (auto& reply : arrived)
        if (auto mine = take_back(reply, who))
          replied.emplace_back(std::move(mine), std::move(reply));
    });
  } catch (const std::bad_alloc&) {
    owner_.kill("there is no memory for what it sent");
    state = channel_state::closed;
  }
  for (const auto& [mine, reply] : replied)
    finish(mine, reply);
  if (who == reader::own_thread)
    finish_all_handed_off();
  // A leader may still sleep over the channel, for an answer that is among
  // these, or beside us: then we may have taken what was to wake it, and it
  // must say again that it dozes.
  if (who == reader::own_thread && leader_)
    data_->call_leader();
  if (state == channel_state::malformed)
    owner_.kill("it sent what is no frame");
  if (state != channel_state::open) {
    const std::lock_guard lock{mutex_};
    open_ = false;
    own_thread_reads_ = false;
  }
  if (state != channel_state::open)
    owner_.on_channel_end();
  else if (any)
    owner_.on_room();
  return state;
}

// The call, for who reads to finish; null when another is to.
exchange_ptr worker_link::take_back(frame& reply, reader who) {
  std::unique_lock lock{mutex_};
  auto* const place = find_locked(reply.header.call);
  const bool are_items = reply.header.kind == frame_kind::items;
  if (place == nullptr || (reply.header.kind != frame_kind::reply && !are_items)
      || (are_items && !(*place)->takes_items())) {
    lock.unlock();
    owner_.kill("it answered a call it was not given");
    return nullptr;
  }
  if (are_items) {
    hand_off(*place, reply, who);
    return nullptr;
  }
  auto replied = std::move(*place);
  auto& calls = seats_[replied->executor].calls;
  calls.erase(calls.begin() + (place - calls.data()));
  // What it printed last is its own; and the next may be one nobody wants.
  if (tells_returns
      || (!calls.empty() && process_->is_withdrawn(calls.front()->id)))
    owner_.wake();
  // Its thread may have been appointed to read: it will not, any more.
  if (who == reader::own_thread)
    ensure_reader();
  if (replied->waited_for())
    return replied;
  --unwaited_;
  hand_off(std::move(replied), reply, who);
  return nullptr;
}

// Decoding for others is not what the leader is here for; and what comes for a
// stream is finished in the order it was read in, whoever read it.
void worker_link::hand_off(exchange_ptr told, frame& message, reader who) {
  handed_off_.emplace_back(std::move(told), std::move(message));
  if (who == reader::leader)
    owner_.wake();
}

void worker_link::finish_handed_off() {
  if (finish_all_handed_off())
    owner_.on_room();
}

bool worker_link::finish_all_handed_off() {
  std::vector<std::pair<exchange_ptr, frame>> mine;
  {
    const std::lock_guard lock{mutex_};
    mine.swap(handed_off_);
  }
  for (const auto& [told, message] : mine)
    finish(told, message);
  return !mine.empty();
}

void worker_link::finish(const exchange_ptr& replied, const frame& reply) {
  const auto& session = *replied->session;
  auto [outcome, items, malformed, held] = wire::decode_reply(
    reply, {session.id, self_.interpreter, self_.epoch}, session.refs.max());
  if (malformed)
    owner_.kill(outcome.error().message());
  else if (!replied->deliver(std::move(items)))
    owner_.kill("it sent items of a stream that nobody asked for");
  if (reply.header.kind == frame_kind::items) {
    if (!outcome)
      replied->answer(std::move(outcome)); // there was no memory for them
    return;
  }
  if (held)
    session.refs.told({.interpreter = self_.interpreter,
                       .epoch = self_.epoch,
                       .reply = replied->id,
                       .held = held->count,
                       .names = held->names},
                      session.id);
  // Its caller may not have given it up: then the worker saw its deadline
  // first, or its session ended.
  const auto code = outcome ? errc::python_raised : outcome.error().code();
  const bool dropped = code == errc::deadline_exceeded;
  const bool interrupted =
    code == errc::cancelled || (!outcome && is_interruption(outcome.error()));
  if (dropped || (interrupted && replied->session->closed))
    outcome = tl::unexpected{given_up_error(
      replied->asked,
      replied->session->closed ? errc::session_closed : errc::deadline_exceeded,
      dropped ? call_stage::handed_over : call_stage::running)};
  if (!outcome)
    outcome = with_import_advice(naming_session(outcome.error(), session.id),
                                 self_.pool, python_);
  gone(*replied);
  if (replied->claim())
    replied->settle(std::move(outcome));
  else
    let_go(*replied, outcome);
}

// A call was given up when its reply was on its way: the program will never
// have the refs in it, and so cannot release them.
void worker_link::let_go(const exchange& replied,
                         const result<value>& untaken) {
  auto message = wire::encode_release(replied.session->number, untaken);
  if (!message)
    return;
  {
    const std::lock_guard lock{mutex_};
    // What has ended is freed as a whole, and must not come back to life.
    if (!replied.session->closed)
      post_release(std::move(message), replied.executor);
  }
  flush();
}

} // namespace snakebridge
