#pragma once
// A place in Python where a call waits until the test lets it go on: a named
// pipe that Python reads. The test knows when the call has come there, so that
// nothing has to sleep.

#include <cerrno>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/eventually.hpp"
#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

class gate {
public:
  gate() : path_{folder_ / "gate"} {
    if (::mkfifo(path_.c_str(), 0600) != 0)
      throw std::runtime_error{"no named pipe " + path_};
  }
  ~gate() { open(); }
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;

  /// An expression that waits here and is "" then.
  std::string wait_here() const { return "open('" + path_ + "').read()"; }

  /// The same in a C function, which no interruption of Python ends; it is 0
  /// then.
  std::string wait_here_in_c() const {
    return "__import__('ctypes').CDLL(None).system(b'cat " + path_ + "')";
  }

  /// An expression that is seen here, and waits for nothing.
  std::string pass_here() const {
    return "__import__('os').open('" + path_ + "', 0o4000)"; // O_NONBLOCK
  }

  /// True once a call waits here, or has passed.
  bool has_a_caller() {
    return eventually([this] {
      // Without a reader there is no writer.
      if (writer_ < 0)
        writer_ = ::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      return writer_ >= 0 || errno != ENXIO;
    });
  }

  /// Lets the call go on. Only after `has_a_caller`.
  void open() {
    if (writer_ >= 0)
      ::close(writer_);
    writer_ = -1;
  }

private:
  scratch_folder folder_;
  const std::string path_;
  int writer_ = -1;
};

} // namespace snakebridge::testing
