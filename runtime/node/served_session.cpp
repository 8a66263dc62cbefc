#include "runtime/node/served_session.hpp"

#include <algorithm>

#include <kj/common.h>

#include "config/tunables.hpp"
#include "runtime/node/link_errors.hpp"

namespace snakebridge {

namespace {

error overloaded(const char* by_what) {
  return {errc::overloaded, by_what};
}

} // namespace

served_session::served_session(std::shared_ptr<link_parts> link,
                               schema::SessionClient::Client holder)
    : link_{std::move(link)},
      holder_{kj::mv(holder)},
      calls_{link_->jobs},
      visits_{link_} {
  ++link_->sessions_served;
}

served_session::~served_session() noexcept {
  *self_ = nullptr;
  visits_.answer_all({errc::node_down, "its program has left the session"});
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
               link_->bytes->faults.meet(link_stage::ended);
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
  auto callbacks = take_callbacks(asked.getCallbacks());
  if (!callbacks)
    return fail(call, overloaded("that node has too many callbacks there")),
           kj::READY_NOW;
  const auto deadline = deadline_of(asked.getRemainingNs());
  const auto inside = asked.getInside(), number = asked.getNumber();
  ++link_->calls_served;
  auto done = kj::defer([link = link_] { --link->calls_served; });
  auto reading = link_->requests.read(asked.getPayload());
  call.releaseParams();
  return reading
    .then([this, deadline, inside, number, callbacks = *std::move(callbacks)](
            auto request) mutable -> kj::Promise<late_replies::reply> {
      if (!request)
        return late_replies::reply{tl::unexpected{std::move(request).error()}};
      // It counts until it is answered; a large one also until it has been
      // read, though nobody may want it any more.
      auto come = link_->hold(*request);
      come.callbacks = std::move(callbacks);
      come.inside = inside;
      come.number = number;
      auto held = come.held;
      return calls_
        .wait(
          [&](std::uint64_t call, on_remote_reply replied) {
            client_->submit(call, std::move(come), deadline,
                            std::move(replied));
          },
          [this](std::uint64_t call) { client_->cancel(call); })
        .attach(kj::mv(held), kj::mv(request->held));
    })
    .then([this, call](late_replies::reply outcome) mutable {
      link_->reply(call, std::move(outcome));
    })
    .attach(kj::mv(done));
}

// --- Callbacks ---------------------------------------------------------------

// It outlives the session, if Python does not let it go before.
class served_session::caller final : public callback_caller {
public:
  caller(std::shared_ptr<loop_jobs> jobs, self_pointer in, std::uint64_t number)
      : jobs_{std::move(jobs)},
        in_{std::move(in)},
        number_{number} {}
  ~caller() override {
    jobs_->run([in = in_, number = number_] {
      if (*in != nullptr)
        (*in)->callbacks_.erase(number);
    });
  }

  void call(std::shared_ptr<message> given, const callback_place& where,
            on_received done) override {
    const bool is_posted = jobs_->post(
      [in = in_, number = number_, given = std::move(given), where, done] {
        if (*in != nullptr)
          (*in)->call_back(number, given, where, done);
        else
          done(tl::unexpected{
            error{errc::session_closed, "its program has left the session"}});
      });
    if (!is_posted)
      done(tl::unexpected{
        overloaded("too much waits for the links of this node")});
  }
  void give_up(std::uint64_t visit) override {
    jobs_->post_end([in = in_, visit] {
      if (*in != nullptr)
        (*in)->visits_.give_up(
          visit, {errc::cancelled, "nobody waits for it any more"});
    });
  }

private:
  const std::shared_ptr<loop_jobs> jobs_;
  const self_pointer in_;
  const std::uint64_t number_;
};

// Nothing: they are too many.
std::optional<std::vector<received_callback>>
served_session::take_callbacks(capnp::List<schema::Given>::Reader from) {
  if (callbacks_.size() + from.size() > limits::link_calls_max)
    return std::nullopt;
  std::vector<received_callback> made;
  for (const auto each : from) {
    callbacks_.emplace(++last_callback_, each.getCallback());
    made.push_back({each.getId(), std::make_shared<caller>(link_->jobs, self_,
                                                           last_callback_)});
  }
  return made;
}

void served_session::call_back(std::uint64_t callback,
                               std::shared_ptr<message> given,
                               const callback_place& where, on_received done) {
  const auto bytes = bytes_of(*given);
  if (auto why = link_->no_way_for(bytes))
    return done(tl::unexpected{*std::move(why)});
  const auto left = std::clamp<std::chrono::nanoseconds>(
    where.deadline - steady_clock::now(), std::chrono::nanoseconds{0},
    std::chrono::milliseconds{day_ms});
  visits_.add(where.visit, std::move(done), kj::evalNow([&] {
                auto asking = callbacks_.at(callback).callRequest(
                  link_parts::size_of(bytes));
                asking.setInterpreter(where.interpreter);
                asking.setEpoch(where.epoch);
                asking.setVisit(where.visit);
                asking.setWithin(where.within);
                asking.setRemainingNs(static_cast<std::uint64_t>(left.count()));
                link_->outgoing.write(asking.initPayload(), std::move(given));
                return asking.send().then([this](auto&& came) {
                  return link_->receive(came.getReplied()).attach(kj::mv(came));
                });
              }));
}

} // namespace snakebridge
