// What the threads of callers do in an embedded_host: they take their turn, run
// their calls, give them up.
#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "config/tunables.hpp"
#include "runtime/embedded_python.hpp"
#include "runtime/finally.hpp"
#include "runtime/python/from_python.hpp"
#include "runtime/python/guarded.hpp"
#include "runtime/python/perform.hpp"
#include "runtime/python/to_python.hpp"

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

// The turn, or why it is not ours; nothing when the host has ended.
std::optional<result<embedded_host::turn>>
embedded_host::take_turn(const operation& asked, const session_gate& session,
                         steady_clock::time_point deadline) {
  // Whoever has the turn needs the GIL, which the caller may hold.
  std::optional<py::gil_scoped_release> while_waiting;
  if (PyGILState_Check() != 0)
    while_waiting.emplace();
  std::unique_lock lock{mutex_};
  if (stopping_ || !ready_)
    return std::nullopt;
  if (!turns_.try_enter()) {
    // A session ends once, and then has nothing else here.
    if (turns_.waiting() >= settings_.queue_max
        && asked.what != verb::release_session)
      return tl::unexpected{error{
        errc::overloaded, fmt::format("{} threads wait for interpreter {}, its "
                                      "queue_max; wait, or use workers",
                                      turns_.waiting(), self_.interpreter)}};
    const auto given_up = [&] {
      return stopping_ || asked.cancel.stop_requested()
             || (session.closed && asked.what != verb::release_session);
    };
    if (!turns_.enter(lock, deadline, given_up)) {
      if (stopping_)
        return std::nullopt;
      return tl::unexpected{ended_early(asked, session, call_stage::queued)};
    }
  }
  const auto now = steady_clock::now();
  turn_ = {.number = ++last_turn_,
           .asked = &asked,
           .session = &session,
           .began = now,
           .deadline = deadline};
  if (now < deadline)
    return turn_;
  turn_ = {};
  turns_.leave();
  return tl::unexpected{ended_early(asked, session, call_stage::queued)};
}

void embedded_host::end_turn() {
  {
    const std::lock_guard lock{mutex_};
    const auto expiry = python_side_->objects.next_expiry();
    const bool is_sooner = expiry && (!expiry_ || *expiry < *expiry_);
    expiry_ = expiry;
    turn_ = {};
    turns_.leave();
    if (!is_sooner)
      return;
  }
  work_.notify_one();
}

// With the lock held. The turn keeps what it uses: who has it is inside.
void embedded_host::withdraw_turn() {
  python_side_->interrupts.withdraw(turn_.number);
}

void embedded_host::tell_stalled(std::uint64_t number,
                                 steady_clock::time_point since,
                                 std::string stacks) {
  interpreter_event told;
  {
    const std::lock_guard lock{mutex_};
    if (turn_.number != number)
      return;
    told = event_of(event_kind::stalled, self_, ::getpid(), turn_.asked,
                    turn_.session);
  }
  tell(settings_.on_event,
       stalled(std::move(told),
               std::chrono::duration_cast<std::chrono::milliseconds>(
                 steady_clock::now() - since),
               std::move(stacks)));
}

std::optional<result<value>>
embedded_host::run(const operation& asked, const session_gate& session,
                   steady_clock::time_point deadline) {
  std::uint64_t number = 0;
  std::optional<std::stop_callback<std::function<void()>>> on_cancel;
  if (asked.cancel.stop_possible())
    on_cancel.emplace(asked.cancel, [this, &number] {
      const std::lock_guard lock{mutex_};
      if (number != 0 && turn_.number == number)
        withdraw_turn();
      turns_.look();
    });
  const auto mine = take_turn(asked, session, deadline);
  if (!mine)
    return std::nullopt;
  if (!*mine)
    return tl::unexpected{mine->error()};
  const finally over{[this] { end_turn(); }};
  if (on_cancel) {
    const std::lock_guard lock{mutex_};
    number = (*mine)->number;
  }
  return execute(asked, session, **mine);
}

result<value> embedded_host::execute(const operation& asked,
                                     const session_gate& session,
                                     const turn& mine) {
  const gil_guard gil;
  exception_place keep_in{
    .session = nullptr, .origin = {session.id, self_.interpreter, self_.epoch}};
  const auto perform_it = [&]() -> value {
    // It ends before an exception is told of: that is not interrupted.
    auto& interrupts = python_side_->interrupts;
    const interrupter::scope here{interrupts, mine.number, mine.began,
                                  mine.deadline};
    const auto nobody_waits = [&] {
      return interrupts.is_withdrawn(mine.number)
             || asked.cancel.stop_requested();
    };
    auto& table = python_side_->objects;
    if (asked.what == verb::release_session)
      return table.release(session.number);
    // Looked at with the turn taken: a release of the session comes after us,
    // or has been before and nothing may be made any more.
    if (session.closed.load())
      throw exception{error{
        errc::session_closed,
        fmt::format("session '{}' has ended; open it again", session.id)}};
    if (nobody_waits())
      throw exception{ended_early(asked, session, call_stage::handed_over)};
    const auto* target = asked.target.get_if<ref>();
    if (asked.what == verb::release)
      return table.of(session.number).forget(target ? target->slot : 0);
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
  session.refs.told({.interpreter = self_.interpreter,
                     .epoch = self_.epoch,
                     .reply = mine.number,
                     .held = python_side_->objects.end_call(session.number)},
                    session.id);
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
  work_.notify_one();
  return true;
}

void embedded_host::assist(const call& mine) {
  assistants_look_([&] { return mine.settled(); });
}

call_stage embedded_host::abandon(call& given_up) {
  const std::lock_guard lock{mutex_};
  if (given_up.id == 0)
    return call_stage::queued;
  if (turn_.accepted.get() == &given_up)
    withdraw_turn();
  // One that is not here any more has run, here or in an earlier incarnation.
  const bool waits =
    std::any_of(accepted_.begin(), accepted_.end(),
                [&](const call_ptr& each) { return each.get() == &given_up; });
  return waits ? call_stage::handed_over : call_stage::running;
}

void embedded_host::withdraw(std::uint64_t session) {
  const std::lock_guard lock{mutex_};
  if (turn_.session != nullptr && turn_.session->number == session)
    withdraw_turn();
  turns_.look(); // its threads that wait go away
}

void embedded_host::release(std::uint64_t session) {
  {
    const std::lock_guard lock{mutex_};
    to_release_.push_back(session);
  }
  offered_ = true;
  work_.notify_one();
}

host_stats embedded_host::stats() const {
  const std::lock_guard lock{mutex_};
  return {.pid = static_cast<int>(::getpid()),
          .running = accepted_.size() + (turn_.accepted ? 1U : 0U),
          .live_objects = counts_.live.load(),
          .pruned = counts_.pruned.load(),
          .expired = counts_.expired.load()};
}

} // namespace snakebridge
