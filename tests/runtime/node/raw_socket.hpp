#pragma once
// Sockets on loopback without any protocol: what a hostile peer has.

#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "runtime/base/descriptor.hpp"
#include "tests/support/eventually.hpp"

namespace snakebridge::testing {

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  made.sin_port = htons(port);
  return made;
}

/// Accepts by hand, or never.
class raw_listener {
public:
  /// Without a backlog its port is taken, and nobody listens.
  explicit raw_listener(std::optional<int> backlog = 16) {
    auto where = loopback(0);
    socklen_t size = sizeof where;
    ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&where), size);
    if (backlog)
      ::listen(socket_.get(), *backlog);
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&where), &size);
    port_ = ntohs(where.sin_port);
  }
  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  descriptor accept() const {
    return descriptor{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  }

private:
  descriptor socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port_ = 0;
};

class raw_socket {
public:
  /// `blocks`: until it is connected.
  explicit raw_socket(std::uint16_t port, bool blocks = true)
      : socket_{::socket(
        AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (blocks ? 0 : SOCK_NONBLOCK),
        0)} {
    const auto where = loopback(port);
    ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&where),
              sizeof where);
  }
  static std::uint16_t port_of(const std::string& address) {
    return static_cast<std::uint16_t>(
      std::stoi(address.substr(address.rfind(':') + 1)));
  }

  int number() const { return socket_.get(); }
  bool send(const void* bytes, std::size_t count) const {
    return ::send(socket_.get(), bytes, count, MSG_NOSIGNAL)
           == static_cast<ssize_t>(count);
  }
  /// So many bytes, or as many as came before its end.
  std::string receive(std::size_t count) const {
    std::string got(count, '\0');
    std::size_t had = 0;
    while (had < count) {
      const auto came = ::recv(socket_.get(), got.data() + had, count - had, 0);
      if (came <= 0)
        break;
      had += static_cast<std::size_t>(came);
    }
    got.resize(had);
    return got;
  }
  /// Waits for the other side to end it; false: it does not, in our patience.
  bool is_ended() const {
    return eventually([&] {
      char some[4096];
      const auto came = ::recv(socket_.get(), some, sizeof some, MSG_DONTWAIT);
      return came == 0 || (came < 0 && errno != EAGAIN);
    });
  }

private:
  descriptor socket_;
};

/// A port where a connect gets no answer: its queue is full.
class black_hole {
public:
  black_hole() {
    for (int i = 0; i < 4; ++i)
      fill_.emplace_back(listener_.port(), false);
  }
  std::string address() const { return listener_.address(); }

private:
  raw_listener listener_{0};
  std::vector<raw_socket> fill_;
};

} // namespace snakebridge::testing
