#include "runtime/call_queue.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/tunables.hpp"

namespace snakebridge {

std::optional<error> call_queue::refusal(const session_gate& session,
                                         std::uint32_t epoch) const {
  if (closed_)
    return closed_;
  if (epoch != 0 && (epoch <= ended_epoch_ || epoch != epoch_))
    return error{errc::ref_stale,
                 fmt::format("the object lived in incarnation {} of "
                             "interpreter {}, which has ended; make it again",
                             epoch, interpreter_)};
  if (session.closed.load())
    return error{
      errc::session_closed,
      fmt::format("session '{}' has ended; open it again", session.id)};
  return {};
}

std::optional<error> call_queue::busy(const operation& asked) const {
  if (!asked.fails_fast)
    return {};
  if (!host_)
    return error{errc::session_worker_unavailable,
                 fmt::format("interpreter {} is being replaced; call again "
                             "soon, or wait for it (affinity strict_queue)",
                             interpreter_)};
  if (waiting_.empty() && host_->stats().running == 0)
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
                              std::uint32_t epoch) {
  std::shared_ptr<interpreter_host> here;
  {
    const std::lock_guard lock{mutex_};
    if (host_ && host_->runs_in_caller()) {
      if (auto refused = refusal(*session, epoch))
        return tl::unexpected{std::move(*refused)};
      if (auto occupied = busy(asked))
        return tl::unexpected{std::move(*occupied)};
      here = host_;
      ++calls_;
    }
  }
  if (here)
    return here->run(asked, *session, deadline);
  const auto mine =
    std::make_shared<call>(std::move(asked), std::move(session), deadline);
  mine->epoch = epoch;
  mine->watch(giving_up(mine, errc::cancelled));
  if (auto refused = enqueue(mine, nullptr))
    return tl::unexpected{std::move(*refused)};
  return wait(mine);
}

std::function<void()> call_queue::giving_up(const call_ptr& watched, errc why) {
  return [queue = weak_from_this(), weak = std::weak_ptr<call>{watched}, why] {
    const auto given_up = weak.lock();
    const auto self = queue.lock();
    if (self && given_up && given_up->claim())
      given_up->settle(tl::unexpected{self->give_up(given_up, why)});
  };
}

void call_queue::submit(const call_ptr& made) {
  made->watch(deadlines_, giving_up(made, errc::deadline_exceeded));
  made->watch(giving_up(made, errc::cancelled));
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
  if (steady_clock::now() >= made->deadline)
    return given_up_error(made->asked, errc::deadline_exceeded,
                          call_stage::queued);
  // Outside the lock: encoding a large argument must not hold up the others.
  if (const auto ready = host())
    if (auto prepared = ready->prepare(*made); !prepared)
      return prepared.error();
  const std::lock_guard lock{mutex_};
  if (auto refused = refusal(*made->session, made->epoch))
    return refused;
  // It may have expired on its way here; from now on `give_up` finds it.
  if (made->answered())
    return {};
  if (auto occupied = busy(made->asked))
    return occupied;
  if (waiting_.empty() && host_ && host_->accept(made, taken_by != nullptr)) {
    ++calls_;
    if (taken_by != nullptr)
      *taken_by = host_;
    return {};
  }
  if (waiting_.size() >= waiting_max_)
    return error{errc::overloaded,
                 fmt::format("interpreter {} has {} calls waiting, its "
                             "queue_max; wait, or enlarge the pool",
                             interpreter_, waiting_.size())};
  ++calls_;
  waiting_.push_back(made);
  return {};
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
      return mine->await();
    }
  }
}

// The call's answer has been claimed; what is left is to say whether it may
// have run, and to bring the interpreter back if it is still running.
error call_queue::give_up(const call_ptr& given_up, errc why) {
  std::shared_ptr<interpreter_host> serving;
  {
    const std::lock_guard lock{mutex_};
    const auto place = std::find(waiting_.begin(), waiting_.end(), given_up);
    if (place != waiting_.end()) {
      waiting_.erase(place);
      return given_up_error(given_up->asked, why, call_stage::queued);
    }
    serving = host_;
  }
  return given_up_error(given_up->asked, why,
                        serving ? serving->abandon(*given_up)
                                : call_stage::queued);
}

