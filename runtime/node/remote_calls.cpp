#include "runtime/node/remote_calls.hpp"

#include <fmt/format.h>
#include <kj/debug.h>

#include "config/tunables.hpp"
#include "runtime/node/cancellable.hpp"
#include "runtime/node/late_replies.hpp"
#include "runtime/node/link_errors.hpp"

namespace snakebridge {

namespace {

tl::unexpected<error> lost(errc why, const char* what) {
  return tl::unexpected{error{why, what}.with_may_have_run(true)};
}

} // namespace

// A large reply, until whoever it is for has read it.
class remote_calls::taking {
public:
  explicit taking(remote_calls& by) : by_{by.self_} { ++by.taking_; }
  ~taking() {
    auto* const by = *by_;
    if (by != nullptr && --by->taking_ == 0 && by->ending_ && !by->ended_)
      by->end_comes_ =
        kj::evalLater([by] { by->end(*by->ending_); }).eagerlyEvaluate(nullptr);
  }
  taking(const taking&) = delete;
  taking& operator=(const taking&) = delete;

private:
  const std::shared_ptr<remote_calls*> by_;
};

remote_calls::~remote_calls() noexcept {
  *self_ = nullptr;
  calls_.answer_all(error{errc::session_closed, "its last client has let it go"}
                      .with_may_have_run(true));
}

void remote_calls::opened(schema::RemoteSession::Client by,
                          on_remote_end told) {
  if (ended_)
    return told(*ended_);
  session_.emplace(kj::mv(by));
  told_ = std::move(told);
}

void remote_calls::ended_there(const error& why) {
  if (ending_)
    return;
  ending_ = why;
  if (taking_ == 0)
    end(why);
}

void remote_calls::tell_end(const error& why) {
  if (ended_)
    return;
  ended_ = ending_.value_or(why).with_may_have_run(false);
  session_.reset();
  if (told_)
    std::exchange(told_, nullptr)(*ended_);
}

// Whoever learns of its end by the answer of a call finds that it has ended.
void remote_calls::end(const error& why) {
  tell_end(why);
  calls_.answer_all(ended_->with_may_have_run(true));
}

std::optional<error> remote_calls::refused(message& request,
                                           std::size_t bytes) const {
  if (ended_)
    return *ended_;
  if (!request.descriptors().empty())
    return error{errc::message_malformed,
                 "a request that cannot cross a network"};
  if (link_->calls_made >= limits::link_calls_max)
    return error{errc::overloaded,
                 fmt::format("{} calls to node {} are in flight",
                             link_->calls_made, link_->peer)};
  return link_->no_way_for(bytes);
}

void remote_calls::submit(std::uint64_t call, sent_request request,
                          steady_clock::time_point deadline, on_reply done) {
  auto& content = *request.content;
  if (const auto why = refused(content, bytes_of(content)))
    return done(tl::unexpected{*why});
  const auto remaining = std::min<steady_clock::duration>(
    deadline - steady_clock::now(), std::chrono::milliseconds{day_ms});
  if (remaining <= steady_clock::duration::zero())
    return done(tl::unexpected{
      error{errc::deadline_exceeded, "its time was over before it was sent"}});
  ++link_->calls_made;
  auto late = timer_.afterDelay(remaining.count() * kj::NANOSECONDS).then([] {
    return outcome{
      lost(errc::deadline_exceeded, "no answer from its node in time")};
  });
  calls_.add(call, std::move(done),
             kj::evalNow([&]() -> kj::Promise<outcome> {
               if (ending_)
                 return kj::NEVER_DONE; // its end answers it
               return send(std::move(request), remaining);
             })
               .exclusiveJoin(kj::mv(late))
               .attach(kj::defer([link = link_] { --link->calls_made; })));
}

namespace {

class callback_server final : public cancellable<schema::Callback> {
public:
  callback_server(std::shared_ptr<link_parts> link,
                  std::shared_ptr<given_callback> callback)
      : link_{std::move(link)},
        callback_{std::move(callback)},
        calls_{link_->jobs} {}

  kj::Promise<void> call(CallContext call) override {
    may_be_cancelled(call);
    if (link_->on_asked)
      link_->on_asked();
    if (link_->calls_served >= limits::link_calls_max) {
      link_->reply(
        call, tl::unexpected{error{errc::overloaded,
                                   "too many calls of that node run here"}});
      return kj::READY_NOW;
    }
    const auto asked = call.getParams();
    const callback_place where{.interpreter = asked.getInterpreter(),
                               .epoch = asked.getEpoch(),
                               .visit = asked.getVisit(),
                               .within = asked.getWithin(),
                               .deadline = deadline_of(asked.getRemainingNs())};
    ++link_->calls_served;
    auto done = kj::defer([link = link_] { --link->calls_served; });
    auto reading = link_->requests.read(asked.getPayload());
    call.releaseParams();
    return reading
      .then([this, where](auto given) -> kj::Promise<late_replies::reply> {
        if (!given)
          return late_replies::reply{tl::unexpected{std::move(given).error()}};
        auto gives_up = std::make_shared<std::function<void()>>();
        auto come = link_->hold(*given);
        return calls_
          .wait(
            [&](std::uint64_t, on_remote_reply replied) {
              *gives_up =
                callback_->call(std::move(come), where, std::move(replied));
            },
            [gives_up](std::uint64_t) { (*gives_up)(); })
          .attach(kj::mv(given->held));
      })
      .then([this, call](late_replies::reply outcome) mutable {
        link_->reply(call, std::move(outcome));
      })
      .attach(kj::mv(done));
  }

private:
  const std::shared_ptr<link_parts> link_;
  const std::shared_ptr<given_callback> callback_;
  late_replies calls_;
};

} // namespace

kj::Promise<remote_calls::outcome>
remote_calls::send(sent_request request, std::chrono::nanoseconds remaining) {
  auto size = link_parts::size_of(bytes_of(*request.content));
  const auto count = request.callbacks.size();
  size.wordCount += 4 * count;
  size.capCount += static_cast<kj::uint>(count);
  auto asking = session_->requestRequest(size);
  asking.setRemainingNs(static_cast<std::uint64_t>(remaining.count()));
  asking.setInside(request.inside);
  asking.setNumber(request.number);
  if (count > 0) {
    auto callbacks = asking.initCallbacks(static_cast<kj::uint>(count));
    for (kj::uint at = 0; at < count; ++at) {
      auto& [id, callback] = request.callbacks[at];
      callbacks[at].setId(id);
      callbacks[at].setCallback(
        kj::heap<callback_server>(link_, std::move(callback)));
    }
  }
  link_->outgoing.write(asking.initPayload(), std::move(request.content));
  link_->bytes->faults.meet(link_stage::request);
  return asking.send().then([this](auto&& came) {
    return link_->receive(came.getReplied(), std::make_shared<taking>(*this))
      .attach(kj::mv(came));
  });
}

void remote_calls::cancel(std::uint64_t call) {
  calls_.give_up(call, lost(errc::cancelled, "it was cancelled").value());
}

} // namespace snakebridge
