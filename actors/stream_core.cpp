#include "actors/stream_core.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "actors/errors.hpp"
#include "config/settings.hpp"
#include "config/tunables.hpp"
#include "runtime/python/without_gil.hpp"
#include "runtime/values/each_ref.hpp"

namespace snakebridge {

namespace {

// Whether that setting may be so much.
result<void> allow(const tunable& row, std::int64_t amount) {
  if (is_within(row, amount))
    return {};
  return error{errc::config_invalid,
               fmt::format("a stream's {}: must be {}, got {}", row.key,
                           bounds_of(row), amount)};
}

// Of what frees objects, however long that has to wait.
call_options patient() {
  return {.timeout = std::chrono::milliseconds{day_ms},
          .affinity = affinity::strict_queue};
}

} // namespace

stream_core::stream_core(session_ptr through, operation source,
                         call_options options, const stream_rules& rules)
    : session_{std::move(through)},
      source_{std::move(source)},
      what_{describe(source_)},
      options_{std::move(options)},
      rules_{rules} {}

result<void> stream_core::set_batch(std::size_t items) {
  auto allowed = allow(tunable_of("stream_batch_items", false),
                       static_cast<std::int64_t>(items));
  if (allowed) {
    const std::lock_guard held{mutex_};
    rules_.batch_items = static_cast<std::uint32_t>(items);
  }
  return allowed;
}

result<void> stream_core::set_timeout(std::chrono::milliseconds time) {
  auto allowed = allow(tunable_of("stream_timeout_ms", false), time.count());
  if (allowed) {
    const std::lock_guard held{mutex_};
    rules_.timeout = time;
  }
  return allowed;
}

// --- What is taken -----------------------------------------------------------

stream_core::batch stream_core::take() {
  // Who brings the items may need the GIL that our caller has.
  const without_gil while_waiting;
  lock held{mutex_};
  for (;;) {
    if (!begun_) {
      held.unlock();
      begin();
      held.lock();
    }
    if (auto got = pop()) {
      const bool asks = wants_more();
      waits_ = waits_ || asks;
      held.unlock();
      if (asks)
        ask();
      return *std::move(got);
    }
    if (is_late_) {
      changed_.wait(held); // it is given up, and so is answered
    } else if (session_->clock().wait_until(held, changed_, due_)
                 == std::cv_status::timeout
               && !ended_ && ready_.empty()
               && session_->clock().now() >= due_) {
      is_late_ = true;
      held.unlock();
      stop_.cancel();
      held.lock();
    }
  }
}

std::optional<stream_core::batch>
stream_core::take(std::function<void()> on_news) {
  lock held{mutex_};
  if (!begun_) {
    held.unlock();
    begin();
    held.lock();
  }
  auto got = pop();
  if (!got) {
    on_news_ = std::move(on_news);
    return {};
  }
  const bool asks = wants_more();
  waits_ = waits_ || asks;
  held.unlock();
  if (asks)
    ask();
  return got;
}

std::optional<stream_core::batch> stream_core::pop() {
  if (!ready_.empty()) {
    batch got{.items = std::move(ready_.front())};
    ready_.pop_front();
    session_->streams().items -= got.items.size();
    return got;
  }
  if (!ended_)
    return {};
  return batch{.items = {}, .failed = std::exchange(failed_, {})};
}

// --- What is asked -----------------------------------------------------------

void stream_core::begin() {
  {
    const std::lock_guard held{mutex_};
    if (std::exchange(begun_, true) || closed_)
      return;
    waits_ = true;
    due_ = session_->deadline(options_);
  }
  ++session_->streams().open;
  source_.client_ended = stop_.token();
  session_->submit(std::move(source_), options_,
                   [self = shared_from_this()](result<value> answered) {
                     self->opened(std::move(answered));
                   });
}

void stream_core::opened(result<value> answered) {
  lock held{mutex_};
  waits_ = false;
  const auto* made = answered ? answered->get_if<ref>() : nullptr;
  if (made == nullptr)
    return end(held, answered ? error{errc::message_malformed,
                                      "a stream that is no object"}
                              : why_ended(std::move(answered).error()));
  stream_ = *made;
  if (ended_) { // it was closed meanwhile
    const auto kept = std::exchange(stream_, {});
    held.unlock();
    return end_in_python(*kept, [](const result<void>&) {});
  }
  waits_ = true;
  held.unlock();
  ask();
}

// With one batch ahead its producer would fall asleep after each.
bool stream_core::wants_more() const {
  return !waits_ && !ended_ && ready_.size() < limits::batches_ahead;
}

// `waits_` is set already.
void stream_core::ask() {
  operation next{.what = verb::next};
  auto options = options_;
  {
    const std::lock_guard held{mutex_};
    if (ended_) {
      waits_ = false;
      return;
    }
    set_time();
    came_ = 0;
    batch_items_ = std::min(batch_items_, rules_.batch_items);
    next.target = *stream_;
    next.batch = {.items = batch_items_,
                  .bytes = rules_.batch_bytes,
                  .time = rules_.batch_time};
    // The time is the stream's to watch, item by item.
    options.timeout = 2 * rules_.timeout + rules_.batch_time;
  }
  next.client_ended = stop_.token();
  options.affinity = affinity::strict_queue;
  options.idempotent = false;
  session_->submit(
    std::move(next), options,
    [self = shared_from_this()](result<value> more) {
      self->answered(std::move(more));
    },
    [self = shared_from_this()](std::vector<value> items) {
      self->arrived(std::move(items));
    });
}

// --- What comes --------------------------------------------------------------

void stream_core::arrived(std::vector<value> items) {
  lock held{mutex_};
  if (ended_) {
    held.unlock();
    return let_go(items);
  }
  session_->streams().items += items.size();
  came_ += items.size();
  ready_.push_back(std::move(items));
  set_time();
  tell(held);
}

void stream_core::answered(result<value> more) {
  lock held{mutex_};
  waits_ = false;
  if (ended_)
    return;
  if (!more)
    return end(held, why_ended(std::move(more).error()));
  if (!more->to<bool>().value_or(false)) {
    stream_.reset(); // Python has let it go
    return end(held, {});
  }
  if (came_ == 0)
    return end(held,
               error{errc::message_malformed,
                     fmt::format("{}: no items, and more of them", what_)});
  // Who cannot fill a batch in its time has smaller ones, until none waits.
  batch_items_ =
    came_ < batch_items_
      ? std::max(static_cast<std::uint32_t>(came_) / 2, 1U)
      : std::min(batch_items_ * limits::batch_growth, rules_.batch_items);
  const bool asks = wants_more();
  waits_ = asks;
  held.unlock();
  if (asks)
    ask();
}

// Leaves without the lock.
void stream_core::tell(lock& held) {
  const auto news = std::exchange(on_news_, {});
  held.unlock();
  changed_.notify_one();
  if (news)
    news();
}

// What came before stays to be taken. Leaves without the lock.
void stream_core::end(lock& held, std::optional<error> failed) {
  if (std::exchange(ended_, true))
    return held.unlock();
  --session_->streams().open;
  const auto kept = failed && is_gone(failed->code())
                      ? std::optional<ref>{}
                      : std::exchange(stream_, {});
  failed_ = std::move(failed);
  const auto set = std::exchange(timer_, {});
  tell(held);
  if (set)
    session_->clock().cancel(*set);
  if (kept)
    end_in_python(*kept, [](const result<void>&) {});
}

// --- Its end -----------------------------------------------------------------

void stream_core::close(std::function<void(result<void>)> done) {
  lock held{mutex_};
  const bool is_open = begun_ && !ended_;
  begun_ = closed_ = ended_ = true;
  const auto kept = std::exchange(stream_, {});
  const auto unread = std::exchange(ready_, {});
  const auto set = std::exchange(timer_, {});
  const bool waits = waits_;
  failed_.reset();
  if (is_open)
    --session_->streams().open;
  for (const auto& each : unread)
    session_->streams().items -= each.size();
  tell(held);
  if (set)
    session_->clock().cancel(*set);
  if (waits)
    stop_.cancel();
  for (const auto& each : unread)
    let_go(each);
  if (!kept)
    return done({});
  end_in_python(*kept, std::move(done));
}

// What does not come to be closed in time is freed once there is time.
void stream_core::end_in_python(const ref& kept,
                                std::function<void(result<void>)> done) const {
  session_->submit(
    {.what = verb::close, .target = kept}, {.affinity = affinity::strict_queue},
    [session = session_, kept, done = std::move(done)](result<value> ended) {
      if (!ended && ended.error().code() == errc::deadline_exceeded
          && !ended.error().may_have_run())
        session->submit({.what = verb::release, .target = kept}, patient(),
                        [](const result<value>&) {});
      done(ended.transform([](const value&) {}));
    });
}

result<void> stream_core::close() {
  struct outcome {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<result<void>> known;
  };
  const auto mine = std::make_shared<outcome>();
  const without_gil while_waiting;
  close([mine](result<void> ended) {
    {
      const std::lock_guard held{mine->mutex};
      mine->known = std::move(ended);
    }
    mine->changed.notify_one();
  });
  lock held{mine->mutex};
  auto& clock = session_->clock();
  const auto until = session_->deadline({});
  while (!mine->known && clock.now() < until)
    if (clock.wait_until(held, mine->changed, until) == std::cv_status::timeout)
      break;
  if (mine->known && (*mine->known || !is_gone(mine->known->error().code())))
    return *std::move(mine->known);
  if (mine->known)
    return {};
  return error{
    errc::deadline_exceeded,
    fmt::format("the end of {}: it has not been closed in time", what_)};
}

void stream_core::let_go(const std::vector<value>& items) const {
  operation released{.what = verb::release};
  const auto send = [&] {
    if (released.target.is_ref())
      session_->submit(std::exchange(released, {.what = verb::release}),
                       patient(), [](const result<value>&) {});
  };
  for (const auto& each : items)
    each_ref(each, [&](const ref& made) {
      if (!released.target.is_ref())
        released.target = made;
      else
        released.slots.push_back(made.slot);
      if (released.slots.size() + 1 == limits::refs_released_max)
        send();
    });
  send();
}

// --- Its time ----------------------------------------------------------------

// With the lock. It begins anew with each item.
void stream_core::set_time() {
  due_ = session_->clock().now() + rules_.timeout;
  if (timer_ && timer_->first > due_)
    session_->clock().cancel(*std::exchange(timer_, {}));
  if (!timer_)
    set_timer();
}

void stream_core::set_timer() {
  timer_ = session_->clock().at(due_, [weak = weak_from_this()] {
    if (const auto self = weak.lock())
      self->look_at_time();
  });
}

void stream_core::look_at_time() {
  {
    const std::lock_guard held{mutex_};
    timer_.reset();
    if (!waits_ || ended_)
      return;
    if (session_->clock().now() < due_)
      return set_timer();
    is_late_ = true;
  }
  stop_.cancel();
}

// With the lock: why the stream has ended that what it asked for failed.
error stream_core::why_ended(error failed) const {
  if (stream_ && failed.code() == errc::ref_stale)
    return {errc::interpreter_died,
            fmt::format("{}: its interpreter died between two batches; begin "
                        "again",
                        what_)};
  if (failed.code() != errc::cancelled || !is_late_)
    return failed;
  const auto text =
    stream_ ? fmt::format("{}: no item came within {} ms, its stream_timeout; "
                          "give it more by timeout_idle",
                          what_, rules_.timeout.count())
            : fmt::format("{}: its time ran out before it began", what_);
  return error{errc::deadline_exceeded, text}.with_may_have_run(
    failed.may_have_run());
}

} // namespace snakebridge
