#pragma once
// Our stdin, stdout and stderr for a script in a worker. The worker, which has
// none of our descriptors, comes and gets them at a socket without a place in
// the file system; a process of another user gets nothing.

#include <functional>
#include <string>
#include <thread>

#include <sys/types.h>

namespace snakebridge::cli {

class handed_streams {
public:
  /// `before` hears, on a thread of its own, to whom they are handed now.
  /// Throws std::system_error.
  explicit handed_streams(std::function<void(pid_t to)> before);
  ~handed_streams();
  handed_streams(const handed_streams&) = delete;
  handed_streams& operator=(const handed_streams&) = delete;

  /// Where to get them: an abstract address, without its leading zero byte.
  const std::string& address() const { return address_; }

private:
  const int listening_;
  const std::string address_;
  std::thread handing_;
};

} // namespace snakebridge::cli
