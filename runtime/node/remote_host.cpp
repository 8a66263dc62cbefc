#include "runtime/node/remote_host.hpp"

#include <algorithm>

#include "config/tunables.hpp"
#include "runtime/base/ensure.hpp"
#include "runtime/calls/callback_scope.hpp"
#include "runtime/node/large_message.hpp"
#include "runtime/values/each_ref.hpp"
#include "runtime/wire/messages.hpp"
#include "runtime/wire/remote_messages.hpp"

namespace snakebridge {

remote_host::remote_host(std::unique_ptr<remote_session> over,
                         std::shared_ptr<value_thread> values,
                         std::size_t payload_bytes_max)
    : values_{std::move(values)},
      payload_bytes_max_{payload_bytes_max},
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
  return take_in(taken, 0);
}

// On the thread of the callback that makes it.
bool remote_host::accept_inside(const exchange_ptr& taken) {
  const auto* around = callback_scope::here();
  while (around != nullptr && around->of().host.get() != this)
    around = around->around();
  return take_in(taken, around != nullptr ? around->of().visit : 0);
}

bool remote_host::take_in(const exchange_ptr& taken, std::uint64_t visit) {
  ensure(taken->prepared != nullptr && taken->to.route != nullptr,
         "a call for another node is encoded, with its route");
  const std::lock_guard lock{mutex_};
  if (!over_ || calls_.size() >= limits::remote_calls_max)
    return false;
  taken->id = ++last_;
  calls_.emplace(last_, sent_call{taken, visit});
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
  std::uint64_t visit = 0;
  {
    const std::lock_guard lock{mutex_};
    over = over_;
    const auto here = calls_.find(id);
    if (here == calls_.end())
      return; // given up meanwhile
    visit = here->second.visit;
  }
  if (!over)
    return take(id, tl::unexpected{error{errc::session_closed,
                                         "this node has left the session"}});
  const auto number =
    over->submit(request_of(*made, visit), made->deadline,
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

// --- Callbacks ---------------------------------------------------------------

// One that Python on the other node has. Called in a call whose thread waits
// for it, it runs on that thread, else on a callback thread.
class remote_host::given final : public given_callback {
public:
  given(std::weak_ptr<remote_host> host,
        std::shared_ptr<const session_gate> session, std::uint32_t interpreter,
        callback of)
      : host_{std::move(host)},
        session_{std::move(session)},
        interpreter_{interpreter},
        of_{std::make_shared<callback>(std::move(of))} {}
  // What the program has captured in it may block, or call us.
  ~given() override {
    session_->callbacks->run_later([of = std::move(of_)] {});
  }

  std::function<void()> call(received_message come, const callback_place& where,
                             on_remote_reply done) override {
    cancel_source unwanted;
    const auto host = host_.lock();
    const auto in = host ? host->find(where.within) : nullptr;
    // A std::function can be copied, and so must be what it holds.
    const auto held = std::make_shared<received_message>(std::move(come));
    auto job = [host = host_, session = session_, interpreter = interpreter_,
                of = of_, held, where, done, cancel = unwanted.token()] {
      done(run(host.lock(), *session, interpreter, *of, *held, where, cancel));
    };
    const auto in_time = [weak = std::weak_ptr{in}, job, done] {
      const auto waits = weak.lock();
      return waits && !waits->answered() ? job()
                                         : done(tl::unexpected{given_up()});
    };
    if (!in || !in->call_back(in_time))
      session_->callbacks->run_later(std::move(job));
    return [unwanted]() mutable { unwanted.cancel(); };
  }

private:
  static error given_up() {
    return {errc::cancelled, "the call it was called in was given up"};
  }
  static result<remote_reply>
  run(std::shared_ptr<remote_host> host, const session_gate& session,
      std::uint32_t interpreter, const callback& of, received_message& come,
      const callback_place& where, const cancel_token& cancel) {
    if (!host || session.closed)
      return error{errc::session_closed,
                   "the callback is gone: its session has ended"};
    if (cancel.stop_requested())
      return given_up();
    const auto held = std::move(come.held);
    auto asked = wire::decode_called(
      frame{.header = {.words = static_cast<std::uint32_t>(come.words.size())},
            .message = std::move(come.words)},
      [&](std::uint64_t) {
        return session.origin_in(where.interpreter, where.epoch);
      });
    if (!asked)
      return tl::unexpected{std::move(asked).error()};
    callback_answer told;
    session.callbacks->run_here([&] {
      const callback_scope scope{{.host = host,
                                  .interpreter = interpreter,
                                  .session = session.number,
                                  .session_id = session.id,
                                  .deadline = where.deadline,
                                  .cancel = cancel,
                                  .raises = false,
                                  .visit = where.visit}};
      told = call_back(of, std::move(asked->given));
    });
    if (auto why = cannot_return(told.outcome, session, where))
      told = {.failed = true,
              .type = "snakebridge::exception",
              .message = *std::move(why)};
    return remote_reply{
      wire::encode_remote_returned(told, host->payload_bytes_max_)};
  }

  // Its objects have no more than their slots on the way.
  static std::optional<std::string> cannot_return(const value& outcome,
                                                  const session_gate& session,
                                                  const callback_place& where) {
    if (outcome.holds_callbacks())
      return "a callback of another node cannot return a callback";
    std::optional<std::string> why;
    each_ref(outcome, [&](const ref& each) {
      if (each.session != session.id || each.node != session.home.node
          || each.session_epoch != session.home.epoch
          || each.interpreter != where.interpreter || each.epoch != where.epoch)
        why = "a callback of another node can return only objects of the "
              "interpreter that calls it";
    });
    return why;
  }

  const std::weak_ptr<remote_host> host_;
  const std::shared_ptr<const session_gate> session_;
  const std::uint32_t interpreter_;
  std::shared_ptr<const callback> of_;
};

sent_request remote_host::request_of(const exchange& made,
                                     std::uint64_t visit) {
  sent_request request{
    .content = made.prepared, .inside = visit, .number = made.id};
  auto& callbacks = request.callbacks;
  each_callback(made.asked, [&](const callback& each) {
    if (std::none_of(callbacks.begin(), callbacks.end(),
                     [&](const auto& had) { return had.first == each.id(); }))
      callbacks.emplace_back(
        each.id(), std::make_shared<given>(weak_from_this(), made.session,
                                           made.interpreter, each));
  });
  return request;
}

// --- Replies -----------------------------------------------------------------

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
  if (mine) {
    answer(*mine, std::move(replied));
    if (is_large(bytes_of(*mine->prepared)))
      values_->run([done = std::move(mine)] {});
  }
  on_room(); // for the link, too, which has had one that was given up until now
}

exchange_ptr remote_host::find(std::uint64_t call) const {
  const std::lock_guard lock{mutex_};
  const auto here = calls_.find(call);
  return here == calls_.end() ? nullptr : here->second.made;
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