void call_queue::release(std::uint64_t session) {
  refusals refused;
  {
    const std::lock_guard lock{mutex_};
    std::erase_if(waiting_, [&](const call_ptr& each) {
      if (each->session->number != session)
        return false;
      refused.emplace_back(
        each, error{errc::session_closed,
                    fmt::format("session '{}' ended while {} waited",
                                each->session->id, describe(each->asked))});
      return true;
    });
    // With the lock held, so that no call of the session comes after it.
    if (host_)
      host_->release(session);
  }
  for (auto& [each, why] : refused)
    each->answer(tl::unexpected{std::move(why)});
}

std::size_t call_queue::load() const {
  const std::lock_guard lock{mutex_};
  return waiting_.size() + (host_ ? host_->stats().running : 0);
}

bool call_queue::is_free() const {
  const std::lock_guard lock{mutex_};
  return host_ && waiting_.empty() && host_->stats().running == 0;
}

bool call_queue::died_since(steady_clock::time_point since) const {
  const std::lock_guard lock{mutex_};
  return last_death_at_ >= since;
}

std::uint32_t call_queue::serving_epoch() const {
  const std::lock_guard lock{mutex_};
  return host_ ? epoch_ : 0;
}

std::uint32_t call_queue::next_epoch() {
  const std::lock_guard lock{mutex_};
  return ++epoch_;
}

void call_queue::attach(std::shared_ptr<interpreter_host> host) {
  {
    const std::lock_guard lock{mutex_};
    host_ = std::move(host);
  }
  changed_.notify_all();
  pump();
}

void call_queue::pump() {
  refusals refused;
  {
    const std::lock_guard lock{mutex_};
    pump(refused);
  }
  for (auto& [each, why] : refused)
    each->answer(tl::unexpected{std::move(why)});
}

void call_queue::pump(refusals& refused) {
  while (host_ && !waiting_.empty()) {
    const auto& next = waiting_.front();
    if (!next->answered()) {
      if (auto why = refusal(*next->session, next->epoch))
        refused.emplace_back(next, std::move(*why));
      else if (!host_->accept(next, false))
        return;
    }
    waiting_.pop_front();
  }
}

void call_queue::detach(const interpreter_host* host, std::uint32_t epoch,
                        host_end end) {
  refusals refused;
  {
    const std::lock_guard lock{mutex_};
    if (host_.get() == host)
      host_.reset();
    ended_epoch_ = std::max(ended_epoch_, epoch);
    if (!end.asked) {
      ++deaths_;
      last_death_ = end.why;
      last_death_at_ = steady_clock::now();
    }
    for (auto each = end.unstarted.rbegin(); each != end.unstarted.rend();
         ++each) {
      if (auto why = refusal(*(*each)->session, (*each)->epoch))
        refused.emplace_back(*each, std::move(*why));
      else if (++(*each)->lost > limits::call_losses_max)
        refused.emplace_back(*each, end.why);
      else
        waiting_.push_front(*each);
    }
  }
  changed_.notify_all();
  for (auto& [each, why] : refused)
    each->answer(tl::unexpected{std::move(why)});
}

void call_queue::close(error why) {
  std::deque<call_ptr> refused;
  {
    const std::lock_guard lock{mutex_};
    if (!closed_)
      closed_ = why;
    refused.swap(waiting_);
  }
  changed_.notify_all();
  for (const auto& each : refused)
    each->answer(tl::unexpected{why});
}

void call_queue::stop_host() {
  if (const auto here = host())
    here->stop();
}

void call_queue::reopen() {
  const std::lock_guard lock{mutex_};
  closed_.reset();
}

result<void> call_queue::wait_ready(steady_clock::time_point deadline) {
  std::unique_lock lock{mutex_};
  const bool told = changed_.wait_until(
    lock, deadline, [this] { return host_ || deaths_ > 0 || closed_; });
  if (host_)
    return {};
  if (!told)
    return tl::unexpected{
      error{errc::startup_failed,
            fmt::format("interpreter {} is not ready in time", interpreter_)}};
  return tl::unexpected{last_death_ ? *last_death_ : *closed_};
}

call_queue::facts call_queue::look() const {
  const std::lock_guard lock{mutex_};
  facts now{.epoch = epoch_,
            .ready = host_ != nullptr,
            .waiting = waiting_.size(),
            .calls = calls_,
            .deaths = deaths_,
            .last_death = last_death_,
            .closed = closed_,
            .host = {}};
  if (host_)
    now.host = host_->stats();
  return now;
}

} // namespace snakebridge
