#include "runtime/hosts/worker_host.hpp"

#include <cassert>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "config/tunables.hpp"
#include "runtime/base/finally.hpp"
#include "runtime/hosts/python_environment.hpp"
#include "runtime/wire/messages.hpp"

namespace snakebridge {

namespace {

void signal(const descriptor& event) {
  const std::uint64_t one = 1;
  // Full only when it is signalled already.
  static_cast<void>(!::write(event.get(), &one, sizeof one));
}

// Waits for the descriptors; false when the time has passed first.
bool poll_until(std::span<pollfd> watched, steady_clock::time_point until) {
  const auto left =
    std::max(until - steady_clock::now(), steady_clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec wait{seconds.count(),
                      std::chrono::nanoseconds{left - seconds}.count()};
  return ::ppoll(watched.data(), watched.size(), &wait, nullptr) != 0;
}

} // namespace

descriptor worker_host::make_event() {
  return descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
}

void worker_host::drain(const descriptor& event) {
  std::uint64_t count = 0;
  static_cast<void>(!::read(event.get(), &count, sizeof count));
}

worker_host::worker_host(incarnation self, worker_settings settings,
                         std::shared_ptr<live_threads> threads)
    : self_{std::move(self)},
      settings_{std::move(settings)},
      threads_{std::move(threads)},
      wake_{make_event()},
      wake_leader_{make_event()},
      signs_{{.heartbeat = settings_.heartbeat_limit,
              .stall_report = settings_.stall_report,
              .stall_kill = settings_.stall_kill}} {}

void worker_host::start(host_events events) {
  events_ = std::move(events);
  start_by_ = steady_clock::now() + settings_.start_timeout;
  std::thread{[self = shared_from_this(),
               presence = live_threads::presence{threads_}]() mutable {
    self->serve();
    self.reset();
  }}.detach();
}

void worker_host::stop() {
  const std::lock_guard lock{mutex_};
  asked_to_stop_ = true;
  if (!stop_by_)
    stop_by_ = steady_clock::now() + settings_.stop_timeout;
  if (open_)
    data_->finish_sending();
  else if (!ready_)
    stop_by_ = steady_clock::now();
  open_ = false;
  own_thread_reads_ = true; // what still runs is answered
  wake();
}

void worker_host::kill(std::string reason) {
  const std::lock_guard lock{mutex_};
  if (ended_ || !kill_reason_.empty())
    return;
  kill_reason_ = std::move(reason);
  open_ = false;
  if (process_)
    process_->kill();
  wake();
}

void worker_host::wake() const {
  signal(wake_);
}

bool worker_host::accept(const exchange_ptr& taken) {
  assert(taken->prepared != nullptr);
  const std::lock_guard lock{mutex_};
  if (!open_ || handed_over_.size() >= limits::handed_over_max)
    return false;
  wire::write_elsewhere(
    *taken->prepared,
    taken->session->refs.bounds_in(self_.interpreter).elsewhere);
  taken->id = ++last_call_;
  handed_over_.emplace(taken->id, taken);
  ++running_;
  data_->post({.words = 0,
               .kind = frame_kind::request,
               .call = taken->id,
               .deadline_ns =
                 std::chrono::nanoseconds{taken->deadline.time_since_epoch()}
                   .count()},
              taken->prepared);
  if (unwaited_ == 0 && taken->waited_for())
    own_thread_reads_ = false;
  if (!taken->waited_for()) {
    ++unwaited_;
    wakes_ = wakes_ || !std::exchange(own_thread_reads_, true);
  } else if (!own_thread_reads_ && !leader_) {
    taken->appoint();
  }
  return true;
}

void worker_host::flush() {
  bool wakes = false;
  {
    const std::lock_guard lock{mutex_};
    if (!open_)
      return;
    wakes = std::exchange(wakes_, false);
  }
  if (!data_->flush() || wakes)
    wake();
}

void worker_host::let_own_thread_read() {
  if (!std::exchange(own_thread_reads_, true))
    wake();
}

void worker_host::end_of_lead() {
  const std::lock_guard lock{mutex_};
  leader_ = false;
  if (unwaited_ > 0 && open_)
    let_own_thread_read();
  else
    ensure_reader_locked();
}

exchange::news worker_host::wait_for(exchange& mine, timers& clock) {
  if (begin_to_lead(mine)) {
    const finally led{[this] { end_of_lead(); }};
    lead(mine);
  }
  return mine.wait(clock);
}

bool worker_host::begin_to_lead(const exchange& mine) {
  const std::lock_guard lock{mutex_};
  const auto place = handed_over_.find(mine.id);
  if (!open_ || leader_ || own_thread_reads_ || place == handed_over_.end()
      || place->second.get() != &mine)
    return false;
  return leader_ = true;
}

// Brings in answers until it is answered, its deadline passes, or another is to
// read.
void worker_host::lead(const exchange& mine) {
  if (spin())
    read_replies(reader::leader);
  while (!mine.answered()) {
    pollfd watched[] = {{data_->poll_descriptor(), POLLIN, 0},
                        {wake_leader_.get(), POLLIN, 0}};
    if (!poll_until(watched, mine.deadline))
      break;
    if (watched[1].revents != 0)
      drain(wake_leader_);
    if (watched[0].revents != 0
        && read_replies(reader::leader) != channel_state::open)
      break;
    const std::lock_guard lock{mutex_};
    if (own_thread_reads_ || !open_)
      break;
  }
}

// Looks a moment for something to read, unless another does.
bool worker_host::spin() {
  const std::unique_lock lock{reading_, std::try_to_lock};
  return lock && data_->spin();
}

channel_state worker_host::read_replies(reader who) {
  std::vector<frame> arrived;
  std::vector<exchange_ptr> replied;
  auto state = channel_state::open;
  try {
    // With it they are taken back, too: who reads next, to learn what has no
    // reply, finds no call that has one.
    const std::lock_guard lock{reading_};
    state = data_->receive(arrived, false);
    replied.reserve(arrived.size());
    for (auto& reply : arrived)
      replied.push_back(take_back(reply, who));
  } catch (const std::bad_alloc&) {
    kill("there is no memory for what it sent");
    state = channel_state::closed;
  }
  for (std::size_t i = 0; i < replied.size(); ++i)
    if (replied[i]) {
      finish(replied[i], arrived[i]);
      if (who == reader::own_thread && replied[i]->waited_for())
        signal(wake_leader_);
    }
  if (state != channel_state::open)
    channel_lost(state);
  else if (!arrived.empty())
    events_.on_room();
  return state;
}

// The call, for who reads to finish; null when another is to.
exchange_ptr worker_host::take_back(frame& reply, reader who) {
  std::unique_lock lock{mutex_};
  const auto place = handed_over_.find(reply.header.call);
  if (reply.header.kind != frame_kind::reply || place == handed_over_.end()) {
    lock.unlock();
    kill("it answered a call it was not given");
    return nullptr;
  }
  auto replied = std::move(place->second);
  handed_over_.erase(place);
  is_back(replied->id);
  expect_back();
  if (has_rest_)
    wake(); // what it printed last is its own
  // Its thread may have been appointed to read: it will not, any more.
  if (who == reader::own_thread)
    ensure_reader_locked();
  if (replied->waited_for())
    return replied;
  --unwaited_;
  if (who == reader::own_thread)
    return replied;
  // Decoding for others is not what the leader is here for.
  handed_off_.emplace_back(std::move(replied), std::move(reply));
  wake();
  return nullptr;
}

void worker_host::finish(const exchange_ptr& replied, const frame& reply) {
  const auto& session = *replied->session;
  auto [outcome, malformed, held] = wire::decode_reply(
    reply, {session.id, self_.interpreter, self_.epoch}, session.refs.max());
  if (malformed)
    kill(outcome.error().message());
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
                                 self_.pool, settings_.python);
  --running_;
  if (replied->claim())
    replied->settle(std::move(outcome));
  else
    let_go(*replied->session, outcome);
}

// A call was given up when its reply was on its way: the program will never
// have the refs in it, and so cannot release them.
void worker_host::let_go(const session_gate& session,
                         const result<value>& untaken) {
  auto message = wire::encode_release(session.number, untaken);
  if (!message)
    return;
  {
    const std::lock_guard lock{mutex_};
    // What has ended is freed as a whole, and must not come back to life.
    if (!session.closed)
      post_release(std::move(message));
  }
  flush();
}

void worker_host::channel_lost(channel_state how) {
  if (how == channel_state::malformed)
    kill("it sent what is no frame");
  const std::lock_guard lock{mutex_};
  open_ = false;
  own_thread_reads_ = false;
  // Most often it has just died, and its end tells more than we know. One that
  // lives on without a channel is of no use.
  if (!asked_to_stop_ && !ended_by_)
    ended_by_ = steady_clock::now()
                + std::chrono::milliseconds{limits::end_after_close_ms_max};
  wake();
}

void worker_host::ensure_reader() {
  const std::lock_guard lock{mutex_};
  ensure_reader_locked();
}

void worker_host::ensure_reader_locked() {
  if (!open_ || leader_ || own_thread_reads_ || handed_over_.empty())
    return;
  for (const auto& [id, each] : handed_over_)
    if (each->waited_for() && each->appoint())
      return;
  // Only calls that were given up: their replies must not block the worker.
  let_own_thread_read();
}

call_stage worker_host::abandon(exchange& given_up) {
  auto reached = call_stage::running;
  {
    const std::lock_guard lock{mutex_};
    if (given_up.id == 0)
      return call_stage::queued; // given up before any host had it
    const auto place = handed_over_.find(given_up.id);
    if (place != handed_over_.end() && place->second.get() == &given_up)
      reached = withdraw_call(given_up.id);
    // The thread that waits for it may be asleep over the channel.
    if (leader_)
      signal(wake_leader_);
  }
  ensure_reader();
  return reached;
}

void worker_host::withdraw(std::uint64_t session) {
  const std::lock_guard lock{mutex_};
  // All of them before the first is ended: the worker must not begin the next.
  for (const auto& [id, each] : handed_over_)
    if (each->session->number == session)
      process_->withdraw(id);
  expect_back();
}

void worker_host::release(std::uint64_t session) {
  auto message = wire::encode_release(session);
  const std::lock_guard lock{mutex_};
  post_release(std::move(message));
}

void worker_host::post_release(std::shared_ptr<message> released) {
  if (open_)
    data_->post({.words = 0,
                 .kind = frame_kind::release,
                 .call = 0,
                 .deadline_ns = 0},
                std::move(released));
}

host_stats worker_host::stats() const {
  const std::lock_guard lock{mutex_};
  if (!process_ || ended_)
    return {.running = running_};
  const auto& objects = process_->status().objects;
  return {.pid = process_->pid(),
          .running = running_,
          .live_objects = objects.live.load(),
          .pruned = objects.pruned.load(),
          .expired = objects.expired.load()};
}

} // namespace snakebridge
