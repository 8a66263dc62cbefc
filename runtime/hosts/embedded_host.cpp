// What the own thread of an embedded_host does: it starts Python's side, runs
// the calls nobody waits for, and ends it all.
#include "runtime/hosts/embedded_host.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/process_mark.hpp"
#include "runtime/hosts/embedded_python.hpp"
#include "runtime/hosts/python_environment.hpp"
#include "runtime/python/awaiting.hpp"
#include "runtime/python/forked_child.hpp"
#include "runtime/python/perform.hpp"

namespace snakebridge {

namespace {

// Of all bridges of this process, with Python's side up.
std::atomic<int> living_hosts = 0;

} // namespace

embedded_host::embedded_host(incarnation self, embedded_settings settings,
                             std::shared_ptr<live_threads> threads)
    : self_{std::move(self)},
      settings_{std::move(settings)},
      threads_{std::move(threads)} {}

embedded_host::~embedded_host() = default;

void embedded_host::start(host_events events) {
  events_ = std::move(events);
  std::thread{[self = shared_from_this(),
               presence = live_threads::presence{threads_}]() mutable {
    self->serve();
    self.reset();
  }}.detach();
}

void embedded_host::stop() {
  const std::lock_guard lock{mutex_};
  asked_to_stop_ = stopping_ = true;
  withdraw_start();
  turns_.look();
  work_.notify_one();
}

void embedded_host::kill(std::string reason) {
  const error why{errc::interpreter_died, reason};
  exchange_ptr stuck;
  {
    const std::lock_guard lock{mutex_};
    kill_reason_ = std::move(reason);
    stopping_ = true;
    withdraw_start();
    turns_.look();
    work_.notify_one();
    if (!turns_.is_taken())
      return;
    stuck = turn_.accepted;
  }
  logger()->error("interpreter {} of pool '{}' is abandoned: its Python runs "
                  "a call, which nothing can end in this process",
                  self_.interpreter, self_.pool);
  if (stuck)
    stuck->answer(tl::unexpected{why.with_may_have_run(true)});
  forget_awaits(why);
  tell_end(why);
}

// At most once. What has not started may run elsewhere from now on.
void embedded_host::tell_end(error why) {
  host_end end{.why = std::move(why), .asked = false, .unstarted = {}};
  {
    const std::lock_guard lock{mutex_};
    ready_ = false;
    if (std::exchange(end_told_, true))
      return;
    end.asked = asked_to_stop_;
    end.unstarted.assign(accepted_.begin(), accepted_.end());
    accepted_.clear();
  }
  if (!end.asked) {
    auto told =
      event_of(event_kind::ended, self_, ::getpid(), nullptr, nullptr);
    told.message = end.why.message();
    tell(settings_.on_event, told);
  }
  events_.on_end(std::move(end));
}

// What the system lacks now, to ask a Python which it is, is waited for as long
// as a start may take.
result<std::filesystem::path> embedded_host::find_python() {
  const auto until = steady_clock::now() + settings_.start_timeout;
  auto wait = std::chrono::milliseconds{limits::shortage_wait_ms_min};
  for (;;) {
    auto found = (settings_.began ? settings_.began->python(settings_.python)
                                  : choose_python(settings_.python))
                   .and_then(embeddable);
    if (found || found.error().code() != errc::overloaded)
      return found;
    std::unique_lock lock{mutex_};
    if (steady_clock::now() + wait >= until
        || work_.wait_for(lock, wait, [this] { return stopping_.load(); }))
      return tl::unexpected{
        error{errc::startup_failed, found.error().message()}};
    wait = std::min(2 * wait,
                    std::chrono::milliseconds{limits::shortage_wait_ms_max});
  }
}

result<void> embedded_host::start_python_side() {
  const auto until = steady_clock::now() + settings_.start_timeout;
  auto started = find_python().and_then([](const auto& executable) {
    return start_python(executable, python_role::embedded);
  });
  if (!started)
    return started;
  const gil_guard gil;
  if (auto found = import_from(names_of(settings_.path)); !found)
    return found;
  if (!settings_.preload.empty())
    if (auto imported = import_all(settings_.preload); !imported)
      return imported;
  python_side_ = std::make_shared<python_side>(*this);
  python_side_->objects.call_back_by(callbacks_of_python());
  ++living_hosts;
  return settings_.on_start.empty() ? result<void>{} : run_on_start(until);
}

// With the GIL. What takes too long, or is not wanted any more, is interrupted
// as a call would be.
result<void> embedded_host::run_on_start(steady_clock::time_point until) {
  const error stopped{errc::shutting_down, "the interpreter was stopped"};
  auto& interrupts = python_side_->interrupts;
  std::uint64_t number = 0;
  {
    const std::lock_guard lock{mutex_};
    if (stopping_)
      return stopped;
    number = starting_ = ++last_turn_;
  }
  result<void> done;
  try {
    const interrupter::scope scope{interrupts, number, steady_clock::now(),
                                   until};
    done = call_on_start(settings_.on_start);
  } catch (const py::error_already_set& interrupted) {
    // While what it raised was told of.
    done = error{
      errc::startup_failed,
      fmt::format("on_start: {}: {}", settings_.on_start, interrupted.what())};
  }
  const std::lock_guard lock{mutex_};
  starting_ = 0;
  if (stopping_)
    return stopped;
  if (interrupts.is_withdrawn(number))
    return error{errc::startup_failed,
                 fmt::format("on_start: {}: it was not done within "
                             "start_timeout_ms = {}",
                             settings_.on_start,
                             settings_.start_timeout.count())};
  return done;
}

// With the lock.
void embedded_host::withdraw_start() {
  if (starting_ != 0)
    python_side_->interrupts.withdraw(starting_);
}

void embedded_host::serve() {
  error why{errc::shutting_down, "the interpreter was stopped"};
  if (auto started = start_python_side()) {
    {
      const std::lock_guard lock{mutex_};
      ready_ = true;
    }
    events_.on_ready();
    tell(settings_.on_event, snakebridge::ready(self_, ::getpid()));
    serve_accepted();
  } else {
    why =
      error{started.error().code(),
            fmt::format("interpreter {} of pool '{}': {}", self_.interpreter,
                        self_.pool, started.error().message())};
  }
  {
    const std::lock_guard lock{mutex_};
    if (!kill_reason_.empty())
      why = error{errc::interpreter_died, kill_reason_};
  }
  if (python_side_) {
    end_awaits(why);
    python_side_->interrupts.stop();
    python_side_->awaits.stop();
    const process_mark here;
    const gil_guard gil;
    std::vector<std::uint64_t> forgotten;
    {
      const std::lock_guard lock{mutex_};
      forgotten.swap(forgotten_);
    }
    for (const auto number : forgotten)
      forget_await(number);
    python_side_.reset();
    // One that was killed is followed by another.
    const bool is_last = --living_hosts == 0;
    if (!here.forked() && is_last && why.code() == errc::shutting_down)
      end_as_guest(settings_.stop_timeout);
    if (here.forked()) // by a finaliser, or a function of atexit
      end_forked_child();
  }
  tell_end(std::move(why));
}

// Runs what was accepted, and what sessions left behind, until told to stop and
// no thread is inside any more.
void embedded_host::serve_accepted() {
  std::unique_lock lock{mutex_};
  for (;;) {
    begin_own_turn(lock);
    if (stopping_)
      return turns_.leave();
    run_own_turn(lock);
    own_thread_looks_([this] { return offered_.load(); });
    lock.lock();
  }
}

// Leaves without the lock. The call is answered last of all, so that the next
// one does not meet us in our locks.
void embedded_host::run_own_turn(std::unique_lock<std::mutex>& lock) {
  const auto mine = turn_;
  const auto& taken = mine.accepted;
  const auto releases = std::exchange(to_release_, {});
  lock.unlock();
  let_go(releases);
  std::optional<result<value>> outcome;
  bool awaits = false;
  if (taken && !taken->answered())
    outcome = execute(taken->asked, *taken->session, mine, [&] {
      awaits = true;
      return taken;
    });
  awaits = awaits && !outcome; // else it could not
  lock.lock();
  expiry_ = python_side_->objects.next_expiry();
  turn_ = {};
  turns_.leave();
  offered_ = !accepted_.empty() || !to_release_.empty() || stopping_;
  const bool tells = taken && !end_told_;
  lock.unlock();
  if (!taken)
    return;
  if (!awaits)
    --running_;
  if (outcome && taken->claim()) {
    taken->ran = steady_clock::now() - mine.began;
    taken->settle(std::move(*outcome));
  }
  if (tells)
    events_.on_room();
}

// Waits until there is something to do, and for the turn.
void embedded_host::begin_own_turn(std::unique_lock<std::mutex>& lock) {
  await_work(lock);
  if (!turns_.try_enter())
    turns_.enter(lock, steady_clock::time_point::max(), [] { return false; });
  if (stopping_)
    return;
  turn_ = {.number = ++last_turn_, .began = steady_clock::now()};
  if (accepted_.empty())
    return;
  turn_.accepted = std::move(accepted_.front());
  accepted_.pop_front();
  const auto& next = *turn_.accepted;
  turn_.asked = &next.asked;
  turn_.session = next.session.get();
  know(*next.session);
  turn_.deadline = next.deadline;
}

// What was offered, or objects that expire.
void embedded_host::await_work(std::unique_lock<std::mutex>& lock) {
  const auto is_work = [this] {
    return stopping_ || !accepted_.empty() || !to_release_.empty()
           || (expiry_ != object_table::never
               && steady_clock::now() >= expiry_);
  };
  while (!is_work())
    work_.wait_until(lock, expiry_);
}

// What sessions left behind, and what has expired.
void embedded_host::let_go(const std::vector<std::uint64_t>& sessions) {
  if (sessions.empty() && expiry_ == object_table::never)
    return;
  const process_mark here;
  const gil_guard gil;
  for (const auto session : sessions)
    python_side_->objects.release(session);
  python_side_->objects.expire();
  if (here.forked()) // by a finaliser
    end_forked_child();
}

} // namespace snakebridge
