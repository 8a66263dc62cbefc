// What interpreters of a pool do for one another: a call that waits at one, and
// may run anywhere, is run by another that has nothing to do.
#include <algorithm>
#include <utility>

#include "runtime/base/finally.hpp"
#include "runtime/calls/call_queue.hpp"

namespace snakebridge {

// Of the first so many.
template <class Ask>
void call_queue::for_each_mate(std::size_t first, Ask ask) const {
  for (std::size_t i = 0; i < first; ++i)
    if (const auto mate = mates_->all[i].lock(); mate && mate.get() != this)
      ask(*mate);
}

// Who has nothing to do from now on sees what waits here; this is for those
// that had nothing before.
void call_queue::ask_mates() {
  if (mates_ && mates_->movable > 0)
    for_each_mate(mates_->size, [](call_queue& mate) { mate.help_out(); });
}

// Also for those that leave the pool: they run what they have to the end.
void call_queue::help_out() {
  if (!mates_ || mates_->movable == 0 || !begin_help())
    return;
  try {
    do
      for_each_mate(mates_->all.size(), [this](call_queue& mate) {
        while (mates_->movable > 0 && take_over_from(mate)) {
        }
      });
    while (!end_help());
  } catch (...) { // of a completion
    {
      const std::lock_guard lock{mutex_};
      helping_ = false;
    }
    serve_waiting();
    throw;
  }
}

// One thread at a time, or two would fill the same room. Who comes meanwhile
// leaves word, for the other may have looked already where it should. With
// something to do there is no need: it looks again when that is done.
bool call_queue::begin_help() {
  const std::lock_guard lock{mutex_};
  asked_for_help_ = helping_;
  if (helping_ || !lends_a_hand())
    return false;
  helping_ = true;
  return true;
}

bool call_queue::end_help() {
  const std::lock_guard lock{mutex_};
  helping_ = std::exchange(asked_for_help_, false);
  return !helping_;
}

// True when it is worth another try.
bool call_queue::take_over_from(call_queue& mate) {
  const auto waiting = mate.next_to_move();
  if (!waiting || !expect_one())
    return false;
  bool again = false;
  {
    const finally has_come{[this] { --arriving_; }};
    again = move_here(waiting, mate);
  }
  serve_waiting(); // what came meanwhile let that go first
  return again;
}

bool call_queue::move_here(const call_ptr& waiting, call_queue& from) {
  if (!waiting->join(shared_from_this()))
    return waiting->session->closed;
  if (!from.let_move(waiting))
    return true;
  // It is made again here, and its answer is that of the one that waited.
  // Nobody else can answer that now: its deadline and its cancellation are
  // those of the new one.
  const auto made = std::make_shared<call>(
    std::move(waiting->asked), waiting->session, waiting->deadline,
    [waiting](result<value> outcome) { waiting->settle(std::move(outcome)); });
  made->join = waiting->join;
  made->lost = waiting->lost;
  made->taken_over = true;
  waiting->prepared.reset();
  watch(made);
  waiting->made_again(giving_up(made, errc::deadline_exceeded));
  if (auto refused = enqueue(made, nullptr))
    made->answer(tl::unexpected{std::move(*refused)});
  return true;
}

// It has nothing to do. One that is to be replaced, or leaves the pool, is left
// alone; and one that is drained must not get more.
bool call_queue::lends_a_hand() const {
  return place_ < mates_->size && host_ && !host_->stats().ended
         && waiting_.empty() && running() == 0 && !replacing_ && !due_
         && !retired_ && !closed_ && !held_;
}

bool call_queue::expect_one() {
  const std::lock_guard lock{mutex_};
  if (!lends_a_hand())
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
  if (!waiting_.contains(waiting) || !waiting->claim())
    return false;
  waiting_.erase(waiting);
  --calls_; // it is counted where it runs
  calls_before_ = std::min(calls_before_, calls_);
  return true;
}

} // namespace snakebridge
