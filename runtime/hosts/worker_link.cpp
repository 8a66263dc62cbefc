#include "runtime/hosts/worker_link.hpp"

#include <algorithm>

#include "config/tunables.hpp"
#include "runtime/base/ensure.hpp"
#include "runtime/base/event.hpp"
#include "runtime/base/finally.hpp"
#include "runtime/calls/callback_scope.hpp"
#include "runtime/hosts/python_environment.hpp"
#include "runtime/wire/messages.hpp"

namespace snakebridge {

worker_link::worker_link(owner& by, incarnation self,
                         std::filesystem::path python, std::size_t executors,
                         std::size_t bytes_max)
    : owner_{by},
      self_{std::move(self)},
      python_{std::move(python)},
      bytes_max_{bytes_max},
      call_leader_{make_event()},
      seats_(executors + 1) {}

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
  for (std::size_t at = 0; at < loop(); ++at) {
    const auto& calls = seats_[at].calls;
    seen[at] = {};
    const auto& inside = seats_[at].inside;
    if (calls.empty()) {
      // What a callback has left behind.
      if (!inside.empty())
        seen[at] = {.call = inside.front()->id.load(),
                    .runs = process_->status().has_started(inside.front()->id),
                    .unwanted = process_->is_withdrawn(inside.front()->id)};
      continue;
    }
    // It serves them in order. Where it has started none the first is what it
    // comes to when it is done with what it does between calls, which is Python
    // code as well (finalisers).
    const auto running = last_started(calls);
    std::uint64_t call = (running ? running : calls.front())->id;
    // What is to be ended first is the innermost that nobody wants.
    const auto unwanted =
      std::find_if(inside.rbegin(), inside.rend(), [this](const auto& each) {
        // What has not started will be dropped when it is come to.
        return process_->is_withdrawn(each->id)
               && process_->status().has_started(each->id);
      });
    if (unwanted != inside.rend())
      call = (*unwanted)->id;
    seen[at] = {.call = call,
                .runs = running != nullptr,
                .unwanted = process_->is_withdrawn(call)};
  }
  // Many calls are there at a time, and take what time they need; what must not
  // stand still is the loop.
  auto& there = seen[loop()];
  there = {};
  if (!unwanted_.empty())
    there = {.call = *unwanted_.begin(), .runs = true, .unwanted = true};
  else if (!seats_.back().calls.empty())
    there = {
      .call = call_id(static_cast<std::uint32_t>(process_->status().loop_beats),
                      loop(), true),
      .runs = true};
}

std::vector<std::uint64_t> worker_link::take_unwanted() {
  const std::lock_guard lock{mutex_};
  return std::exchange(newly_unwanted_, {});
}

exchange_ptr worker_link::find(std::uint64_t call) const {
  const std::lock_guard lock{mutex_};
  // What holds up the loop is told of as the first of its calls.
  if (executor_of(call) == loop() && is_inside(call))
    return seats_.back().calls.empty() ? nullptr : seats_.back().calls.front();
  auto* const place = const_cast<worker_link*>(this)->find_locked(call);
  return place != nullptr ? *place : nullptr;
}

std::vector<exchange_ptr> worker_link::running_calls() const {
  std::vector<exchange_ptr> found;
  const std::lock_guard lock{mutex_};
  for (const auto& each : seats_)
    if (auto running = last_started(each.calls))
      found.push_back(std::move(running));
  const auto& awaiting = seats_.back().calls;
  for (std::size_t more = 1; more < awaiting.size(); ++more)
    found.push_back(awaiting[more - 1]);
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
    const bool await = &each == &seats_.back();
    if (await)
      had.running.insert(had.running.end(), each.calls.begin(),
                         each.calls.end());
    else if (auto running = last_started(each.calls))
      had.running.push_back(std::move(running));
    for (auto& call : std::exchange(each.calls, {}))
      (await || process_->status().has_started(call->id) ? had.started
                                                         : had.unstarted)
        .push_back(std::move(call));
    for (auto& call : std::exchange(each.inside, {}))
      had.started.push_back(std::move(call));
  }
  unwanted_.clear();
  visits_.clear();
  for (const auto& [session, each] : std::exchange(callbacks_, {}))
    each->forget(this);
  unwaited_ = prompt_ = 0;
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
  if (is_inside(each.id))
    return;
  ensure(running_ > 0, "each call it was given is gone once");
  --seats_[executor_of(each.id)].running;
  --running_;
}

