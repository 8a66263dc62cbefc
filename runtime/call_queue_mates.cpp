// What interpreters of a pool do for one another: a call that waits at one, and
// may run anywhere, is run by another that has nothing to do.
#include <utility>

#include "runtime/call_queue.hpp"
#include "runtime/finally.hpp"

namespace snakebridge {

template <class Ask>
void call_queue::for_each_mate(Ask ask) const {
  for (std::size_t i = 0; i < mates_->size; ++i)
    if (const auto mate = mates_->all[i].lock(); mate && mate.get() != this)
      ask(*mate);
}

// Who has nothing to do from now on sees what waits here; this is for those
// that had nothing before.
void call_queue::ask_mates() {
  if (mates_ && mates_->movable > 0)
    for_each_mate([](call_queue& mate) { mate.help_out(); });
}

void call_queue::help_out() {
  if (!mates_ || mates_->movable == 0 || !begin_help())
    return;
  do
    for_each_mate([this](call_queue& mate) {
      while (mates_->movable > 0 && take_over_from(mate)) {
      }
    });
  while (!end_help());
}

// One thread at a time, or two would fill the same room. Who comes meanwhile
// leaves word, for the other may have looked already where it should.
bool call_queue::begin_help() {
  const std::lock_guard lock{mutex_};
  asked_for_help_ = true;
  if (std::exchange(helping_, true))
    return false;
  asked_for_help_ = false;
  return true;
}

bool call_queue::end_help() {
  const std::lock_guard lock{mutex_};
  helping_ = std::exchange(asked_for_help_, false);
  return !helping_;
}

// True when it is worth another try.
bool call_queue::take_over_from(call_queue& mate) {
  if (!expect_one())
    return false;
  const finally has_come{[this] { --arriving_; }};
  const auto waiting = mate.next_to_move();
  if (!waiting || !waiting->join(shared_from_this()))
    return false;
  if (!mate.let_move(waiting))
    return true;
  // It is made again here, and its answer is that of the one that waited.
  // Nobody else can answer that now: its deadline and its cancellation are
  // those of the new one.
  const auto made = std::make_shared<call>(
    std::move(waiting->asked), waiting->session, waiting->deadline,
    [waiting](result<value> outcome) { waiting->settle(std::move(outcome)); });
  made->taken_over = true;
  watch(made);
  if (auto refused = enqueue(made, nullptr))
    made->answer(tl::unexpected{std::move(*refused)});
  return true;
}

// With nothing to do. One that is to be replaced, or leaves the pool, is left
// alone; and one that is drained must not get more.
bool call_queue::expect_one() {
  const std::lock_guard lock{mutex_};
  if (!host_ || host_->stats().ended || !waiting_.empty() || running() > 0
      || replacing_ || due_ || retired_ || closed_ || held_)
    return false;
  ++arriving_;
  return true;
}

call_ptr call_queue::next_to_move() const {
  const std::lock_guard lock{mutex_};
  return waiting_.first_movable();
}

// Takes it out and claims its answer; false: too late.
bool call_queue::let_move(const call_ptr& waiting) {
  const std::lock_guard lock{mutex_};
  if (!waiting_.erase(waiting))
    return false;
  --calls_; // it is counted where it runs
  return waiting->claim();
}

} // namespace snakebridge
