#include "runtime/calls/call_queue.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/tunables.hpp"
#include "runtime/base/finally.hpp"
#include "runtime/base/roomy_stack.hpp"

namespace snakebridge {

std::optional<error> call_queue::refusal(const operation& asked,
                                         const session_gate& session,
                                         std::uint32_t epoch) const {
  if (retired_ && epoch == 0)
    return out_of_service();
  if (closed_)
    return closed_;
  if (epoch != 0 && (epoch <= ended_epoch_ || epoch != epoch_))
    return error{errc::ref_stale,
                 fmt::format("the object lived in incarnation {} of "
                             "interpreter {}, which has ended; make it again",
                             epoch, interpreter_)};
  // What counts its objects comes last.
  if (session.closed.load() && asked.what != verb::release_session)
    return error{
      errc::session_closed,
      fmt::format("session '{}' has ended; open it again", session.id)};
  return {};
}

std::optional<error> call_queue::refusal_of_new(const operation& asked,
                                                const session_gate& session,
                                                std::uint32_t epoch) const {
  if (auto why = refusal(asked, session, epoch))
    return why;
  if (held_ && !frees_objects(asked.what))
    return held_;
  return busy(asked);
}

std::optional<error> call_queue::busy(const operation& asked) const {
  if (!asked.fails_fast)
    return {};
  if (!host_ || replacing_ || host_->stats().ended)
    return unavailable();
  if (waiting_.empty() && running() == 0)
    return {};
  return error{errc::worker_busy,
               fmt::format("interpreter {} runs another call; call again "
                           "later, or wait for it (affinity strict_queue)",
                           interpreter_)};
}

std::shared_ptr<interpreter_host> call_queue::host() const {
  const std::lock_guard lock{mutex_};
  return host_;
}

result<value> call_queue::run(operation asked,
                              std::shared_ptr<const session_gate> session,
                              steady_clock::time_point deadline,
                              std::uint32_t epoch, call::joiner join) {
  if (auto outcome = run_here(asked, *session, deadline, epoch))
    return std::move(*outcome);
  const auto mine =
    std::make_shared<call>(std::move(asked), std::move(session), deadline);
  mine->epoch = epoch;
  mine->join = std::move(join);
  mine->watch(giving_up(mine, errc::cancelled));
  if (auto refused = enqueue(mine, nullptr))
    return tl::unexpected{std::move(*refused)};
  return wait(mine);
}

std::optional<result<value>>
call_queue::run_here(const operation& asked, const session_gate& session,
                     steady_clock::time_point deadline, std::uint32_t epoch) {
  std::shared_ptr<interpreter_host> here;
  {
    const std::lock_guard lock{mutex_};
    // Python needs a stack of its own size.
    if (!host_ || !host_->runs_in_caller()
        || !has_stack(limits::stack_of_python_bytes))
      return std::nullopt;
    if (auto refused = refusal_of_new(asked, session, epoch))
      return tl::unexpected{std::move(*refused)};
    here = host_;
    ++calls_;
    ++run_here_;
  }
  const finally left{[this] { --run_here_; }};
  auto outcome = here->run(asked, session, deadline);
  if (!outcome) {
    const std::lock_guard lock{mutex_};
    --calls_; // it is taken once more
  }
  return outcome;
}

std::function<void()> call_queue::giving_up(const call_ptr& watched, errc why) {
  return [queue = weak_from_this(), weak = std::weak_ptr<call>{watched}, why] {
    const auto given_up = weak.lock();
    const auto self = queue.lock();
    if (self && given_up && given_up->claim())
      given_up->settle(tl::unexpected{self->give_up(given_up, why)});
  };
}

void call_queue::watch(const call_ptr& made) {
  made->watch(deadlines_, giving_up(made, errc::deadline_exceeded));
  made->watch(giving_up(made, errc::cancelled));
}

void call_queue::submit(const call_ptr& made) {
  watch(made);
  std::shared_ptr<interpreter_host> taken_by;
  if (auto refused = enqueue(made, &taken_by))
    made->answer(tl::unexpected{std::move(*refused)});
  if (taken_by)
    taken_by->assist(*made);
}

std::optional<error>
call_queue::enqueue(const call_ptr& made,
                    std::shared_ptr<interpreter_host>* taken_by) {
  // Here it is sure that it never ran; once a worker has it, it may have begun.
  if (deadlines_->now() >= made->deadline)
    return given_up_error(made->asked, errc::deadline_exceeded,
                          call_stage::queued);
  // Outside the lock: encoding a large argument must not hold up the others.
  if (const auto ready = host())
    if (auto prepared = ready->prepare(*made); !prepared)
      return prepared.error();
  call_ptr gives_way;
  auto refused = take_in(made, taken_by, gives_way);
  if (gives_way)
    gives_way->answer(tl::unexpected{overloaded()});
  if (made->join && !refused)
    ask_mates();
  return refused;
}

std::optional<error>
call_queue::take_in(const call_ptr& made,
                    std::shared_ptr<interpreter_host>* taken_by,
                    call_ptr& gives_way) {
  const std::lock_guard lock{mutex_};
  // It may have expired on its way here; from now on `give_up` finds it.
  if (made->answered())
    return {};
  const auto& asked = made->asked;
  const auto& session = *made->session;
  if (auto refused = made->taken_over
                       ? refusal(asked, session, made->epoch)
                       : refusal_of_new(asked, session, made->epoch))
    return refused;
  const bool is_next = made->taken_over || (waiting_.empty() && arriving_ == 0);
  if (is_next && host_ && !replacing_
      && host_->accept(made, taken_by != nullptr)) {
    ++calls_;
    if (taken_by != nullptr)
      *taken_by = host_;
    return {};
  }
  if (asked.fails_fast)
    return unavailable();
  const bool has_room = waiting_.size() < waiting_max_ || made->taken_over
                        || frees_objects(asked.what);
  if (!has_room) {
    gives_way = waiting_.make_room(session.number);
    if (!gives_way)
      return overloaded();
  }
  ++calls_;
  if (made->taken_over)
    waiting_.push_front(made);
  else
    waiting_.push_back(made);
  return {};
}

error call_queue::overloaded() const {
  return {errc::overloaded,
          fmt::format("interpreter {} has {} calls waiting, its queue_max; "
                      "wait, or enlarge the pool",
                      interpreter_, waiting_max_)};
}

error call_queue::unavailable() const {
  return {errc::session_worker_unavailable,
          fmt::format("interpreter {} is being replaced; call again soon, or "
                      "wait for it (affinity strict_queue)",
                      interpreter_)};
}

error call_queue::out_of_service() const {
  return {errc::session_worker_unavailable,
          fmt::format("interpreter {} is not in service any more: its pool has "
                      "become smaller; call again, and another takes it",
                      interpreter_)};
}

std::size_t call_queue::running() const {
  return run_here_ + arriving_ + (host_ ? host_->stats().running : 0);
}

result<value> call_queue::wait(const call_ptr& mine) {
  for (;;) {
    if (const auto serving = host())
      serving->lead(*mine);
    switch (mine->wait()) {
    case call::news::answered:
      return mine->take();
    case call::news::lead:
      continue;
    case call::news::deadline:
      if (mine->claim())
        return tl::unexpected{give_up(mine, errc::deadline_exceeded)};
      mine->expire();
      return mine->await();
    }
  }
}

// The call's answer has been claimed; what is left is to say whether it may
// have run, and to bring the interpreter back if it is still running.
error call_queue::give_up(const call_ptr& given_up, errc why) {
  std::shared_ptr<interpreter_host> serving;
  bool had_by_host = false;
  {
    const std::lock_guard lock{mutex_};
    if (waiting_.erase(given_up))
      return given_up_error(given_up->asked, why, call_stage::queued);
    serving = host_;
    had_by_host = given_up->id != 0;
  }
  if (serving)
    return given_up_error(given_up->asked, why, serving->abandon(*given_up));
  // The host that had it has died meanwhile: it may have begun it.
  return given_up_error(given_up->asked, why,
                        had_by_host ? call_stage::running : call_stage::queued);
}

void call_queue::withdraw(std::uint64_t session) {
  std::vector<call_ptr> refused;
  {
    const std::lock_guard lock{mutex_};
    refused = waiting_.take(session);
    if (host_)
      host_->withdraw(session);
  }
  for (const auto& each : refused)
    each->answer(tl::unexpected{
      given_up_error(each->asked, errc::session_closed, call_stage::queued)});
}

void call_queue::release(std::uint64_t session) {
  withdraw(session);
  const std::lock_guard lock{mutex_};
  users_.erase(session);
  // With the lock held, so that no call of the session comes after it.
  if (host_)
    host_->release(session);
}

std::size_t call_queue::load() const {
  const std::lock_guard lock{mutex_};
  return waiting_.size() + running();
}

bool call_queue::is_free() const {
  const std::lock_guard lock{mutex_};
  return host_ && !host_->stats().ended && waiting_.empty() && running() == 0;
}

bool call_queue::died_within(steady_clock::duration period) const {
  const auto since = deadlines_->now() - period;
  const std::lock_guard lock{mutex_};
  return last_death_at_ >= since;
}

std::uint32_t call_queue::serving_epoch() const {
  const std::lock_guard lock{mutex_};
  return host_ && !host_->stats().ended ? epoch_ : 0;
}

bool call_queue::join(std::shared_ptr<const session_gate> session) {
  const std::lock_guard lock{mutex_};
  if (retired_)
    return false;
  const auto number = session->number;
  users_.insert_or_assign(number, std::move(session));
  return true;
}

std::size_t call_queue::users() const {
  const std::lock_guard lock{mutex_};
  return users_.size();
}

bool call_queue::is_due() const {
  const std::lock_guard lock{mutex_};
  return due_;
}

void call_queue::pump() {
  serve_waiting();
  help_out();
}

void call_queue::serve_waiting() {
  refusals refused;
  {
    const std::lock_guard lock{mutex_};
    pump(refused);
  }
  for (auto& [each, why] : refused)
    each->answer(tl::unexpected{std::move(why)});
}

void call_queue::pump(refusals& refused) {
  while (host_ && !replacing_ && arriving_ == 0 && !waiting_.empty()) {
    const auto& next = waiting_.front();
    if (!next->answered()) {
      if (auto why = refusal(next->asked, *next->session, next->epoch))
        refused.emplace_back(next, std::move(*why));
      else if (!host_->accept(next, false))
        return;
    }
    waiting_.pop_front();
  }
}

} // namespace snakebridge
