// Three nodes with two hundred sessions each, and enemies that kill a node,
// stop it or cut it off while clients call. The seed says which comes when;
// after each round every call has been answered once, no id has had two lives
// at a time, and at the end nothing is left. A longer one, or of another seed:
//   ./dev storm SECONDS [SEED]
#include "tests/cluster/cluster_fixture.hpp"

#include <array>
#include <cstdlib>
#include <iostream>
#include <random>

namespace snakebridge::testing {

namespace {

constexpr int sessions_of_each = 200;
constexpr int rounds_least = 2;

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::vector<std::uint64_t> seeds() {
  if (const auto wanted = number_of("SNAKEBRIDGE_STORM_SEED", 0))
    return {wanted};
  return {1, 2};
}

/// What is known of the lives of each id, and what must not be.
class lives {
public:
  /// A client was answered by that process, under that epoch.
  void note(const std::string& id, std::uint64_t epoch, std::int64_t process) {
    const std::lock_guard lock{mutex_};
    const auto [place, is_new] = by_epoch_.try_emplace({id, epoch}, process);
    if (!is_new && place->second != process)
      wrong_.push_back(fmt::format("{} has two owners in epoch {}", id, epoch));
  }
  /// It was opened after all clients of it here had heard of its end.
  void began(const std::string& id, std::uint64_t epoch) {
    const std::lock_guard lock{mutex_};
    auto& newest = newest_[id];
    if (epoch < newest)
      wrong_.push_back(
        fmt::format("{} is opened under {} after {}", id, epoch, newest));
    newest = std::max(newest, epoch);
  }
  void wrong(std::string what) {
    const std::lock_guard lock{mutex_};
    wrong_.push_back(std::move(what));
  }
  std::vector<std::string> all_wrong() const {
    const std::lock_guard lock{mutex_};
    return {wrong_.begin(), wrong_.begin()
                              + static_cast<std::ptrdiff_t>(
                                std::min<std::size_t>(10, wrong_.size()))};
  }

  std::atomic<std::uint64_t> asked = 0, answered = 0, right = 0, lost = 0;

private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::uint64_t>, std::int64_t> by_epoch_;
  std::map<std::string, std::uint64_t> newest_;
  std::vector<std::string> wrong_;
};

/// One thread that has all its sessions open, as far as their nodes are there.
class storm_client {
public:
  storm_client(const sb::bridge& on, int number, std::uint64_t seed,
               lives& known)
      : on_{on},
        number_{number},
        random_{seed},
        known_{known},
        thread_{[this] { live(); }} {}
  ~storm_client() {
    stop_ = true;
    thread_.join();
  }
  storm_client(const storm_client&) = delete;
  storm_client& operator=(const storm_client&) = delete;

  std::size_t open() const { return open_; }
  std::uint64_t right() const { return right_; }

private:
  static constexpr std::array<const char*, 3> nodes{"home", "a", "b"};

  void live() {
    for (int next = 0; !stop_; ++next)
      step(next % sessions_of_each);
  }
  void step(int which) {
    auto& session = sessions_[which];
    const auto id = fmt::format("s{}", number_ * sessions_of_each + which);
    if (!session && !begin(session, id, nodes[random_() % nodes.size()]))
      return;
    const auto got = ask(*session, "(__import__('snakebridge').session_epoch(),"
                                   " __import__('os').getppid(), object())");
    if (!got) {
      session.reset();
      --open_;
      return;
    }
    known_.note(id, (*got)[0].as<std::uint64_t>(),
                (*got)[1].as<std::int64_t>());
    ++right_;
  }
  bool begin(std::optional<sb::session>& session, const std::string& id,
             const char* at) {
    auto opened = sb::attempt([&] {
      return on_.open_session(
        {.id = id, .scope = sb::scope::cluster, .at = at});
    });
    if (!opened)
      return is_expected(opened.error());
    const auto epoch =
      ask(*opened, "__import__('snakebridge').session_epoch()");
    if (!epoch)
      return false;
    known_.began(id, epoch->as<std::uint64_t>());
    session = *std::move(opened);
    ++open_;
    return true;
  }
  sb::result<sb::value> ask(const sb::session& in, const std::string& what) {
    ++known_.asked;
    auto answer =
      in.async().eval(what).then([this](const sb::result<sb::value>& outcome) {
        ++known_.answered;
        return outcome;
      });
    auto got = answer.get();
    if (got)
      ++known_.right;
    else
      is_expected(got.error());
    return got;
  }
  /// False, always: what a fault has cost, or something wrong.
  bool is_expected(const sb::error& why) {
    ++known_.lost;
    if (why.code() != sb::errc::node_down
        && why.code() != sb::errc::session_closed)
      known_.wrong(to_string(why));
    return false;
  }

