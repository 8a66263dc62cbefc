#include "runtime/node/served_session.hpp"

#include <algorithm>

#include <kj/common.h>

#include "config/tunables.hpp"
#include "runtime/node/link_errors.hpp"

namespace snakebridge {

namespace {

// Does it on the loop's thread: here, or later. What `later` owns is let go
// there, too, as long as the loop lives.
template <class Do>
void on_loop(loop_jobs& jobs, Do later) {
  if (jobs.is_here())
    later();
  else
    jobs.post_end(std::move(later));
}

error overloaded(const char* by_what) {
  return {errc::overloaded, by_what};
}

} // namespace

served_session::served_session(std::shared_ptr<link_parts> link,
                               schema::SessionClient::Client holder)
    : link_{std::move(link)},
      holder_{kj::mv(holder)} {
  ++link_->sessions_served;
}

served_session::~served_session() noexcept {
  *self_ = nullptr;
  --link_->sessions_served;
}

kj::Promise<std::optional<error>>
served_session::open(session_provider& by, const remote_open& wanted) {
  auto later = kj::newPromiseAndFulfiller<std::optional<error>>();
  opening_ = kj::mv(later.fulfiller);
  by.open(
    wanted,
    [jobs = link_->jobs, self = self_](error why) {
      on_loop(*jobs, [self, why = std::move(why)] {
        if (*self != nullptr)
          (*self)->end(why);
      });
    },
    [jobs = link_->jobs, self = self_](auto made) {
      // A std::function can be copied, and so must be what it holds.
      auto held = std::make_shared<decltype(made)>(std::move(made));
      on_loop(*jobs, [self, held] {
        if (*self == nullptr)
          return; // and the client ends with `held`
        std::optional<error> why;
        if (*held)
          (*self)->client_ = std::move(**held);
        else
          why = held->error();
        (*self)->opening_->fulfill(std::move(why));
      });
    });
  return kj::mv(later.promise);
}

void served_session::end(const error& why) {
  if (ended_)
    return;
  ended_ = why;
  // After what was answered before: how many objects it had, say.
  telling_ = kj::evalLast([this] {
               auto telling = holder_.endedRequest();
               write_failed(telling.initWhy(), *ended_);
               return telling.send().ignoreResult();
             }).eagerlyEvaluate([](kj::Exception&&) {}); // the link has, too
}

kj::Promise<void> served_session::request(RequestContext call) {
  may_be_cancelled(call);
  if (link_->on_asked)
    link_->on_asked();
  const auto asked = call.getParams();
  const auto fail = [](RequestContext& of, const error& why) {
    write_failed(of.getResults().initReplied().initFailed(), why);
  };
  if (link_->calls_served >= limits::link_calls_max)
    return fail(call, overloaded("too many calls of this node run there")),
           kj::READY_NOW;
  const std::chrono::nanoseconds remaining{std::min<std::uint64_t>(
    asked.getRemainingNs(),
    std::chrono::nanoseconds{std::chrono::milliseconds{day_ms}}.count())};
  const auto deadline = steady_clock::now() + remaining;
  ++link_->calls_served;
  auto done = kj::defer([link = link_] { --link->calls_served; });
  auto reading = link_->requests.read(asked.getPayload());
  call.releaseParams();
  return reading
    .then([this, deadline](auto request) -> kj::Promise<answer> {
      if (!request)
        return answer{tl::unexpected{std::move(request).error()}};
      auto running = run(std::move(request->words), deadline);
      return running.attach(kj::mv(request->held)); // until it is answered
    })
    .then([this, call, fail](answer outcome) mutable {
      if (outcome)
        if (auto why = cannot_go(**outcome))
          outcome = tl::unexpected{why->with_may_have_run(true)};
      if (!outcome)
        return fail(call, outcome.error());
      const auto bytes = bytes_of(**outcome);
      const auto size = bytes > limits::payload_part_bytes_max
                          ? capnp::MessageSize{16, 1}
                          : capnp::MessageSize{bytes / sizeof(word) + 16, 0};
      link_->outgoing.write(call.getResults(size).initReplied().initPayload(),
                            *std::move(outcome));
    })
    .attach(kj::mv(done));
}

std::optional<error> served_session::cannot_go(message& reply) const {
  if (!reply.descriptors().empty())
    return error{errc::message_malformed,
                 "a reply that cannot cross a network"};
  if (!link_->outgoing.has_room(bytes_of(reply)))
    return overloaded("large results wait there to be read");
  if (link_->has_way && !link_->has_way())
    return overloaded("results wait there to be read");
  return std::nullopt;
}

kj::Promise<served_session::answer>
served_session::run(std::vector<word> request,
                    steady_clock::time_point deadline) {
  const auto number = ++last_call_;
  auto later = kj::newPromiseAndFulfiller<answer>();
  calls_.emplace(number, kj::mv(later.fulfiller));
  auto waiting = later.promise.attach(kj::defer([this, number] {
    if (calls_.erase(number) > 0)
      client_->cancel(number);
  }));
  client_->submit(number, std::move(request), deadline,
                  [jobs = link_->jobs, self = self_, number](answer outcome) {
                    on_loop(*jobs,
                            [self, number, outcome = std::move(outcome)] {
                              if (*self != nullptr)
                                (*self)->take(number, outcome);
                            });
                  });
  return waiting;
}

void served_session::take(std::uint64_t call, answer outcome) {
  const auto place = calls_.find(call);
  if (place == calls_.end())
    return;
  auto waits = kj::mv(place->second);
  calls_.erase(place);
  waits->fulfill(std::move(outcome));
}

} // namespace snakebridge
