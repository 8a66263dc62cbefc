#pragma once
// Stands between two nodes and passes on what they send, until it is told
// otherwise: a network that is cut, one way or both, or is slow.

#include <array>
#include <atomic>
#include <thread>

#include <netinet/tcp.h>

#include "tests/runtime/node/raw_socket.hpp"

namespace snakebridge::testing {

class relay {
public:
  /// To that address, for the first connection.
  explicit relay(const std::string& to)
      : thread_{[this, port = raw_socket::port_of(to)] { run(port); }} {}
  ~relay() {
    stopping_ = true;
    const raw_socket wakes{listener_.port()};
    thread_.join();
  }
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;

  std::string address() const { return listener_.address(); }

  /// Nothing passes any more, and nobody is told.
  std::atomic<bool> cut_to = false;   ///< to who listens
  std::atomic<bool> cut_from = false; ///< from there
  /// At most so many bytes every ms, each way; 0: as many as come.
  std::atomic<std::size_t> bytes_per_ms = 0;
  std::atomic<std::size_t> passed = 0;

private:
  void run(std::uint16_t port) {
    const auto dialer = listener_.accept();
    const raw_socket listener{port};
    // Else each small message waits 40 ms until the one before it is
    // acknowledged.
    const int yes = 1;
    for (const int end : {dialer.get(), listener.number()})
      ::setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    pollfd ends[] = {{dialer.get(), POLLIN, 0}, {listener.number(), POLLIN, 0}};
    while (!stopping_) {
      ::poll(ends, 2, 1);
      const auto most = bytes_per_ms.load();
      const bool open = pass(ends[0], ends[1].fd, cut_to, most)
                        && pass(ends[1], ends[0].fd, cut_from, most);
      if (!open)
        return;
      if (most > 0)
        ::poll(nullptr, 0, 1); // the wire is as slow as that
    }
  }
  // False at its end.
  bool pass(const pollfd& from, int to, bool is_cut, std::size_t most) {
    if (is_cut || (from.revents & (POLLIN | POLLHUP | POLLERR)) == 0)
      return true;
    std::array<char, 65'536> some{};
    const auto wanted = most == 0 ? some.size() : std::min(most, some.size());
    const auto came = ::recv(from.fd, some.data(), wanted, MSG_DONTWAIT);
    if (came <= 0)
      return came < 0 && errno == EAGAIN;
    passed += static_cast<std::size_t>(came);
    for (ssize_t sent = 0; sent < came && !stopping_;) {
      const auto now =
        ::send(to, some.data() + sent, static_cast<std::size_t>(came - sent),
               MSG_NOSIGNAL | MSG_DONTWAIT);
      if (now < 0 && errno != EAGAIN)
        return false;
      if (now > 0)
        sent += now;
      else
        ::poll(nullptr, 0, 1);
    }
    return true;
  }

  std::atomic<bool> stopping_ = false;
  raw_listener listener_;
  std::thread thread_;
};

} // namespace snakebridge::testing