  const sb::bridge& on_;
  const int number_;
  std::mt19937_64 random_;
  lives& known_;
  std::map<int, std::optional<sb::session>> sessions_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> open_ = 0;
  std::atomic<std::uint64_t> right_ = 0;
  std::thread thread_;
};

} // namespace

class NodeStorm : public Cluster,
                  public ::testing::WithParamInterface<std::uint64_t> {
protected:
  void SetUp() override {
    Cluster::SetUp();
    if (IsSkipped())
      return;
    std::cerr << "replay: ./dev storm " << seconds_ << ' ' << GetParam()
              << std::endl;
    for (std::size_t at = 0; at < places_.size(); ++at) {
      places_[at].emplace(static_cast<unsigned>(at) + 1);
      members_[at] = join(names[at], *places_[at]);
    }
  }

  void strike() {
    const auto at = random_() % members_.size();
    const auto& there = *places_[at];
    auto& whom = members_[at];
    const std::string name = names[at];
    switch (random_() % 5) {
    case 0:
      whom->signal(SIGKILL);
      EXPECT_TRUE(is_gone(name));
      whom = join(name, there);
      break;
    case 1:
      whom->signal(SIGSTOP);
      EXPECT_TRUE(is_silent(name));
      whom->signal(SIGCONT);
      break;
    case 2:
      there.cut();
      EXPECT_TRUE(is_silent(name));
      there.mend();
      break;
    case 3:
      there.cut_to();
      EXPECT_TRUE(is_silent(name));
      there.mend();
      break;
    default:
      there.cut_from();
      EXPECT_TRUE(is_silent(name));
      there.mend();
    }
    EXPECT_TRUE(is_up(name));
  }
  bool is_time_left() const { return std::chrono::steady_clock::now() < end_; }

  static constexpr std::array<const char*, 2> names{"a", "b"};
  std::mt19937_64 random_{GetParam()};
  std::array<std::optional<place>, 2> places_;
  std::array<std::unique_ptr<member>, 2> members_;
  lives known_;

private:
  const std::uint64_t seconds_ = number_of("SNAKEBRIDGE_STORM_SECONDS", 1);
  const std::chrono::steady_clock::time_point end_ =
    std::chrono::steady_clock::now() + std::chrono::seconds{seconds_};
};

INSTANTIATE_TEST_SUITE_P(EachSeed, NodeStorm, ::testing::ValuesIn(seeds()),
                         ::testing::PrintToStringParamName());

TEST_P(NodeStorm, WhateverStrikesThenAllIsWellOnceItIsQuiet) {
  {
    std::vector<std::unique_ptr<storm_client>> clients;
    for (int number = 0; number < 3; ++number)
      clients.push_back(
        std::make_unique<storm_client>(home(), number, random_(), known_));
    const auto all_open = [&] {
      return std::ranges::all_of(clients, [](const auto& each) {
        return each->open() == sessions_of_each;
      });
    };
    for (int round = 0; round < rounds_least || is_time_left(); ++round) {
      SCOPED_TRACE("round " + std::to_string(round));
      EXPECT_TRUE(eventually(all_open));
      strike();
      std::vector<std::uint64_t> before;
      for (const auto& each : clients)
        before.push_back(each->right());
      EXPECT_TRUE(eventually([&] {
        for (std::size_t at = 0; at < clients.size(); ++at)
          if (clients[at]->right() == before[at])
            return false;
        return true;
      }));
      EXPECT_EQ(known_.all_wrong(), std::vector<std::string>{});
      if (HasFailure())
        break;
    }
  }
  std::cout << known_.right << " right answers, " << known_.lost
            << " lost to faults\n";
  EXPECT_EQ(known_.answered, known_.asked);
  EXPECT_EQ(known_.all_wrong(), std::vector<std::string>{});
  EXPECT_GT(known_.lost, 0U);
  EXPECT_TRUE(is_empty(home()));
  EXPECT_TRUE(has_sessions("home", 0));
  for (const auto& each : members_) {
    EXPECT_TRUE(has_sessions(each->name(), 0)) << each->name();
    EXPECT_TRUE(eventually([&] { return each->ask("objects") == "0"; }))
      << each->name();
  }
}

} // namespace snakebridge::testing
