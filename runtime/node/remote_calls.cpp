#include "runtime/node/remote_calls.hpp"

#include <fmt/format.h>
#include <kj/debug.h>

#include "config/tunables.hpp"
#include "runtime/base/log.hpp"
#include "runtime/node/link_errors.hpp"

namespace snakebridge {

namespace {

tl::unexpected<error> lost(errc why, const char* what) {
  return tl::unexpected{error{why, what}.with_may_have_run(true)};
}

} // namespace

remote_calls::~remote_calls() noexcept {
  answer_all(error{errc::session_closed, "its last client has let it go"}
               .with_may_have_run(true));
}

void remote_calls::opened(schema::RemoteSession::Client by,
                          on_remote_end told) {
  if (ended_)
    return told(*ended_);
  session_.emplace(kj::mv(by));
  told_ = std::move(told);
}

void remote_calls::end(const error& why) {
  if (ended_)
    return;
  ended_ = why.with_may_have_run(false);
  answer_all(why.with_may_have_run(true));
  session_.reset();
  if (told_)
    std::exchange(told_, nullptr)(*ended_);
}

std::optional<error> remote_calls::refused(message& request,
                                           std::size_t bytes) const {
  if (ended_)
    return *ended_;
  if (bytes == 0 || !request.descriptors().empty())
    return error{errc::message_malformed,
                 "a request that cannot cross a network"};
  if (bytes > link_->payload_bytes_max)
    return error{errc::payload_too_large,
                 fmt::format("{} bytes, and payload_bytes_max is {}", bytes,
                             link_->payload_bytes_max)};
  if (link_->calls_made >= limits::link_calls_max)
    return error{errc::overloaded,
                 fmt::format("{} calls to node {} are in flight",
                             link_->calls_made, link_->peer)};
  if (!link_->outgoing.has_room(bytes) || (link_->has_way && !link_->has_way()))
    return error{errc::overloaded,
                 fmt::format("node {} reads requests more slowly than they "
                             "come",
                             link_->peer)};
  return std::nullopt;
}

void remote_calls::submit(std::uint64_t call, std::shared_ptr<message> request,
                          steady_clock::time_point deadline, on_reply done) {
  if (const auto why = refused(*request, bytes_of(*request)))
    return done(tl::unexpected{*why});
  const auto remaining = std::min<steady_clock::duration>(
    deadline - steady_clock::now(), std::chrono::milliseconds{day_ms});
  if (remaining <= steady_clock::duration::zero())
    return done(tl::unexpected{
      error{errc::deadline_exceeded, "its time was over before it was sent"}});
  auto given_up = kj::newPromiseAndFulfiller<outcome>();
  calls_.emplace(call, in_flight{std::move(done), kj::mv(given_up.fulfiller)});
  ++link_->calls_made;
  auto late = timer_.afterDelay(remaining.count() * kj::NANOSECONDS).then([] {
    return outcome{
      lost(errc::deadline_exceeded, "no answer from its node in time")};
  });
  tasks_.add(
    kj::evalNow([&] { return send(std::move(request), remaining); })
      .exclusiveJoin(kj::mv(late))
      .exclusiveJoin(kj::mv(given_up.promise))
      .then([this, call](outcome with) { answer(call, std::move(with)); },
            [this, call](kj::Exception&& failed) {
              answer(call, tl::unexpected{to_error(failed, link_->peer)});
            })
      .attach(kj::defer([link = link_] { --link->calls_made; })));
}

kj::Promise<remote_calls::outcome>
remote_calls::send(std::shared_ptr<message> request,
                   std::chrono::nanoseconds remaining) {
  const auto bytes = bytes_of(*request);
  const auto size = bytes > limits::payload_part_bytes_max
                      ? capnp::MessageSize{16, 1}
                      : capnp::MessageSize{bytes / sizeof(word) + 16, 0};
  auto asking = session_->requestRequest(size);
  asking.setRemainingNs(static_cast<std::uint64_t>(remaining.count()));
  link_->outgoing.write(asking.initPayload(), std::move(request));
  return asking.send().then([this](auto&& came) -> kj::Promise<outcome> {
    const auto replied = came.getReplied();
    if (replied.isFailed())
      return outcome{tl::unexpected{read_failed(replied.getFailed())}};
    auto objects = replied.hasObjects()
                     ? std::optional{replied.getObjects()}
                     : std::optional<schema::Objects::Client>{};
    auto reading = link_->replies.read(replied.getPayload());
    return reading.attach(kj::mv(came))
      .then([this, objects = kj::mv(objects)](auto reply) mutable -> outcome {
        if (!reply)
          return tl::unexpected{
            std::move(reply).error().with_may_have_run(true)};
        received_message made{std::move(reply->words)};
        if (made.is_large())
          made.held = link_->held.add(kj::mv(reply->held), kj::mv(objects));
        else if (objects)
          made.held = link_->held.add({}, kj::mv(objects));
        return made;
      });
  });
}

void remote_calls::cancel(std::uint64_t call) {
  const auto place = calls_.find(call);
  if (place != calls_.end())
    place->second.gives_up->fulfill(lost(errc::cancelled, "it was cancelled"));
}

void remote_calls::answer(std::uint64_t call, outcome with) {
  const auto place = calls_.find(call);
  if (place == calls_.end())
    return;
  const auto done = std::move(place->second.done);
  calls_.erase(place);
  done(std::move(with));
}

void remote_calls::answer_all(const error& why) {
  for (auto& [number, call] : std::exchange(calls_, {}))
    call.done(tl::unexpected{why});
}

void remote_calls::taskFailed(kj::Exception&& failed) {
  logger()->error("node {}: a call failed: {}", link_->peer,
                  failed.getDescription().cStr());
}

} // namespace snakebridge
