#pragma once
// Networks of the kernel that a test makes for itself: this process in one of
// its own, and places for nodes, each in its own with a cable to a switch here.
// They end with the processes in them. Which of them there may be is tried
// once; what fails after that is a failure.

#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include "runtime/base/descriptor.hpp"

namespace snakebridge::testing {

namespace networks {

inline bool try_run(const std::string& command) {
  return std::system((command + " 2>/dev/null").c_str()) == 0;
}

inline void run(const std::string& command) {
  if (std::system(command.c_str()) != 0)
    throw std::runtime_error{"it failed: " + command};
}

/// The network of this thread.
inline descriptor own() {
  return descriptor{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
}

/// Connections that are established with that port here.
inline std::size_t connections_at(unsigned port) {
  const auto local = fmt::format(":{:04X}", port);
  std::size_t found = 0;
  std::ifstream table{"/proc/self/net/tcp"};
  for (std::string row; std::getline(table, row);) {
    std::istringstream columns{row};
    std::string number, from, to, state;
    columns >> number >> from >> to >> state;
    found += from.ends_with(local) && state == "01" ? 1 : 0;
  }
  return found;
}

/// As root of our own where we are not root.
inline bool try_unshare() {
  if (::unshare(CLONE_NEWNET) == 0)
    return true;
  const auto user = ::getuid(), group = ::getgid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
    return false;
  std::ofstream{"/proc/self/setgroups"} << "deny";
  std::ofstream{"/proc/self/uid_map"} << fmt::format("0 {} 1", user);
  std::ofstream{"/proc/self/gid_map"} << fmt::format("0 {} 1", group);
  return true;
}

/// Moves this process, which has one thread as yet, into a network of its own.
inline bool begin() {
  return try_unshare() && try_run("ip link set lo up")
         && try_run("ip link add switch type bridge")
         && try_run("ip address add 10.77.0.1/16 dev switch")
         && try_run("ip link set switch up")
         && try_run("ip link add probe type veth peer name eborp")
         && try_run("tc qdisc replace dev probe root tbf rate 1mbit burst 16kb "
                    "limit 1mb")
         && try_run("tc qdisc replace dev probe root blackhole")
         && try_run("ip link del probe");
}

/// Whether this machine lets us; this process is in a network of its own then.
inline bool may_be() {
  static const bool can = begin();
  return can;
}

} // namespace networks

/// A network with one cable to ours.
class place {
public:
  explicit place(unsigned number)
      : cable_{fmt::format("cable{}", number)},
        address_{fmt::format("10.77.0.{}", number + 1)} {
    std::thread{[&] {
      if (::unshare(CLONE_NEWNET) == 0)
        network_ = networks::own();
    }}.join();
    if (!network_)
      throw std::runtime_error{"no network"};
    networks::run(fmt::format("ip link add {} type veth peer name far{} && "
                              "ip link set {} master switch up",
                              cable_, number, cable_));
    networks::run(fmt::format("ip link set far{} netns /proc/{}/fd/{}", number,
                              ::getpid(), network_.get()));
    inside([&] {
      networks::run("ip link set lo up");
      networks::run(fmt::format(
        "ip link set far{} name eth0 && ip address add {}/16 dev eth0 && "
        "ip link set eth0 up",
        number, address_));
    });
  }
  ~place() { networks::try_run("ip link del " + cable_); }
  place(const place&) = delete;
  place& operator=(const place&) = delete;

  const std::string& address() const { return address_; }

  /// On a thread that is there; what it starts is, too.
  template <class Do>
  void inside(Do run) const {
    std::exception_ptr failed;
    std::thread{[&] {
      try {
        if (::setns(network_.get(), CLONE_NEWNET) != 0)
          throw std::runtime_error{"cannot enter a network"};
        run();
      } catch (...) {
        failed = std::current_exception();
      }
    }}.join();
    if (failed)
      std::rethrow_exception(failed);
  }

  // Nobody is told of what becomes of the cable.

  /// Nothing passes, either way.
  void cut() const { networks::run("ip link set " + cable_ + " down"); }
  /// Nothing comes there any more.
  void cut_to() const { here("blackhole"); }
  /// Nothing comes from there any more.
  void cut_from() const { there("blackhole"); }
  /// So much passes in a second, after `burst` at once.
  void slow_to(const std::string& rate, const std::string& burst) const {
    here(bucket(rate, burst));
  }
  void slow_from(const std::string& rate, const std::string& burst) const {
    there(bucket(rate, burst));
  }
  /// All is as it was.
  void mend() const {
    networks::run("ip link set " + cable_ + " up");
    networks::try_run("tc qdisc del dev " + cable_ + " root");
    inside([] { networks::try_run("tc qdisc del dev eth0 root"); });
  }

  /// Bytes that have gone there, and have come from there.
  std::uint64_t bytes_to() const { return count("tx_bytes"); }
  std::uint64_t bytes_from() const { return count("rx_bytes"); }

private:
  static std::string bucket(const std::string& rate, const std::string& burst) {
    return "tbf rate " + rate + " burst " + burst + " limit 64mb";
  }
  void here(const std::string& rule) const {
    networks::run("tc qdisc replace dev " + cable_ + " root " + rule);
  }
  void there(const std::string& rule) const {
    inside([&] { networks::run("tc qdisc replace dev eth0 root " + rule); });
  }
  // /sys shows the network of who has mounted it, /proc/net that of who reads.
  std::uint64_t count(const std::string& which) const {
    std::ifstream table{"/proc/self/net/dev"};
    for (std::string name; table >> name;) {
      std::uint64_t received = 0, sent = 0, other = 0;
      if (name != cable_ + ":") {
        table.ignore(1'000, '\n');
        continue;
      }
      table >> received;
      for (int skipped = 0; skipped < 7; ++skipped)
        table >> other;
      table >> sent;
      return which == "tx_bytes" ? sent : received;
    }
    return 0;
  }

  const std::string cable_, address_;
  descriptor network_;
};

} // namespace snakebridge::testing