// --- Calls go out ------------------------------------------------------------

bool worker_link::accept(const exchange_ptr& taken) {
  ensure(taken->prepared != nullptr && taken->executor < loop(),
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
  post(taken);
  return true;
}

bool worker_link::accept_inside(const exchange_ptr& taken) {
  ensure(taken->prepared != nullptr && taken->executor < loop(),
         "a call for a worker is encoded, and for one of its executors");
  auto& seat = seats_[taken->executor];
  const std::lock_guard lock{mutex_};
  if (taken->answered())
    return true; // it was given up on its way here
  if (!open_ || seat.inside.size() >= limits::inside_max)
    return false;
  // Each has a place of its own to be withdrawn in.
  const auto is_used = [&](std::uint64_t number) {
    return std::any_of(seat.inside.begin(), seat.inside.end(),
                       [&](const exchange_ptr& each) {
                         return number_of(each->id) % limits::inside_max
                                == number % limits::inside_max;
                       });
  };
  while (is_used(++seat.last_inside)) {
  }
  wire::write_elsewhere(
    *taken->prepared,
    taken->session->refs.bounds_in(self_.interpreter).elsewhere);
  taken->id = call_id(seat.last_inside, taken->executor, true);
  seat.inside.push_back(taken);
  post(taken);
  return true;
}

// With the lock.
void worker_link::post(const exchange_ptr& taken) {
  const auto& session = *taken->session;
  if (session.number != last_session_ && !session.closed) {
    callbacks_.try_emplace(session.number, session.callbacks);
    last_session_ = session.number;
  }
  if (holds_callbacks(taken->asked)) {
    session.callbacks->add(taken->asked, this);
    given_some_.insert(session.number);
  }
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
    taken->counted_as_prompt = !taken->may_be_late;
    if (taken->counted_as_prompt)
      ++prompt_;
    if (!(helped_ && prompt_ == 0) && !own_thread_reads_.exchange(true))
      wakes_ = true;
  } else if (!own_thread_reads_ && !leader_) {
    taken->appoint();
  }
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
  callbacks_.erase(session);
  given_some_.erase(session);
  last_session_ = 0;
  cancel_visits([&](const visit& each) { return each.session == session; });
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
      withdraw(given_up);
      give_up_inside(given_up);
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

// With the lock. Those of the loop have no place in the status page.
void worker_link::withdraw(const exchange& unwanted) {
  if (executor_of(unwanted.id) != loop())
    return process_->withdraw(unwanted.id);
  if (unwanted_.insert(unwanted.id).second)
    newly_unwanted_.push_back(unwanted.id);
}

// With it what callbacks have called inside, and whom they would answer. With
// the lock.
void worker_link::give_up_inside(const exchange& given_up) {
  for (const auto& seat : seats_)
    for (const auto& each : seat.inside)
      if (each.get() != &given_up && each->is_within(given_up))
        process_->withdraw(each->id);
  cancel_visits([&](const visit& each) {
    auto* const in = find_locked(each.call);
    return in != nullptr && (*in)->is_within(given_up);
  });
}

void worker_link::withdraw(std::uint64_t session) {
  {
    const std::lock_guard lock{mutex_};
    // The worker must not begin the next when the first is ended.
    for (const auto& each : seats_) {
      for (const auto& call : each.calls)
        if (call->session->number == session)
          withdraw(*call);
      for (const auto& call : each.inside)
        if (call->session->number == session
            && call->asked.what != verb::release_session)
          process_->withdraw(call->id);
    }
    cancel_visits([&](const visit& each) { return each.session == session; });
  }
  owner_.wake();
}

// --- Answers come in ---------------------------------------------------------

exchange::news worker_link::wait_for(exchange& mine, timers& clock) {
  for (;;) {
    if (begin_to_lead(mine)) {
      const finally led{[this] { end_of_lead(); }};
      // Until it is answered or called back, its deadline passes, or another is
      // to read.
      data_->lead([this] { return read(reader::leader); },
                  [&] {
                    return mine.answered() || mine.is_called_back()
                           || !is_to_lead();
                  },
                  mine.deadline);
    }
    const auto news = mine.wait(clock);
    if (news != exchange::news::called_back)
      return news;
    {
      // It may have been appointed to read, and does not meanwhile.
      const std::lock_guard lock{mutex_};
      ensure_reader();
    }
    while (mine.do_job()) {
    }
  }
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

// Its call may be another's, or wait in line.
void worker_link::help(exchange& mine, timers& clock,
                       steady_clock::time_point until) {
  const auto lead = [&] {
    mine.helps([this] { data_->call_leader(); });
    const finally led{[&] {
      mine.helps({});
      end_of_lead();
    }};
    data_->lead([this] { return read(reader::helper); },
                [&] { return mine.answered() || !is_to_lead(); }, until);
  };
  {
    const std::lock_guard lock{mutex_};
    helpers_.push_back(&mine);
  }
  const finally left{[&] {
    const std::lock_guard lock{mutex_};
    std::erase(helpers_, &mine);
    ensure_reader(); // it may have been appointed, and goes
  }};
  do {
    if (begin_to_help())
      lead();
  } while (!mine.answered()
           && mine.wait_beside(clock, until) == exchange::news::lead);
}

bool worker_link::begin_to_help() {
  const std::lock_guard lock{mutex_};
  if (!open_ || leader_ || is_empty())
    return false;
  ++helps_;
  own_thread_reads_ = false;
  if (!helped_.exchange(true))
    owner_.wake(); // it looks whether they go on
  return leader_ = true;
}

bool worker_link::look_at_helpers() {
  if (!helped_)
    return false;
  const std::lock_guard lock{mutex_};
  if (std::exchange(helps_seen_, helps_) != helps_)
    return true;
  helped_ = false;
  if (!leader_ && unwaited_ > 0 && open_)
    own_thread_reads_ = true;
  else
    ensure_reader();
  return false;
}

void worker_link::hurry(exchange& told) {
  const std::lock_guard lock{mutex_};
  const auto* place = find_locked(told.id);
  if (place == nullptr || place->get() != &told || told.counted_as_prompt)
    return;
  told.counted_as_prompt = true;
  ++prompt_;
  if (!leader_ && open_)
    let_own_thread_read();
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
  else if (unwaited_ > 0 && open_ && !(helped_ && prompt_ == 0))
    let_own_thread_read();
  else
    ensure_reader();
}

void worker_link::let_own_thread_read() {
  if (!own_thread_reads_.exchange(true))
    owner_.wake();
}

bool worker_link::is_empty() const {
  return std::all_of(seats_.begin(), seats_.end(), [](const seat& each) {
    return each.calls.empty() && each.inside.empty();
  });
}

void worker_link::ensure_reader() {
  if (!open_ || leader_ || own_thread_reads_
      || (is_empty() && given_some_.empty() && unheard_ <= 0))
    return;
  const auto waits = [](const exchange_ptr& call) {
    return call->waited_for() && call->appoint();
  };
  for (const auto& each : seats_)
    if (std::any_of(each.inside.begin(), each.inside.end(), waits)
        || std::any_of(each.calls.begin(), each.calls.end(), waits))
      return;
  if (std::any_of(helpers_.begin(), helpers_.end(),
                  [](exchange* each) { return each->appoint(); }))
    return;
  if (helped_ && prompt_ == 0 && unwaited_ > 0)
    return; // the own thread looks soon
  // Only calls that were given up: their replies must not block the worker. Or
  // none, and threads of Python's own may call back.
  let_own_thread_read();
}

exchange_ptr* worker_link::find_locked(std::uint64_t call) {
  const auto executor = executor_of(call);
  if (executor >= seats_.size())
    return nullptr;
  auto& calls =
    is_inside(call) ? seats_[executor].inside : seats_[executor].calls;
  const auto place = std::lower_bound(
    calls.begin(), calls.end(), call,
    [](const exchange_ptr& each, std::uint64_t id) { return each->id < id; });
  return place == calls.end() || (*place)->id != call ? nullptr : &*place;
}

// How many replies a helper has before it tells of them. Where several threads
// wait and calls stand in line, each reply alone would wake one of the threads.
std::size_t worker_link::enough_to_tell(const replies& replied) const {
  const auto is_for_a_thread = [](const auto& each) {
    return each.first->waited_for();
  };
  if (!is_to_lead()
      || std::any_of(replied.begin(), replied.end(), is_for_a_thread))
    return 1;
  const std::lock_guard lock{mutex_};
  auto there = seats_.back().calls.size();
  bool has_line = false;
  for (std::size_t at = 0; at < loop(); ++at) {
    const auto& each = seats_[at];
    there += each.calls.size() + each.inside.size();
    has_line = has_line || each.calls.size() >= limits::handed_over_max;
    if (each.calls.empty() && each.running > 0)
      return 1; // it is free once it is told of its last
  }
  return helpers_.size() > 1 && has_line && prompt_ == 0 && unwaited_ == there
           ? std::min(helpers_.size() * limits::gathered_each,
                      limits::gathered_max)
           : 1;
}

// Reads on, while the worker has enough to do, unless that was in vain lately.
template <class Read>
channel_state worker_link::gather(const replies& replied, const Read& read) {
  if (not_gathered_ > 0) {
    --not_gathered_;
    return channel_state::open;
  }
  const auto until =
    steady_clock::now() + std::chrono::microseconds{limits::gathering_us_max};
  do {
    try {
      owner_.on_room();
    } catch (const std::exception&) {
      return channel_state::open; // again when these are told
    }
    if (replied.size() >= enough_to_tell(replied))
      return channel_state::open;
    if (!data_->spin())
      break;
    if (const auto state = read(); state != channel_state::open)
      return state;
  } while (steady_clock::now() < until);
  if (replied.size() < limits::gathered_each)
    not_gathered_ = limits::gatherings_left_out;
  return channel_state::open;
}

channel_state worker_link::read(reader who) {
  replies replied;
  auto state = channel_state::open;
  bool any = false;
  // Taken back before another can read: who reads next, to learn what has no
  // reply, finds no call that has one.
  const auto read_some = [&] {
    return data_->read([&](std::vector<frame>& arrived) {
      any = true;
      replied.reserve(replied.size() + arrived.size());
      for (auto& reply : arrived)
        if (auto mine = take_back(reply, who))
          replied.emplace_back(std::move(mine), std::move(reply));
    });
  };
  try {
    state = read_some();
    if (who == reader::helper && state == channel_state::open
        && !replied.empty())
      state = gather(replied, read_some);
  } catch (const std::bad_alloc&) {
    owner_.kill("there is no memory for what it sent");
    state = channel_state::closed;
  }
  // First what threads wait for. Of futures the last first: a thread that asks
  // for several finds all when it wakes.
  for (const auto& [mine, reply] : replied)
    if (mine->waited_for())
      finish(mine, reply);
  for (auto each = replied.rbegin(); each != replied.rend(); ++each)
    if (!each->first->waited_for())
      finish(each->first, each->second);
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
  if (reply.header.kind == frame_kind::called
      || reply.header.kind == frame_kind::dropped) {
    if (!take_news_of_callback(reply, who))
      owner_.kill("it called back in a call it was not given, or too often");
    return nullptr;
  }
  if (reply.header.kind == frame_kind::awaiting) {
    if (!move_to_loop(reply))
      owner_.kill("it awaits in a call it was not given");
    return nullptr;
  }
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
  auto replied = take_out(place);
  replied->replied = ++replies_;
  const auto& calls = seats_[executor_of(replied->id)].calls;
  // What it printed last is its own; and the next may be one nobody wants.
  if (tells_returns
      || (!calls.empty() && process_->is_withdrawn(calls.front()->id))
      || !unwanted_.empty())
    owner_.wake();
  // Its thread may have been appointed to read: it will not, any more.
  if (who == reader::own_thread)
    ensure_reader();
  if (replied->waited_for())
    return replied;
  --unwaited_;
  if (replied->counted_as_prompt)
    --prompt_;
  // What goes on with others is not for this thread, which may be in a call.
  if (who == reader::helper && !replied->counted_as_prompt)
    return replied;
  hand_off(std::move(replied), reply, who);
  return nullptr;
}

// With the lock.
exchange_ptr worker_link::take_out(exchange_ptr* place) {
  auto taken = std::move(*place);
  auto& seat = seats_[executor_of(taken->id)];
  auto& calls = is_inside(taken->id) ? seat.inside : seat.calls;
  calls.erase(calls.begin() + (place - calls.data()));
  unwanted_.erase(taken->id);
  return taken;
}

// The worker chose the number it has there.
bool worker_link::move_to_loop(const frame& told) {
  std::uint64_t id = 0;
  try {
    wire::incoming message{told};
    id = message.root<schema::Awaiting>().getCall();
  } catch (const kj::Exception&) {
    return false;
  }
  const std::lock_guard lock{mutex_};
  auto& awaiting = seats_.back();
  auto* const place = find_locked(told.header.call);
  if (place == nullptr || executor_of(told.header.call) == loop()
      || executor_of(id) != loop() || is_inside(id)
      || find_locked(id) != nullptr
      // Of those it has answered, some replies may be behind this.
      || awaiting.calls.size() >= 2 * limits::awaits_max)
    return false;
  auto moved = take_out(place);
  if (moved->inside)
    ++running_;
  else
    --seats_[executor_of(moved->id)].running;
  ++awaiting.running;
  moved->inside = false;
  moved->id = id;
  const auto after = std::upper_bound(
    awaiting.calls.begin(), awaiting.calls.end(), id,
    [](std::uint64_t id, const exchange_ptr& each) { return id < each->id; });
  awaiting.calls.insert(after, moved);
  if (moved->answered() || moved->session->closed)
    withdraw(*moved);
  owner_.wake(); // to look after it, from now on
  return true;
}

// Decoding for others is not what the leader is here for; and what comes for a
// stream is finished in the order it was read in, whoever read it.
void worker_link::hand_off(exchange_ptr told, frame& message, reader who) {
  handed_off_.emplace_back(std::move(told), std::move(message));
  if (who != reader::own_thread)
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
  if (reply.header.kind == frame_kind::dropped)
    return drop(reply);
  if (reply.header.kind == frame_kind::called)
    return run_called_later(replied, reply);
  const auto& session = *replied->session;
  auto [outcome, items, malformed, held, ran] =
    wire::decode_reply(reply, session.origin_in(self_.interpreter, self_.epoch),
                       session.refs.max());
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
                       .reply = replied->replied,
                       .held = held->count,
                       .names = held->names},
                      session.id);
  // Its caller may not have given it up: then the worker saw its deadline
  // first, or its session ended.
  const auto code = outcome ? errc::python_raised : outcome.error().code();
  const bool dropped = code == errc::deadline_exceeded;
  // Python has never had them.
  if (!outcome && !outcome.error().may_have_run()
      && holds_callbacks(replied->asked))
    session.callbacks->remove(replied->asked, this);
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
  if (!replied->claim())
    return let_go(*replied, outcome);
  replied->ran = ran;
  replied->reply_bytes = reply.message.size() * sizeof(word);
  replied->settle(std::move(outcome));
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

// --- Callbacks ---------------------------------------------------------------

// One that is called in a call whose thread waits for it goes to that thread;
// others by the own thread, to callback threads or to a callback's that waits.
// False: it is no call of its.
bool worker_link::take_news_of_callback(frame& arrived, reader who) {
  exchange_ptr in;
  {
    const std::lock_guard lock{mutex_};
    if (arrived.header.kind == frame_kind::called
        && ++called_ > limits::visits_max)
      return false;
    if (arrived.header.kind == frame_kind::called && arrived.header.call == 0)
      --unheard_;
    const bool is_in_call =
      arrived.header.kind == frame_kind::called && arrived.header.call != 0;
    if (is_in_call) {
      auto* const place = find_locked(arrived.header.call);
      if (place == nullptr)
        return false;
      in = *place;
    }
    if (!in || !in->waited_for()) {
      hand_off(std::move(in), arrived, who);
      return true;
    }
  }
  const auto called = std::make_shared<const frame>(std::move(arrived));
  // One that has been given up: nobody runs it, and Python hears of that.
  // The thread that does it may have no share in the host, which may end.
  auto job = [this, host = owner_.self(), weak = std::weak_ptr{in}, called] {
    run_called(weak.lock(), *called);
  };
  if (!in->call_back(job))
    job();
  return true;
}

void worker_link::listen() {
  const std::lock_guard lock{mutex_};
  if (++unheard_ > 0)
    ensure_reader();
}

void worker_link::run_called_later(const exchange_ptr& in,
                                   const frame& called) {
  std::shared_ptr<session_callbacks> known;
  try {
    wire::incoming message{called};
    known = in ? in->session->callbacks
               : callbacks_of(message.root<schema::Called>().getSession());
  } catch (const kj::Exception& broken) {
    return owner_.kill(wire::malformed(broken).message());
  }
  if (!known)
    return run_called(in, called); // it is refused
  auto kept =
    std::make_shared<const frame>(frame{called.header, called.message});
  auto job = [this, host = owner_.self(), in, kept] { run_called(in, *kept); };
  if (!in || !in->call_back(job))
    known->run_later(std::move(job));
}

std::shared_ptr<session_callbacks>
worker_link::callbacks_of(std::uint64_t session) const {
  const std::lock_guard lock{mutex_};
  const auto place = callbacks_.find(session);
  return place == callbacks_.end() ? nullptr : place->second;
}

namespace {

void forget(schema::Returned::Builder into, const std::vector<ref>& kept) {
  auto slots = into.initForget(wire::count_of(kept.size()));
  for (unsigned at = 0; at < slots.size(); ++at)
    slots.set(at, kept[at].slot);
}

std::unique_ptr<wire::outgoing>
returned_failure(std::string_view type, const std::string& text,
                 const std::vector<ref>& kept = {}) {
  auto message = std::make_unique<wire::outgoing>();
  auto into = message->builder().initRoot<schema::Returned>();
  auto failed = into.initFailed();
  failed.setType({type.data(), type.size()});
  failed.setMessage(wire::text(text));
  forget(into, kept);
  return message;
}

std::unique_ptr<wire::outgoing> returned(const callback_answer& told,
                                         const std::vector<ref>& kept,
                                         std::size_t bytes_max) {
  auto message = wire::build_message<schema::Returned>(
    bytes_max, [&](schema::Returned::Builder into) {
      if (told.raised) {
        into.setRaised(told.raised->slot);
      } else if (told.failed) {
        auto failed = into.initFailed();
        failed.setType(wire::text(told.type));
        failed.setMessage(wire::text(told.message));
      } else {
        wire::value_writer{bytes_max}.write(into.initValue(), told.outcome);
      }
      forget(into, kept);
    });
  return message ? *std::move(message)
                 : returned_failure("snakebridge::exception",
                                    message.error().message(), kept);
}

} // namespace

// Runs a callback on this thread. `in`: the call it was called in, null: none.
void worker_link::run_called(const exchange_ptr& in, const frame& called) {
  const finally over{[this] {
    const std::lock_guard lock{mutex_};
    --called_;
  }};
  std::shared_ptr<session_callbacks> known;
  auto asked = wire::decode_called(called, [&](std::uint64_t session) {
    known = in ? in->session->callbacks : callbacks_of(session);
    return ref_origin{known ? std::string_view{known->session}
                            : std::string_view{},
                      self_.interpreter, self_.epoch};
  });
  if (!asked)
    return owner_.kill(asked.error().message());
  const auto number = asked->visit, session = asked->session;
  if (in && in->session->number != session)
    return owner_.kill("it called back in another session");
  const auto found = known ? known->find(asked->callback) : std::nullopt;
  {
    const std::lock_guard lock{mutex_};
    if (!visits_.try_emplace(number, visit{called.header.call, session}).second)
      return; // it was cancelled, or is a lie
    if (in && in->answered())
      return cancel_visits(
        [&](const visit& each) { return each.call == in->id; });
  }
  if (!found)
    return answer_visit(
      number, returned_failure("snakebridge::session_closed",
                               "the callback is gone: its session has ended"));
  callback_answer told;
  std::vector<ref> kept;
  known->run_here([&] {
    std::optional<callback_scope> scope;
    if (in)
      scope.emplace(callback_scope::outer_call{.host = owner_.self(),
                                               .interpreter = self_.interpreter,
                                               .epoch = self_.epoch,
                                               .executor = in->executor,
                                               .session = session,
                                               .session_id = known->session,
                                               .deadline = in->deadline,
                                               .cancel = in->asked.cancel,
                                               .asked = &in->asked,
                                               .call = in});
    told = call_back(*found, std::move(asked->given));
    if (scope)
      kept = std::move(scope->kept);
  });
  // Of another place it is not there to be raised.
  if (told.raised
      && (told.raised->interpreter != self_.interpreter
          || told.raised->epoch != self_.epoch
          || told.raised->session != known->session))
    told.raised.reset();
  if (told.outcome.holds_callbacks())
    give(told.outcome, session, known);
  answer_visit(number, returned(told, kept, bytes_max_));
}

void worker_link::answer_visit(std::uint64_t number,
                               std::unique_ptr<message> told) {
  {
    const std::lock_guard lock{mutex_};
    if (visits_.erase(number) == 0 || !open_)
      return; // nobody waits for it any more
    data_->over().post({.kind = frame_kind::returned, .call = number},
                       std::move(told));
  }
  if (!data_->over().flush())
    owner_.wake();
}

// With the lock; the own thread sends it.
void worker_link::cancel_visits(
  const std::function<bool(const visit&)>& which) {
  bool any = false;
  for (auto each = visits_.begin(); each != visits_.end();) {
    if (!which(each->second)) {
      ++each;
      continue;
    }
    auto message = std::make_unique<wire::outgoing>();
    message->builder().initRoot<schema::Returned>().setCancelled();
    if (open_)
      data_->over().post({.kind = frame_kind::returned, .call = each->first},
                         std::move(message));
    each = visits_.erase(each);
    any = true;
  }
  if (any)
    owner_.wake(); // which sends it
}

void worker_link::give(const value& outcome, std::uint64_t session,
                       const std::shared_ptr<session_callbacks>& known) {
  const std::lock_guard lock{mutex_};
  known->add(outcome, this);
  given_some_.insert(session);
}

void worker_link::drop(const frame& dropped) {
  try {
    wire::incoming message{dropped};
    const auto gone = message.root<schema::Dropped>();
    const auto session = gone.getSession();
    const auto known = callbacks_of(session);
    if (!known)
      return;
    known->drop(gone.getCallback(), this);
    const std::lock_guard lock{mutex_};
    if (!known->are_held_by(this)) // others may have been given meanwhile
      given_some_.erase(session);
  } catch (const kj::Exception& broken) {
    owner_.kill(wire::malformed(broken).message());
  }
}

} // namespace snakebridge
