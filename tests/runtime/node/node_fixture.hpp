#pragma once
// Nodes on the loopback of this machine, each with a loop of its own, on ports
// that are free, and a provider of sessions that does what a test says.

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/node/node_links.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/word_message.hpp"

namespace snakebridge::testing {

using std::chrono::milliseconds;

/// What is noted on one thread and waited for on another.
template <class Item>
class notes {
public:
  void add(Item noted) {
    const std::lock_guard lock{mutex_};
    all_.push_back(std::move(noted));
    changed_.notify_all();
  }
  std::vector<Item> all() const {
    const std::lock_guard lock{mutex_};
    return all_;
  }
  std::size_t size() const { return all().size(); }
  /// Waits until there are so many; false: there are not, in all our patience.
  bool reach(std::size_t count) const {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience,
                             [&] { return all_.size() >= count; });
  }
  /// The first that there is, once there is one.
  Item first() const {
    EXPECT_TRUE(reach(1));
    return all().at(0);
  }

private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Item> all_;
};

/// Sessions that echo, unless told otherwise. Which are open is counted.
class echoes final : public session_provider {
public:
  /// Before a request is echoed; true: it is not, as `replies` has it.
  std::function<bool(const std::vector<word>&)> keeps = {};
  std::optional<error> refuses = {};
  /// That an echo brings, if it is set.
  std::function<std::shared_ptr<untaken_objects>()> objects = {};
  /// They are opened by `open_now`, on its thread.
  std::atomic<bool> opens_late = false;
  void open_now() { late.first()(std::make_unique<client>(*this)); }

  struct kept {
    std::uint64_t call;
    std::vector<word> request;
    steady_clock::time_point deadline;
    on_remote_reply reply;

    void done(result<std::shared_ptr<message>> outcome) const {
      reply(outcome.transform(
        [](const auto& content) { return remote_reply{content}; }));
    }
  };
  notes<kept> waiting;
  notes<std::uint64_t> cancelled;
  notes<remote_open> opened;
  notes<on_remote_end> ends;
  notes<int> released;

  void open(const remote_open& wanted, on_remote_end ended,
            on_opened done) override {
    if (refuses)
      return done(tl::unexpected{*refuses});
    opened.add(wanted);
    ends.add(std::move(ended));
    if (opens_late)
      return late.add(std::move(done));
    done(std::make_unique<client>(*this));
  }

private:
  notes<on_opened> late;

  class client final : public remote_client {
  public:
    explicit client(echoes& of) : of_{of} {}
    ~client() override { of_.released.add(1); }

    void submit(std::uint64_t call, received_message request,
                steady_clock::time_point deadline,
                on_remote_reply done) override {
      if (of_.keeps && of_.keeps(request.words))
        of_.waiting.add(
          {call, std::move(request.words), deadline, std::move(done)});
      else
        done(remote_reply{message_of(std::move(request.words)),
                          of_.objects ? of_.objects() : nullptr});
    }
    void cancel(std::uint64_t call) override { of_.cancelled.add(call); }

  private:
    echoes& of_;
  };
};

class test_node {
public:
  explicit test_node(const std::string& name, link_settings more = {})
      : test_node{named(name, std::move(more)), link_events{}} {}
  test_node(link_settings settings, link_events events)
      : name{settings.self.name},
        links{std::move(settings), noting(std::move(events)), sessions} {}

  static link_settings named(const std::string& name, link_settings more = {}) {
    more.self.name = name;
    if (more.self.incarnation == 0)
      more.self.incarnation = std::hash<std::string>{}(name) | 1U;
    return more;
  }

  /// Listens, if it does not yet.
  std::string address() {
    if (port_ == 0) {
      const auto made = links.listen("127.0.0.1:0");
      EXPECT_TRUE(made) << made.error();
      port_ = made ? *made : std::uint16_t{0};
    }
    return "127.0.0.1:" + std::to_string(port_);
  }
  bool is_linked_with(const std::string& peer) {
    return eventually([&] {
      const auto all = links.peers();
      return std::ranges::any_of(
        all, [&](const auto& each) { return each.who.name == peer; });
    });
  }
  /// Waits for the link of the two.
  void link_to(test_node& other) {
    ASSERT_TRUE(links.dial(other.address()));
    ASSERT_TRUE(is_linked_with(other.name));
    ASSERT_TRUE(other.is_linked_with(name));
  }
  /// A client of a session there.
  std::unique_ptr<remote_session> open(const std::string& node,
                                       const std::string& session = "s") {
    auto made = try_open(node, session);
    EXPECT_TRUE(made) << made.error();
    return made ? *std::move(made) : nullptr;
  }
  result<std::unique_ptr<remote_session>>
  try_open(const std::string& node, const std::string& session = "s") {
    auto got = std::make_shared<
      notes<std::shared_ptr<std::unique_ptr<remote_session>>>>();
    auto failed = std::make_shared<notes<error>>();
    links.open_session(
      {.node = node, .session = session, .epoch = 7, .pool = "default"},
      steady_clock::now() + patience,
      [this](error why) { ended.add(std::move(why)); },
      [got, failed](auto made) {
        if (!made)
          failed->add(made.error());
        got->add(made ? std::make_shared<std::unique_ptr<remote_session>>(
                   *std::move(made))
                      : nullptr);
      });
    const auto first = got->first();
    if (!first)
      return tl::unexpected{failed->first()};
    return std::move(*first);
  }

  const std::string name;
  const std::shared_ptr<echoes> sessions = std::make_shared<echoes>();
  notes<link_refused> refused;
  notes<std::pair<std::string, error>> lost; // by peer
  notes<std::string> up;
  notes<error> ended; // sessions of others
  notes<std::size_t> ended_when_lost;
  node_links links;

private:
  link_events noting(link_events events) {
    events.on_up = [this](const link_peer& peer) { up.add(peer.who.name); };
    events.on_lost = [this](const link_peer& peer, const error& why) {
      ended_when_lost.add(ended.size());
      lost.add({peer.who.name, why});
    };
    events.on_refused = [this](const link_refused& why) { refused.add(why); };
    return events;
  }

  std::uint16_t port_ = 0;
};

/// One call, and its answer.
struct test_call {
  explicit test_call(remote_session& through, std::vector<word> request,
                     milliseconds timeout = patience)
      : number{through.submit({message_of(std::move(request))},
                              steady_clock::now() + timeout,
                              [to = reply](const auto& outcome) {
                                to->add(outcome.transform(
                                  [](const auto& come) { return come.words; }));
                              })} {}
  result<std::vector<word>> answer() const { return reply->first(); }

  const std::shared_ptr<notes<result<std::vector<word>>>> reply =
    std::make_shared<notes<result<std::vector<word>>>>();
  const std::uint64_t number;
};

/// So many different words.
inline std::vector<word> words(std::size_t count, word seed = 1) {
  std::vector<word> made(count);
  for (auto& each : made)
    each = seed = seed * 6364136223846793005U + 1442695040888963407U;
  return made;
}

} // namespace snakebridge::testing
