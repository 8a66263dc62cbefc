#pragma once
// A cluster of processes: this one, which is `home` and the directory, and
// members in networks of their own, linked by TLS.

#include <csignal>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tests/api/python_fixture.hpp"
#include "tests/cluster/network.hpp"
#include "tests/runtime/node/certificates.hpp"
#include "tests/support/program.hpp"

namespace snakebridge::testing {

/// A node that is a process in that place.
class member {
public:
  struct settings {
    std::string name;
    std::string certificates; ///< without ".pem"; empty: none
    std::chrono::milliseconds limit{};
    std::string join = {}; ///< empty: it leads a cluster of its own
    std::string pool = {}; ///< that it has beside the default one; empty: none
    std::string port = "0";
  };

  member(const place& at, settings wanted) : settings_{std::move(wanted)} {
    std::vector<std::string> arguments{
      settings_.name, at.address() + ":" + settings_.port,
      settings_.certificates, std::to_string(settings_.limit.count()),
      settings_.join};
    if (!settings_.pool.empty())
      arguments.push_back(settings_.pool);
    at.inside([&] { program_.emplace("cluster_member", arguments, "", true); });
    reads_ = std::thread{[this] { read(); }};
  }
  ~member() {
    signal(SIGKILL);
    if (reads_.joinable())
      reads_.join();
  }
  member(const member&) = delete;
  member& operator=(const member&) = delete;

  const std::string& name() const { return settings_.name; }
  /// Where it listens, once it does.
  std::string address() { return answer(0); }

  /// Tells it something; answers the number of that.
  std::uint64_t tell(const std::string& what) {
    program_->write(fmt::format("{} {}", ++last_, what));
    return last_;
  }
  /// What it has said to that; empty: nothing, in all our patience, or it has
  /// ended.
  std::string answer(std::uint64_t number) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, patience,
                      [&] { return has_ended_ || answers_.count(number) > 0; });
    const auto place = answers_.find(number);
    return place == answers_.end() ? std::string{} : place->second;
  }
  std::string ask(const std::string& what) { return answer(tell(what)); }
  bool has_answered(std::uint64_t number) const {
    const std::lock_guard lock{mutex_};
    return answers_.count(number) > 0;
  }
  bool has_joined() {
    return eventually([this] { return ask("nodes").ends_with(" nodes"); });
  }

  void signal(int which) const { ::kill(program_->pid(), which); }

private:
  void read() {
    for (;;) {
      const auto line = program_->line();
      const std::lock_guard lock{mutex_};
      const auto space = line.find(' ');
      has_ended_ = space == std::string::npos;
      if (!has_ended_)
        answers_[std::stoull(line)] = line.substr(space + 1);
      changed_.notify_all();
      if (has_ended_)
        return;
    }
  }

  const settings settings_;
  std::optional<program> program_;
  std::uint64_t last_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, std::string> answers_;
  bool has_ended_ = false;
  std::thread reads_;
};

class Cluster : public ::testing::Test {
protected:
  explicit Cluster(std::chrono::milliseconds limit = 500ms,
                   std::size_t payload_bytes_max = std::size_t{1} << 30U)
      : limit_{limit},
        payload_bytes_max_{payload_bytes_max} {}

  void SetUp() override {
    if (!networks::may_be())
      GTEST_SKIP() << "this machine lets us make no networks";
    home_.emplace(settings_of("home", "10.77.0.1:0"));
  }
  void TearDown() override {
    if (home_) {
      EXPECT_TRUE(is_empty(*home_))
        << home_->stats().sessions << " sessions and "
        << home_->stats().live_objects() << " objects are left";
    }
  }

  sb::config settings_of(const std::string& name,
                         const std::string& listen) const {
    auto wanted = one_pool(sb::placement::worker);
    const auto files = authority_.issue(name);
    wanted.node = {.name = name,
                   .listen = listen,
                   .tls_certificate = files.certificate,
                   .tls_key = files.key,
                   .tls_ca = files.ca,
                   .heartbeat_limit = limit_};
    wanted.timeout = 20s;
    wanted.payload_bytes_max = payload_bytes_max_;
    return wanted;
  }
  sb::bridge& home() { return *home_; }

  member::settings member_of(const std::string& name,
                             const std::string& join) const {
    return {.name = name,
            .certificates =
              authority_.issue(name).certificate.replace_extension(),
            .limit = limit_,
            .join = join};
  }
  /// It joins us; it is not waited for.
  std::unique_ptr<member> begin(const std::string& name, const place& at) {
    return std::make_unique<member>(at, member_of(name, home().node_address()));
  }
  std::unique_ptr<member> join(const std::string& name, const place& at) {
    auto made = begin(name, at);
    EXPECT_TRUE(made->has_joined());
    return made;
  }

  sb::node_facts facts_of(const std::string& name) {
    const auto nodes = or_throw(home().nodes());
    for (const auto& each : nodes)
      if (each.name == name)
        return each;
    return {};
  }
  bool is_gone(const std::string& name) {
    return eventually([&] { return facts_of(name).name.empty(); });
  }
  bool is_silent(const std::string& name) {
    return eventually(
      [&] { return facts_of(name).now == sb::node_facts::state::silent; });
  }
  bool is_up(const std::string& name) {
    return eventually([&] {
      const auto facts = facts_of(name);
      return facts.name == name && facts.now == sb::node_facts::state::up;
    });
  }
  bool has_sessions(const std::string& name, std::size_t count) {
    return eventually([&] { return facts_of(name).sessions == count; });
  }

  sb::result<sb::session> try_open(const std::string& at = {},
                                   const std::string& id = "shared") {
    return sb::attempt([&] {
      return home().open_session(
        {.id = id, .scope = sb::scope::cluster, .at = at});
    });
  }
  /// As soon as it can be: what ends it may be on its way.
  sb::session open(const std::string& at = {},
                   const std::string& id = "shared") {
    std::optional<sb::session> opened;
    EXPECT_TRUE(eventually([&] {
      auto tried = try_open(at, id);
      if (tried)
        opened = *std::move(tried);
      return tried.has_value();
    }));
    return opened.value();
  }
  static std::uint64_t epoch_of(const sb::session& session) {
    return or_throw(session.eval("__import__('snakebridge').session_epoch()"))
      .to<std::uint64_t>()
      .value();
  }

private:
  const std::chrono::milliseconds limit_;
  const std::size_t payload_bytes_max_;
  const scratch_folder folder_;
  const authority authority_{folder_};
  std::optional<sb::bridge> home_;
};

} // namespace snakebridge::testing
