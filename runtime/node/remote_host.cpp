#include "runtime/node/remote_host.hpp"

#include "config/tunables.hpp"
#include "runtime/base/ensure.hpp"
#include "runtime/wire/messages.hpp"
#include "runtime/wire/remote_messages.hpp"

namespace snakebridge {

remote_host::remote_host(std::unique_ptr<remote_session> over,
                         std::shared_ptr<value_thread> values)
    : values_{std::move(values)},
      over_{std::move(over)} {}

void remote_host::start(host_events events) {
  {
    const std::lock_guard lock{mutex_};
    on_room_ = std::move(events.on_room);
  }
  events.on_ready();
}

// The link answers what is in flight.
void remote_host::stop() {
  std::shared_ptr<remote_session> ended;
  const std::lock_guard lock{mutex_};
  ended.swap(over_);
}

void remote_host::kill(std::string) {
  stop();
}

bool remote_host::accept(const exchange_ptr& taken) {
  ensure(taken->prepared != nullptr && taken->to.route != nullptr,
         "a call for another node is encoded, with its route");
  const std::lock_guard lock{mutex_};
  if (!over_ || calls_.size() >= limits::remote_calls_max)
    return false;
  taken->id = ++last_;
  calls_.emplace(last_, sent_call{taken});
  outbox_.push_back(taken);
  return true;
}

// One thread at a time, so that they leave in order.
void remote_host::flush() {
  std::unique_lock lock{mutex_};
  if (std::exchange(is_sending_, true))
    return;
  while (!outbox_.empty()) {
    const auto next = std::move(outbox_.front());
    outbox_.pop_front();
    lock.unlock();
    send(next);
    lock.lock();
  }
  is_sending_ = false;
}

void remote_host::send(const exchange_ptr& made) {
  const std::uint64_t id = made->id;
  std::shared_ptr<remote_session> over;
  {
    const std::lock_guard lock{mutex_};
    over = over_;
    if (!calls_.contains(id))
      return; // given up meanwhile
  }
  if (!over)
    return take(id, tl::unexpected{error{errc::session_closed,
                                         "this node has left the session"}});
  const auto number =
    over->submit(made->prepared, made->deadline,
                 [self = shared_from_this(), id](auto replied) {
                   self->take(id, std::move(replied));
                 });
  {
    const std::lock_guard lock{mutex_};
    if (const auto here = calls_.find(id); here != calls_.end()) {
      here->second.number = number;
      return;
    }
  }
  over->cancel(number); // given up meanwhile, or answered
}

void remote_host::take(std::uint64_t call, result<received_message> replied) {
  if (!replied || !replied->is_large())
    return finish(call, std::move(replied));
  // A std::function can be copied, and so must be what it holds.
  const auto held =
    std::make_shared<result<received_message>>(std::move(replied));
  values_->run([self = shared_from_this(), call, held] {
    self->finish(call, std::move(*held));
  });
}

namespace {

// Whatever nobody takes is freed with what the link holds of it.
void answer(exchange& replied, result<received_message> with) {
  if (!with) {
    replied.answer(tl::unexpected{std::move(with).error()});
    return;
  }
  const auto held = std::move(with->held);
  const auto bytes = with->words.size() * sizeof(word);
  auto told = wire::decode_remote_reply(
    frame{.header = {.words = static_cast<std::uint32_t>(with->words.size())},
          .message = std::move(with->words)},
    replied.session->origin_in(0, 0));
  bool is_taken = !told.items.empty();
  if (!replied.deliver(std::move(told.items))) {
    is_taken = false;
    told.outcome = tl::unexpected{
      error{errc::message_malformed,
            "its node sent items of a stream that nobody asked for"}};
  }
  const bool is_mine = replied.claim();
  if (held && !told.malformed && (is_taken || is_mine))
    held->keep();
  if (!is_mine)
    return;
  replied.reply_bytes = bytes;
  replied.settle(std::move(told.outcome));
}

} // namespace

void remote_host::finish(std::uint64_t call, result<received_message> replied) {
  exchange_ptr mine;
  std::function<void()> on_room;
  {
    const std::lock_guard lock{mutex_};
    on_room = on_room_;
    if (const auto here = calls_.find(call); here != calls_.end()) {
      mine = std::move(here->second.made);
      calls_.erase(here);
    }
  }
  if (mine)
    answer(*mine, std::move(replied));
  on_room(); // for the link, too, which has had one that was given up until now
}

call_stage remote_host::abandon(exchange& given_up) {
  std::shared_ptr<remote_session> over;
  sent_call gone;
  {
    const std::lock_guard lock{mutex_};
    const auto here = calls_.find(given_up.id);
    if (here == calls_.end() || here->second.made.get() != &given_up)
      return call_stage::running;
    gone = std::move(here->second);
    calls_.erase(here);
    over = over_;
    if (gone.number == 0 && std::erase(outbox_, gone.made) > 0)
      return call_stage::queued;
  }
  if (over && gone.number != 0)
    over->cancel(gone.number);
  return call_stage::running;
}

// `release` follows, and ends them all.
void remote_host::withdraw(std::uint64_t) {}

void remote_host::release(std::uint64_t, std::size_t) {
  stop();
}

std::size_t remote_host::running() const {
  const std::lock_guard lock{mutex_};
  return calls_.size();
}

bool remote_host::has_ended() const {
  const std::lock_guard lock{mutex_};
  return !over_;
}

} // namespace snakebridge
