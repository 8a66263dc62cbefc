// A node of its own process that does what it is told, line by line:
//   cluster_member NAME LISTEN CERTIFICATES LIMIT_MS JOIN [POOL]
// The first line it prints is "0 " and where it listens. Each line it reads is
// a number, a word and what that needs; what comes of it is printed with that
// number once it is known, while it reads on.
#include <cstdio>
#include <iostream>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using std::chrono::milliseconds;

namespace {

void print(std::uint64_t number, const std::string& what) {
  std::fputs(fmt::format("{} {}\n", number, what).c_str(), stdout);
  std::fflush(stdout);
}

std::string told(const sb::error& why) {
  return fmt::format("{}{}: {}", to_string(why.code()),
                     why.may_have_run() ? " after it may have run" : "",
                     why.message());
}

std::string told(const sb::result<sb::value>& outcome) {
  if (!outcome)
    return told(outcome.error());
  if (const auto* bytes = outcome->get_if<sb::bytes>())
    return fmt::format("{} bytes", bytes->size());
  return repr(*outcome);
}

template <class T>
std::string told(const sb::result<T>& outcome) {
  return outcome ? "done" : told(outcome.error());
}

class member {
public:
  explicit member(sb::config wanted) : bridge_{std::move(wanted)} {
    print(0, bridge_->node_address());
  }

  /// False: it has left.
  bool run(std::uint64_t number, const std::string& word,
           std::istringstream& rest) {
    if (word == "open")
      open(number, rest);
    else if (word == "eval")
      eval(number, rest);
    else if (word == "keep")
      keep(number, rest);
    else if (word == "close")
      close(number);
    else if (word == "nodes")
      print(number, nodes());
    else if (word == "objects")
      print(number, fmt::format("{}", bridge_->stats().live_objects()));
    else if (word == "leave")
      return leave(number);
    else
      print(number, "no such word");
    return true;
  }

private:
  // ID [AT]
  void open(std::uint64_t number, std::istringstream& rest) {
    sb::session_options wanted{.scope = sb::scope::cluster};
    rest >> wanted.id >> wanted.at;
    opening_.emplace_back([this, number, wanted] {
      auto opened = sb::attempt([&] { return bridge_->open_session(wanted); });
      const auto outcome = told(opened);
      if (opened) {
        const std::lock_guard lock{mutex_};
        session_ = *std::move(opened);
      }
      print(number, outcome);
    });
  }
  // EXPRESSION, in the session that was opened last
  void eval(std::uint64_t number, std::istringstream& rest) {
    std::string expression;
    std::getline(rest >> std::ws, expression);
    evaluating_.push_back(
      session()
        .async()
        .eval(expression)
        .then([number](const sb::result<sb::value>& outcome) {
          print(number, told(outcome));
        }));
  }
  // EXPRESSION: the object it makes is kept until it closes
  void keep(std::uint64_t number, std::istringstream& rest) {
    std::string expression;
    std::getline(rest >> std::ws, expression);
    auto made = session().eval(expression);
    print(number, told(made));
    kept_.push_back(std::move(made));
  }
  void close(std::uint64_t number) {
    kept_.clear();
    {
      const std::lock_guard lock{mutex_};
      session_.reset();
    }
    print(number, "done");
  }
  std::string nodes() const {
    const auto found = bridge_->nodes();
    return found ? fmt::format("{} nodes", found->size()) : told(found.error());
  }
  bool leave(std::uint64_t number) {
    opening_.clear();
    bridge_.reset();
    print(number, "done");
    return false;
  }
  sb::session session() const {
    const std::lock_guard lock{mutex_};
    return session_.value();
  }

  std::optional<sb::bridge> bridge_;
  mutable std::mutex mutex_;
  std::optional<sb::session> session_;
  std::vector<sb::result<sb::value>> kept_;
  std::vector<sb::future<void>> evaluating_;
  std::vector<std::jthread> opening_;
};

sb::config settings_of(char** argv) {
  const std::string certificates = argv[3];
  sb::config wanted{.pools = {{.size = 1}}, .timeout = milliseconds{20'000}};
  wanted.node = {.name = argv[1], .listen = argv[2]};
  if (!certificates.empty()) {
    wanted.node.tls_certificate = certificates + ".pem";
    wanted.node.tls_key = certificates + ".key";
    wanted.node.tls_ca =
      std::filesystem::path{certificates}.replace_filename("ca.pem");
  }
  wanted.node.heartbeat_limit = milliseconds{std::stoi(argv[4])};
  if (const std::string join = argv[5]; !join.empty())
    wanted.cluster.join = {join};
  if (argv[6] != nullptr)
    wanted.pools.push_back({.name = argv[6], .size = 1});
  return wanted;
}

} // namespace

int main(int, char** argv) {
  member here{settings_of(argv)};
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream rest{line};
    std::uint64_t number = 0;
    std::string word;
    rest >> number >> word;
    if (!here.run(number, word, rest))
      break;
  }
}
