#include "runtime/embedded_host.hpp"

#include <thread>

#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "config/tunables.hpp"
#include "runtime/interrupter.hpp"
#include "runtime/python/from_python.hpp"
#include "runtime/python/guarded.hpp"
#include "runtime/python/perform.hpp"
#include "runtime/python/to_python.hpp"
#include "runtime/python_environment.hpp"

namespace snakebridge {

namespace {

// Why a call that was interrupted, or not begun, has no result.
error ended_early(const operation& asked, const session_gate& session,
                  call_stage reached) {
  return given_up_error(asked,
                        asked.cancel.stop_requested() ? errc::cancelled
                        : session.closed              ? errc::session_closed
                                                      : errc::deadline_exceeded,
                        reached);
}

// The same for Python. Its names lie in `asked`.
python_operation in_python(const operation& asked,
                           const session_objects& objects) {
  python_operation made{.what = asked.what,
                        .module = asked.module,
                        .name = asked.name,
                        .target = {},
                        .positional = {},
                        .named = {}};
  if (const auto* target = asked.target.get_if<ref>())
    made.target = objects.find(target->slot);
  made.positional.reserve(asked.positional.size());
  for (const auto& item : asked.positional)
    made.positional.push_back(to_python(item, objects));
  for (const auto& [name, item] : asked.named)
    made.named.emplace_back(name, to_python(item, objects));
  return made;
}

} // namespace

struct embedded_host::python_side {
  python_side(object_counts& counts, const conversion_config& rules,
              std::chrono::milliseconds cancel_grace)
      : objects{counts, rules},
        interrupts{cancel_grace} {}
  object_table objects;
  interrupter interrupts;
};

embedded_host::embedded_host(incarnation self, std::filesystem::path python,
                             std::size_t waiting_max,
                             std::shared_ptr<live_threads> threads,
                             conversion_config rules,
                             std::chrono::milliseconds cancel_grace)
    : self_{std::move(self)},
      python_{std::move(python)},
      waiting_max_{waiting_max},
      rules_{std::move(rules)},
      cancel_grace_{cancel_grace},
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
  changed_.notify_all();
}

void embedded_host::kill(std::string reason) {
  const std::lock_guard lock{mutex_};
  kill_reason_ = std::move(reason);
  if (turn_)
    spdlog::error("interpreter {} of pool '{}' is abandoned: its Python runs a "
                  "call, which nothing can end in this process",
                  self_.interpreter, self_.pool);
  stopping_ = true;
  changed_.notify_all();
}

void embedded_host::serve() {
  host_end end{.why = {errc::shutting_down, "the interpreter was stopped"},
               .asked = false,
               .unstarted = {}};
  auto started = python_executable(python_).and_then([](const auto& program) {
    return start_python(program, python_role::embedded);
  });
  if (started) {
    {
      const gil_guard gil;
      python_side_ =
        std::make_unique<python_side>(counts_, rules_, cancel_grace_);
    }
    {
      const std::lock_guard lock{mutex_};
      ready_ = true;
    }
    events_.on_ready();
    serve_accepted();
  } else {
    end.why =
      error{started.error().code(),
            fmt::format("interpreter {} of pool '{}': {}", self_.interpreter,
                        self_.pool, started.error().message())};
  }
  {
    const std::lock_guard lock{mutex_};
    ready_ = false;
    end.asked = asked_to_stop_;
    if (!kill_reason_.empty())
      end.why = error{errc::interpreter_died, kill_reason_};
    end.unstarted.assign(accepted_.begin(), accepted_.end());
    accepted_.clear();
  }
  if (python_side_) {
    python_side_->interrupts.stop();
    const gil_guard gil;
    python_side_.reset();
  }
  events_.on_end(std::move(end));
}

