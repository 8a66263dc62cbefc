#include "runtime/hosts/output_lines.hpp"

#include <array>
#include <cerrno>

#include <unistd.h>

#include "config/tunables.hpp"

namespace snakebridge {

bool output_lines::read_from(int pipe, const sink& take) {
  std::array<char, 64 * 1024> buffer;
  // A worker that prints without end must not keep us here: the rest is read
  // next time.
  for (int reads = 0; reads < 16; ++reads) {
    const auto got = ::read(pipe, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return got < 0;
    cut({buffer.data(), static_cast<std::size_t>(got)}, take);
    // The pipe is empty; what comes now may belong to the next call.
    if (static_cast<std::size_t>(got) < buffer.size())
      return true;
  }
  return true;
}

void output_lines::cut(std::string_view read, const sink& take) {
  const auto take_line = [&](std::string_view line, line_end end) {
    if (rest_.empty())
      return take(line, end);
    rest_ += line;
    take(rest_, end);
    rest_.clear();
  };
  if (after_return_ && read.starts_with('\n'))
    read.remove_prefix(1);
  after_return_ = false;
  while (!read.empty()) {
    const auto end = read.find_first_of("\r\n");
    const auto most = limits::log_line_bytes_max - rest_.size();
    if (std::min(end, read.size()) > most) {
      take_line(read.substr(0, most), line_end::none);
      read.remove_prefix(most);
      continue;
    }
    if (end == read.npos)
      break;
    const bool returns = read[end] == '\r';
    // Both together end one line, as on other systems.
    const bool both = returns && end + 1 < read.size() && read[end + 1] == '\n';
    // What begins with a return has only gone back: a progress bar does so.
    if (!returns || both || end > 0 || !rest_.empty())
      take_line(read.substr(0, end), returns && !both
                                       ? line_end::carriage_return
                                       : line_end::newline);
    after_return_ = returns && end + 1 == read.size();
    read.remove_prefix(end + (both ? 2 : 1));
  }
  rest_ += read;
}

void output_lines::finish(const sink& take) {
  if (!rest_.empty())
    take(rest_, line_end::none);
  rest_.clear();
}

} // namespace snakebridge
