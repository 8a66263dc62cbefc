#include "handed_streams.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace snakebridge::cli {

namespace {

int checked(int answered, const char* doing) {
  if (answered < 0)
    throw std::system_error{errno, std::generic_category(), doing};
  return answered;
}

// The system finds a name that is free.
std::string bound_name(int socket) {
  sockaddr_un named{};
  named.sun_family = AF_UNIX;
  auto* const name = reinterpret_cast<sockaddr*>(&named);
  socklen_t size = sizeof named.sun_family;
  checked(::bind(socket, name, size), "name a socket");
  checked(::listen(socket, 1), "listen to a worker");
  size = sizeof named;
  checked(::getsockname(socket, name, &size), "ask a socket's name");
  return {named.sun_path + 1, size - offsetof(sockaddr_un, sun_path) - 1};
}

void send_streams(int peer) {
  constexpr int streams[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  // Those we were started without.
  for (const int each : streams)
    if (::fcntl(each, F_GETFD) < 0)
      static_cast<void>(::open("/dev/null", O_RDWR)); // the lowest number free
  char content = 0;
  iovec byte{&content, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof streams)] = {};
  msghdr message{};
  message.msg_iov = &byte;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  auto* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof streams);
  std::memcpy(CMSG_DATA(header), streams, sizeof streams);
  ::sendmsg(peer, &message, MSG_NOSIGNAL);
}

// 0: nobody who may have them.
pid_t who_asks(int peer) {
  ucred who{};
  socklen_t size = sizeof who;
  const bool is_ours =
    ::getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0
    && who.uid == ::geteuid();
  return is_ours ? who.pid : 0;
}

} // namespace

handed_streams::handed_streams(std::function<void(pid_t to)> before)
    : listening_{checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                         "make a socket")},
      address_{bound_name(listening_)} {
  handing_ = std::thread{[this, before = std::move(before)] {
    for (pid_t to = 0; to == 0;) {
      const int peer = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0 && errno == EINTR)
        continue;
      if (peer < 0)
        return; // it was shut down: nobody will come
      to = who_asks(peer);
      if (to != 0) {
        before(to);
        send_streams(peer);
      }
      ::close(peer);
    }
  }};
}

handed_streams::~handed_streams() {
  ::shutdown(listening_, SHUT_RDWR);
  handing_.join();
  ::close(listening_);
}

} // namespace snakebridge::cli
