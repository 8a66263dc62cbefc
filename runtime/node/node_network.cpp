#include "runtime/node/node_network.hpp"

#include <fmt/format.h>

#include "config/settings.hpp"
#include "runtime/base/log.hpp"
#include "runtime/node/link_errors.hpp"

namespace snakebridge {

namespace {

// A listener that the system has no descriptor for tries again after so long.
constexpr auto accept_again = 100 * kj::MILLISECONDS;

auto in(std::chrono::nanoseconds time) {
  return time.count() * kj::NANOSECONDS;
}

link_peer told_of(const node_link& link) {
  return {link.peer(), link.address(), link.is_dialed()};
}

// "0.0.0.0:0" and 4000 into "0.0.0.0:4000".
std::string with_port(const std::string& address, unsigned port) {
  return fmt::format("{}:{}", address.substr(0, address.rfind(':')), port);
}

} // namespace

// By which an owner tells that a session has ended.
class node_network::client_told final
    : public cancellable<schema::SessionClient> {
public:
  client_told(node_network& in, std::uint64_t number)
      : in_{in},
        number_{number} {}

  kj::Promise<void> ended(EndedContext call) override {
    if (auto* const session = in_.find(number_))
      session->ended_there(read_failed(call.getParams().getWhy()));
    return kj::READY_NOW;
  }

private:
  node_network& in_;
  const std::uint64_t number_;
};

node_network::node_network(node_loop& loop, link_settings settings,
                           const link_events& events,
                           session_provider& provider, linked_peers& peers)
    : loop_{loop},
      settings_{std::move(settings)},
      events_{events},
      provider_{provider},
      peers_{peers} {}

node_network::~node_network() noexcept {
  const error why{errc::shutting_down, "this node is stopping"};
  dialed_.clear();
  listener_ = nullptr;
  for (auto& [number, done] : std::exchange(opening_, {}))
    done(tl::unexpected{why});
  for (auto& [peer, link] : links_)
    peers_.erase(peer);
  for (auto& [peer, link] : links_)
    if (events_.on_lost)
      events_.on_lost(told_of(*link), why);
  for (auto& [number, session] : sessions_)
    session->end(why);
}

void node_network::listen(const std::string& address,
                          std::function<bool()> may_begin, on_listening done) {
  const auto fail = [address, done](refusal why, std::string what) {
    done(tl::unexpected{to_error(why, what)});
  };
  if (wrong_with_address(address))
    return fail(refusal::address_invalid, address);
  tasks_.add(loop_.io()
               .provider->getNetwork()
               .parseAddress(address.c_str())
               .then([this, address, may_begin = std::move(may_begin), done,
                      fail](kj::Own<kj::NetworkAddress> found) {
                 if (!may_begin())
                   return; // nobody waits any more
                 if (settings_.tls.empty()
                     && !is_loopback(found->toString().cStr()))
                   return fail(refusal::loopback_only, address);
                 if (listener_.get() != nullptr)
                   return done(tl::unexpected{
                     error{errc::config_invalid,
                           fmt::format("{}: this node listens at {} already",
                                       address, settings_.self.address)}});
                 listener_ = found->listen();
                 const auto port = listener_->getPort();
                 if (settings_.self.address.empty())
                   settings_.self.address = with_port(address, port);
                 tasks_.add(accept());
                 done(static_cast<std::uint16_t>(port));
               })
               .catch_([address, fail](kj::Exception&& failed) {
                 fail(refusal::unreachable,
                      fmt::format("cannot listen at {}: {}", address,
                                  failed.getDescription().cStr()));
               }));
}

kj::Promise<void> node_network::accept() {
  return listener_->accept().then(
    [this](kj::Own<kj::AsyncIoStream> socket) {
      // Whatever one of them does, others come.
      KJ_IF_MAYBE (failed,
                   kj::runCatchingExceptions([&] { take(kj::mv(socket)); }))
        taskFailed(kj::mv(*failed));
      return accept();
    },
    [this](kj::Exception&& failed) {
      logger()->warn("node: cannot accept: {}", failed.getDescription().cStr());
      return loop_.timer().afterDelay(accept_again).then([this] {
        return accept();
      });
    });
}

void node_network::take(kj::Own<kj::AsyncIoStream> socket) {
  auto with = begin(peer_address(*socket), false);
  if (accepted_ >= limits::unauthenticated_max) {
    turn_away(*socket, settings_.self.name);
    tell_refused(*with, {refusal::too_many, with->progress.address});
    return;
  }
  ++accepted_;
  auto& shaking = *with;
  auto trying =
    kj::evalNow([&] {
      return open_accepted(kj::mv(socket), settings_, shaking.progress);
    }).then([this, &shaking](opened on) { return shake(shaking, kj::mv(on)); });
  tasks_.add(bounded(kj::mv(with), kj::mv(trying)).attach(kj::defer([this] {
    --accepted_;
  })));
}

kj::Own<node_network::handshake> node_network::begin(const std::string& address,
                                                     bool is_dialed) {
  auto made = kj::heap<handshake>();
  made->progress.address = address;
  made->is_dialed = is_dialed;
  return made;
}

kj::Promise<void> node_network::shake(handshake& with, opened on) {
  auto later = kj::newPromiseAndFulfiller<void>();
  with.done = kj::mv(later.fulfiller);
  with.link = kj::heap<node_link>(*this, settings_, loop_, provider_,
                                  kj::mv(on), with.progress, with.is_dialed);
  if (with.is_dialed) {
    const auto last = ended_.find(with.progress.name);
    with.link->say_hello(last == ended_.end() ? 0 : last->second);
  }
  return kj::mv(later.promise);
}

// Until it is up, or has failed and that is told, in its time.
kj::Promise<void> node_network::bounded(kj::Own<handshake> with,
                                        kj::Promise<void> trying) {
  auto& shaking = *with;
  shaking_.insert(&shaking);
  return loop_.timer()
    .timeoutAfter(in(settings_.handshake_limit), kj::mv(trying))
    .catch_([this, &shaking](kj::Exception&& failed) {
      const auto why = shaking.progress.failed(failed);
      if (shaking.link.get() != nullptr) {
        shaking.link->leave();
        destroy_later(kj::mv(shaking.link));
      }
      tell_refused(shaking, why);
    })
    .attach(kj::defer([this, &shaking] { shaking_.erase(&shaking); }),
            kj::mv(with));
}

void node_network::dial(const std::string& address, const std::string& name) {
  auto& what = dialed_[address];
  if (what.get() != nullptr)
    return;
  what = kj::heap(dialed{
    address, name,
    redial{settings_.self.incarnation ^ std::hash<std::string>{}(address)}});
  what->running = keep_dialing(*what).eagerlyEvaluate(
    [this](kj::Exception&& failed) { taskFailed(kj::mv(failed)); });
}

void node_network::undial(const std::string& address) {
  dialed_.erase(address);
}

kj::Promise<void> node_network::keep_dialing(dialed& what) {
  // `then` keeps an lvalue by reference: it gets copies.
  const auto on = [this, &what] { return keep_dialing(what); };
  const auto pause = [this, &what] {
    return wait(what, what.pace.next(steady_clock::now()));
  };
  if (linked(what.last_name) != nullptr) {
    what.pace.succeeded();
    return wait(what, steady_clock::time_point::max())
      .then(kj::cp(pause))
      .then(kj::cp(on));
  }
  return try_dial(what)
    .then([this, &what, pause]() -> kj::Promise<void> {
      if (linked(what.last_name) != nullptr)
        return kj::READY_NOW;
      return pause();
    })
    .then(kj::cp(on));
}

kj::Promise<void> node_network::try_dial(dialed& what) {
  auto with = begin(what.address, true);
  auto& shaking = *with;
  auto trying =
    kj::evalNow([&] {
      return open_to(loop_.io(), settings_, what.name, shaking.progress);
    }).then([this, &what, &shaking](opened on) {
      const auto& name = shaking.progress.name;
      what.last_name = name;
      const auto other = known(name, nullptr);
      if (other.link != 0)
        shaking.progress.refuse(refusal::already_linked, name);
      return shake(shaking, kj::mv(on));
    });
  return bounded(kj::mv(with), kj::mv(trying));
}

// Until then, or until it is woken: the link with who was there has ended.
kj::Promise<void> node_network::wait(dialed& what,
                                     steady_clock::time_point until) {
  auto woken = kj::newPromiseAndFulfiller<void>();
  what.wakes = kj::mv(woken.fulfiller);
  if (until == steady_clock::time_point::max())
    return kj::mv(woken.promise);
  return woken.promise.exclusiveJoin(
    loop_.timer().afterDelay(in(until - steady_clock::now())));
}

node_link* node_network::linked(const std::string& peer) const {
  const auto place = links_.find(peer);
  return place == links_.end() ? nullptr
                               : const_cast<node_link*>(place->second.get());
}

known_peer node_network::known(const std::string& peer,
                               const node_link* but) const {
  if (const auto* link = linked(peer))
    return {link->id(), link->peer().incarnation, false};
  known_peer found;
  for (const auto* each : shaking_) {
    if (each->progress.name != peer || each->link.get() == but)
      continue;
    if (each->is_dialed)
      found.is_dialed |= each->progress.at == link_attempt::stage::hello;
    else if (each->link.get() != nullptr && !each->progress.why)
      return {each->link->id(), each->link->peer().incarnation, false};
  }
  return found;
}

std::optional<refused_error> node_network::judge_hello(node_link& by,
                                                       std::uint64_t ended) {
  const auto& peer = by.peer();
  auto other = known(peer.name, &by);
  if (by.is_dialed())
    other.is_dialed = false; // by another of its addresses
  switch (plan_hello(settings_.self, peer, other, ended)) {
  case hello_plan::name_taken:
    return refused_error{refusal::name_taken, fmt::format("{:?}", peer.name)};
  case hello_plan::already_linked:
    return refused_error{
      refusal::already_linked,
      fmt::format("{:?} and {:?}", settings_.self.name, peer.name)};
  case hello_plan::replace:
    replace(peer.name, ended);
    break;
  case hello_plan::link:
    break;
  }
  if (links_.size() >= limits::nodes_max)
    return refused_error{refusal::not_admitted,
                         fmt::format("{} nodes are linked with {:?}",
                                     links_.size(), settings_.self.name)};
  if (events_.admit)
    if (const auto why = events_.admit(told_of(by)))
      return refused_error{refusal::not_admitted, *why};
  return std::nullopt;
}

// The link that its peer has lost: up, or still in its handshake here.
void node_network::replace(const std::string& peer, std::uint64_t lost) {
  const error why{
    errc::node_down,
    fmt::format("node {}: it has lost its link, and made another", peer)};
  if (auto* const old = linked(peer))
    return old->end(why);
  for (auto* each : shaking_)
    if (each->link.get() != nullptr && each->link->id() == lost)
      each->link->end(why, refused_error{refusal::ended, why.message()});
}

// Both of two handshakes may have been let in before either was done.
std::optional<refused_error> node_network::judge_up(node_link& by) {
  const auto& peer = by.peer().name;
  if (linked(peer) == nullptr)
    return std::nullopt;
  return refused_error{refusal::already_linked,
                       fmt::format("{:?} and {:?}", settings_.self.name, peer)};
}

void node_network::on_up(node_link& up) {
  for (auto* each : shaking_)
    if (each->link.get() == &up) {
      const auto& peer = up.peer();
      links_[peer.name] = kj::mv(each->link);
      peers_.put(told_of(up));
      each->done->fulfill();
      if (events_.on_up)
        events_.on_up(told_of(up));
      return;
    }
}

result<void> node_network::on_told(node_link& by, std::vector<word> said) {
  return decode_cluster_message(std::move(said)).transform([&](auto told) {
    if (events_.on_told)
      events_.on_told(told_of(by), std::move(told));
  });
}

void node_network::on_end(node_link& over, const error& why,
                          std::optional<refused_error> refused) {
  if (refused) {
    for (auto* each : shaking_)
      if (each->link.get() == &over) {
        if (!each->progress.why)
          each->progress.why = std::move(refused);
        each->done->reject(KJ_EXCEPTION(FAILED, "refused"));
      }
    return;
  }
  const auto peer = told_of(over);
  if (ended_.size() >= limits::nodes_max)
    ended_.erase(ended_.begin());
  ended_[peer.who.name] = over.id();
  peers_.erase(peer.who.name);
  auto place = links_.find(peer.who.name);
  destroy_later(kj::mv(place->second));
  links_.erase(place);
  // Whoever hears that the node is lost, or that a session of it is, finds that
  // both are.
  for (auto& [number, session] : sessions_)
    if (session->link() == over.parts())
      session->tell_end(why);
  if (events_.on_lost)
    events_.on_lost(peer, why);
  std::vector<std::uint64_t> unopened;
  for (auto& [number, session] : sessions_)
    if (session->link() == over.parts()) {
      session->end(why);
      if (opening_.contains(number))
        unopened.push_back(number);
    }
  for (const auto number : unopened)
    answer_open(number, tl::unexpected{why});
  for (auto& [address, each] : dialed_)
    if (each->last_name == peer.who.name && each->wakes.get() != nullptr)
      each->wakes->fulfill();
}

void node_network::close(const std::string& peer) {
  if (auto* const link = linked(peer))
    link->end({errc::node_down,
               fmt::format("node {}: its link was closed here", peer)});
}

// Whom it was for may have lost its link, and have another.
void node_network::tell(const node_id& whom, std::shared_ptr<message> said) {
  auto* const link = linked(whom.name);
  if (link != nullptr && link->peer().incarnation == whom.incarnation)
    link->tell(std::move(said));
}

void node_network::open_session(std::uint64_t number, const remote_open& wanted,
                                steady_clock::time_point deadline,
                                on_remote_end ended,
                                std::function<void(result<void>)> done) {
  auto* const link = linked(wanted.node);
  if (link == nullptr)
    return done(tl::unexpected{
      error{errc::node_down,
            fmt::format("node {}: there is no link with it", wanted.node)}});
  if (wanted.session.size() > limits::cluster_session_id_bytes_max
      || wanted.pool.size() > limits::node_name_bytes_max)
    return done(
      tl::unexpected{error{errc::payload_too_large,
                           "the id of a session, or its pool, is too long"}});
  if (!link->parts()->has_way())
    return done(tl::unexpected{error{
      errc::overloaded,
      fmt::format("node {} does not read what it is sent", wanted.node)}});
  const auto left = std::clamp<steady_clock::duration>(
    deadline - steady_clock::now(), steady_clock::duration::zero(),
    std::chrono::milliseconds{day_ms});
  opening_.emplace(number, std::move(done));
  sessions_.emplace(
    number, std::make_unique<remote_calls>(link->parts(), loop_.timer()));
  auto late =
    loop_.timer().afterDelay(in(left)).then([]() -> result<opened_session> {
      return tl::unexpected{
        error{errc::deadline_exceeded, "the session was not opened in time"}};
    });
  tasks_.add(
    kj::evalNow([&] {
      return link->open_session(wanted, kj::heap<client_told>(*this, number));
    })
      .exclusiveJoin(kj::mv(late))
      .catch_([node = wanted.node, over = link->parts()](
                kj::Exception&& failed) -> result<opened_session> {
        if (over->on_failed)
          over->on_failed(failed);
        return tl::unexpected{to_error(failed, node).with_may_have_run(false)};
      })
      .then([this, number, ended = std::move(ended)](auto made) mutable {
        if (!made)
          return answer_open(number, tl::unexpected{std::move(made).error()});
        answer_open(number, {});
        if (auto* const session = find(number))
          session->opened(kj::mv(**made), std::move(ended));
      }));
}

// Told once: its link may have ended first.
void node_network::answer_open(std::uint64_t number, result<void> outcome) {
  const auto place = opening_.find(number);
  if (place == opening_.end())
    return;
  const auto done = std::move(place->second);
  opening_.erase(place);
  if (!outcome)
    release(number);
  done(std::move(outcome));
}

remote_calls* node_network::find(std::uint64_t number) {
  const auto place = sessions_.find(number);
  return place == sessions_.end() ? nullptr : place->second.get();
}

void node_network::release(std::uint64_t number) {
  sessions_.erase(number);
}

void node_network::tell_refused(const handshake& of, const refused_error& why) {
  if (events_.on_refused)
    events_.on_refused({of.progress.address, of.progress.name, why.why,
                        to_error(why.why, why.what), of.is_dialed});
}

// Not while one of its own events runs.
void node_network::destroy_later(kj::Own<node_link> over) {
  tasks_.add(
    kj::evalLater([over = kj::mv(over)]() mutable { over = nullptr; }));
}

void node_network::taskFailed(kj::Exception&& failed) {
  logger()->error("node: {}", failed.getDescription().cStr());
}

} // namespace snakebridge