// Runs what was accepted, and what sessions left behind, until told to stop and
// no thread is inside any more. A call is answered last of all, so that the
// next one does not meet us in our locks.
void embedded_host::serve_accepted() {
  std::unique_lock lock{mutex_};
  for (;;) {
    await_work(lock);
    if (stopping_)
      return;
    turn_ = turn{.number = ++last_turn_};
    const auto releases = std::exchange(to_release_, {});
    auto next = accepted_.empty() ? nullptr : accepted_.front();
    if (next) {
      accepted_.pop_front();
      last_begun_ = next->id;
      turn_->session = next->session->number;
      turn_->call = next->id;
      turn_->deadline = next->deadline;
    }
    const auto mine = *turn_;
    lock.unlock();
    if (!releases.empty() || expiry_) {
      const gil_guard gil;
      for (const auto session : releases)
        python_side_->objects.release(session);
      python_side_->objects.expire();
    }
    std::optional<result<value>> outcome;
    if (next && !next->answered())
      outcome = execute(next->asked, *next->session, mine);
    lock.lock();
    expiry_ = python_side_->objects.next_expiry();
    turn_.reset();
    offered_ = !accepted_.empty() || !to_release_.empty() || stopping_;
    if (waiting_ > 0)
      changed_.notify_all();
    const bool has_room = std::exchange(refused_, false);
    lock.unlock();
    if (outcome)
      next->answer(std::move(*outcome));
    next.reset();
    if (has_room)
      events_.on_room();
    own_thread_looks_([this] { return offered_.load(); });
    lock.lock();
  }
}

// Waits for the turn and something to do with it: what was offered, or objects
// that expire.
void embedded_host::await_work(std::unique_lock<std::mutex>& lock) {
  const auto is_time = [this] {
    return expiry_ && steady_clock::now() >= *expiry_;
  };
  while (turn_
         || !(stopping_ || !accepted_.empty() || !to_release_.empty()
              || is_time())) {
    expiry_waits_ = is_time();
    if (expiry_ && !expiry_waits_)
      changed_.wait_until(lock, *expiry_);
    else
      changed_.wait(lock);
  }
  expiry_waits_ = false;
}

// The turn, or why it is not ours.
result<embedded_host::turn>
embedded_host::take_turn(const operation& asked, const session_gate& session,
                         steady_clock::time_point deadline) {
  // Whoever has the turn needs the GIL, which the caller may hold.
  std::optional<py::gil_scoped_release> while_waiting;
  if (PyGILState_Check() != 0)
    while_waiting.emplace();
  std::unique_lock lock{mutex_};
  if (turn_ && !stopping_) {
    if (waiting_ >= waiting_max_)
      return tl::unexpected{error{
        errc::overloaded, fmt::format("{} threads wait for interpreter {}, its "
                                      "queue_max; wait, or use workers",
                                      waiting_, self_.interpreter)}};
    ++waiting_;
    changed_.wait_until(lock, deadline, [&] {
      return !turn_ || stopping_ || asked.cancel.stop_requested()
             || session.closed;
    });
    --waiting_;
  }
  if (stopping_ || !ready_)
    return tl::unexpected{
      error{errc::shutting_down, "the interpreter was stopped"}};
  if (turn_ || steady_clock::now() >= deadline)
    return tl::unexpected{ended_early(asked, session, call_stage::queued)};
  turn_ = turn{
    .number = ++last_turn_, .session = session.number, .deadline = deadline};
  return *turn_;
}

void embedded_host::end_turn() {
  {
    const std::lock_guard lock{mutex_};
    const auto expiry = python_side_->objects.next_expiry();
    const bool is_sooner = expiry && (!expiry_ || *expiry < *expiry_);
    expiry_ = expiry;
    turn_.reset();
    if (waiting_ == 0 && accepted_.empty() && to_release_.empty() && !stopping_
        && !is_sooner && !expiry_waits_)
      return;
  }
  changed_.notify_all();
}

// With the lock held. The turn keeps what it uses: who has it is inside.
void embedded_host::withdraw_turn() {
  python_side_->interrupts.withdraw(turn_->number);
}

result<value> embedded_host::run(const operation& asked,
                                 const session_gate& session,
                                 steady_clock::time_point deadline) {
  std::uint64_t number = 0;
  std::optional<std::stop_callback<std::function<void()>>> on_cancel;
  if (asked.cancel.stop_possible())
    on_cancel.emplace(asked.cancel, [this, &number] {
      const std::lock_guard lock{mutex_};
      if (turn_ && turn_->number == number)
        withdraw_turn();
      changed_.notify_all();
    });
  const auto mine = take_turn(asked, session, deadline);
  if (!mine)
    return tl::unexpected{mine.error()};
  if (on_cancel) {
    const std::lock_guard lock{mutex_};
    number = mine->number;
  }
  auto outcome = execute(asked, session, *mine);
  end_turn();
  return outcome;
}

