#include "runtime/node/served_session.hpp"

#include <algorithm>

#include <kj/common.h>

#include "config/tunables.hpp"
#include "runtime/node/link_errors.hpp"

namespace snakebridge {

namespace {

// Objects of a reply, as long as the other node has that, or is to have it.
class objects_server final : public schema::Objects::Server {
public:
  explicit objects_server(std::shared_ptr<untaken_objects> objects)
      : objects_{std::move(objects)} {}

  kj::Promise<void> keep(KeepContext) override {
    objects_->keep();
    return kj::READY_NOW;
  }

private:
  const std::shared_ptr<untaken_objects> objects_;
};

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
      jobs->run([self, why = std::move(why)] {
        if (*self != nullptr)
          (*self)->end(why);
      });
    },
    [jobs = link_->jobs, self = self_](auto made) {
      // A std::function can be copied, and so must be what it holds.
      auto held = std::make_shared<decltype(made)>(std::move(made));
      jobs->run([self, held] {
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
      // It counts until it is answered; a large one also until it has been
      // read, though nobody may want it any more.
      received_message came{std::move(request->words)};
      if (!came.is_large())
        return run(std::move(came), deadline).attach(kj::mv(request->held));
      came.held = link_->held.add(kj::mv(request->held));
      auto held = came.held;
      return run(std::move(came), deadline).attach(kj::mv(held));
    })
    .then([this, call, fail](answer outcome) mutable {
      if (outcome)
        if (auto why = cannot_go(*outcome->content))
          outcome = tl::unexpected{why->with_may_have_run(true)};
      if (!outcome)
        return fail(call, outcome.error());
      const auto bytes = bytes_of(*outcome->content);
      const auto size = bytes > limits::payload_part_bytes_max
                          ? capnp::MessageSize{16, 1}
                          : capnp::MessageSize{bytes / sizeof(word) + 16, 0};
      auto replied = call.getResults(size).initReplied();
      link_->outgoing.write(replied.initPayload(), std::move(outcome->content));
      if (outcome->objects)
        replied.setObjects(
          kj::heap<objects_server>(std::move(outcome->objects)));
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
served_session::run(received_message request,
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
                    jobs->run([self, number, outcome = std::move(outcome)] {
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
