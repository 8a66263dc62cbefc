#include "runtime/node/node_links.hpp"

#include <atomic>
#include <future>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include "config/settings.hpp"
#include "runtime/node/node_network.hpp"

namespace snakebridge {

struct node_links::inside {
  inside(link_settings given, link_events told,
         std::shared_ptr<session_provider> by)
      : settings{std::move(given)},
        events{std::move(told)},
        provider{std::move(by)},
        loop{[this](node_loop& here) {
               network = std::make_unique<node_network>(here, settings, events,
                                                        *provider, peers);
             },
             [this] { network.reset(); }} {}

  const link_settings settings;
  const link_events events;
  const std::shared_ptr<session_provider> provider;
  std::mutex mutex;
  std::set<std::string> dialed;
  std::atomic<std::uint64_t> last_session = 0;
  linked_peers peers;
  std::unique_ptr<node_network> network; // of the loop's thread
  node_loop loop;
};

// It outlives the links of its node, if its owner lets it: then nothing can be
// posted, and nobody looks at the network.
class node_links::session_handle final : public remote_session {
public:
  session_handle(std::shared_ptr<loop_jobs> jobs, node_network& network,
                 std::uint64_t number,
                 std::shared_ptr<std::atomic<bool>> is_gone)
      : jobs_{std::move(jobs)},
        network_{network},
        number_{number},
        is_gone_{std::move(is_gone)} {}
  ~session_handle() override {
    *is_gone_ = true;
    jobs_->post_end(
      [&network = network_, number = number_] { network.release(number); });
  }

  std::uint64_t submit(sent_request request, steady_clock::time_point deadline,
                       on_reply done) override {
    const auto call = ++last_call_;
    if (!jobs_->post([&network = network_, number = number_, call,
                      request = std::move(request), deadline, done] {
          network.find(number)->submit(call, request, deadline, done);
        }))
      done(tl::unexpected{no_room(*jobs_)});
    return call;
  }
  void cancel(std::uint64_t call) override {
    jobs_->post_end([&network = network_, number = number_, call] {
      network.find(number)->cancel(call);
    });
  }

  static error no_room(loop_jobs& jobs) {
    return jobs.is_closed()
             ? error{errc::shutting_down, "this node is stopping"}
             : error{errc::overloaded, "too much waits for the links of this "
                                       "node"};
  }

private:
  const std::shared_ptr<loop_jobs> jobs_;
  node_network& network_;
  const std::uint64_t number_;
  const std::shared_ptr<std::atomic<bool>> is_gone_; // its end is not told then
  std::atomic<std::uint64_t> last_call_ = 0;
};

node_links::node_links(link_settings settings, link_events events,
                       std::shared_ptr<session_provider> provider)
    : inside_{std::make_unique<inside>(std::move(settings), std::move(events),
                                       std::move(provider))} {}

node_links::~node_links() = default;

result<std::uint16_t> node_links::listen(const std::string& address) {
  struct asked {
    std::promise<result<std::uint16_t>> told;
    std::atomic<bool> is_decided = false; // it begins, or was given up
  };
  auto told = std::make_shared<asked>();
  auto answer = told->told.get_future();
  const bool posted =
    inside_->loop.jobs()->post([&network = inside_->network, address, told] {
      network->listen(
        address, [told] { return !told->is_decided.exchange(true); },
        [told](result<std::uint16_t> outcome) {
          told->told.set_value(std::move(outcome));
        });
    });
  if (!posted
      || (answer.wait_for(inside_->settings.handshake_limit)
            != std::future_status::ready
          && !told->is_decided.exchange(true)))
    return tl::unexpected{
      to_error(refusal::unreachable,
               fmt::format("cannot find out what {} is", address))};
  return answer.get();
}

result<void> node_links::dial(const std::string& address,
                              const std::string& name) {
  if (wrong_with_address(address))
    return tl::unexpected{to_error(refusal::address_invalid, address)};
  {
    const std::lock_guard lock{inside_->mutex};
    if (inside_->dialed.size() >= limits::dials_max)
      return tl::unexpected{
        error{errc::overloaded, "too many addresses are dialed"}};
    inside_->dialed.insert(address);
  }
  inside_->loop.jobs()->post_end([&network = inside_->network, address, name] {
    network->dial(address, name);
  });
  return {};
}

void node_links::undial(const std::string& address) {
  const std::lock_guard lock{inside_->mutex};
  if (inside_->dialed.erase(address) > 0)
    inside_->loop.jobs()->post_end(
      [&network = inside_->network, address] { network->undial(address); });
}

void node_links::close(const std::string& peer) {
  inside_->loop.jobs()->post_end(
    [&network = inside_->network, peer] { network->close(peer); });
}

void node_links::join(const std::string& cluster) {
  inside_->loop.jobs()->post_end(
    [&network = inside_->network, cluster] { network->join(cluster); });
}

void node_links::tell(const node_id& whom, const cluster_message& what) {
  if (!inside_->loop.jobs()->post(
        [&network = inside_->network, whom, said = encode(what)] {
          network->tell(whom, said);
        }))
    close(whom.name);
}

std::vector<link_peer> node_links::peers() const {
  return inside_->peers.all();
}

void node_links::open_session(const remote_open& wanted,
                              steady_clock::time_point deadline,
                              on_remote_end ended, on_session done) {
  auto& jobs = inside_->loop.jobs();
  const auto number = ++inside_->last_session;
  const auto is_gone = std::make_shared<std::atomic<bool>>(false);
  const auto told = [is_gone, ended = std::move(ended)](error why) {
    if (!*is_gone)
      ended(std::move(why));
  };
  const auto opened = [jobs, &network = inside_->network, number, done,
                       is_gone](result<void> outcome) {
    if (!outcome)
      return done(tl::unexpected{std::move(outcome).error()});
    done(std::make_unique<session_handle>(jobs, *network, number, is_gone));
  };
  if (!jobs->post(
        [&network = inside_->network, number, wanted, deadline, told, opened] {
          network->open_session(number, wanted, deadline, told, opened);
        }))
    done(tl::unexpected{session_handle::no_room(*jobs)});
}

} // namespace snakebridge