result<value> embedded_host::execute(const operation& asked,
                                     const session_gate& session,
                                     const turn& mine) {
  const gil_guard gil;
  exception_place keep_in{
    .session = nullptr, .origin = {session.id, self_.interpreter, self_.epoch}};
  const auto perform_it = [&]() -> value {
    // It ends before an exception is told of: that is not interrupted.
    const interrupter::scope here{python_side_->interrupts, mine.number,
                                  mine.deadline};
    const auto nobody_waits = [&] {
      return here.call().is_over() || asked.cancel.stop_requested();
    };
    // Looked at with the turn taken: a release of the session comes after us,
    // or has been before and nothing may be made any more.
    if (session.closed.load())
      throw exception{error{
        errc::session_closed,
        fmt::format("session '{}' has ended; open it again", session.id)}};
    if (nobody_waits())
      throw exception{ended_early(asked, session, call_stage::handed_over)};
    auto& table = python_side_->objects;
    const auto* target = asked.target.get_if<ref>();
    if (asked.what == verb::release)
      return table.of(session.number).forget(target ? target->slot : 0);
    if (asked.what == verb::release_session)
      return table.release(session.number);
    auto& objects = table.of(session.number);
    objects.begin_call(session.refs.bounds_in(self_.interpreter));
    if (asked.keep_exception)
      keep_in.session = &objects;
    const auto outcome = perform(in_python(asked, objects), objects);

    value told;
    result_writer writer{objects, asked.leaves};
    writer.write(outcome, value_sink{told, keep_in.origin});
    // Nobody would ever release what is in it.
    if (nobody_waits())
      throw exception{ended_early(asked, session, call_stage::running)};
    objects.settle();
    writer.commit();
    return told;
  };
  auto outcome = guarded(perform_it, keep_in);
  session.refs.told(self_.interpreter, self_.epoch,
                    python_side_->objects.end_call(session.number), session.id);
  if (outcome)
    return outcome;
  // Not where Python code raised it by itself.
  if (is_interruption(outcome.error())
      && (session.closed || asked.cancel.stop_requested()
          || steady_clock::now() >= mine.deadline))
    return tl::unexpected{ended_early(asked, session, call_stage::running)};
  return tl::unexpected{naming_session(std::move(outcome).error(), session.id)};
}

bool embedded_host::accept(const call_ptr& taken, bool) {
  {
    const std::lock_guard lock{mutex_};
    if (!ready_ || stopping_ || accepted_.size() >= limits::handed_over_max) {
      refused_ = true;
      return false;
    }
    taken->id = ++last_accepted_;
    accepted_.push_back(taken);
  }
  offered_ = true;
  changed_.notify_all();
  return true;
}

void embedded_host::assist(const call& mine) {
  assistants_look_([&] { return mine.settled(); });
}

call_stage embedded_host::abandon(call& given_up) {
  const std::lock_guard lock{mutex_};
  if (given_up.id == 0)
    return call_stage::queued;
  if (given_up.id > last_begun_)
    return call_stage::handed_over;
  if (turn_ && turn_->call == given_up.id)
    withdraw_turn();
  return call_stage::running;
}

void embedded_host::release(std::uint64_t session) {
  {
    const std::lock_guard lock{mutex_};
    to_release_.push_back(session);
    if (turn_ && turn_->session == session)
      withdraw_turn();
  }
  offered_ = true;
  changed_.notify_all();
}

host_stats embedded_host::stats() const {
  const std::lock_guard lock{mutex_};
  return {.pid = static_cast<int>(::getpid()),
          .running = accepted_.size() + (turn_ ? 1U : 0U),
          .live_objects = counts_.live.load(),
          .pruned = counts_.pruned.load(),
          .expired = counts_.expired.load()};
}

} // namespace snakebridge
