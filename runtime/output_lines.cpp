#include "runtime/output_lines.hpp"

#include <array>
#include <cerrno>

#include <unistd.h>

#include "config/tunables.hpp"

namespace snakebridge {

bool output_lines::read_from(int pipe, const sink& take) {
  std::array<char, 16 * 1024> buffer;
  // A worker that prints without end must not keep us here: the rest is read
  // next time.
  for (int reads = 0; reads < 16; ++reads) {
    const auto got = ::read(pipe, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return got < 0;
    rest_.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t from = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos;
         end = rest_.find('\n', from)) {
      take(std::string_view{rest_}.substr(from, end - from));
      from = end + 1;
    }
    rest_.erase(0, from);
    while (rest_.size() >= limits::log_line_bytes_max) {
      take(std::string_view{rest_}.substr(0, limits::log_line_bytes_max));
      rest_.erase(0, limits::log_line_bytes_max);
    }
    // The pipe is empty; what comes now may belong to the next call.
    if (static_cast<std::size_t>(got) < buffer.size())
      return true;
  }
  return true;
}

void output_lines::finish(const sink& take) {
  if (!rest_.empty())
    take(rest_);
  rest_.clear();
}

} // namespace snakebridge
