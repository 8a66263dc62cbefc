#pragma once
// What a worker prints: read from its two pipes, cut into lines, told of the
// call and session it belongs to, and the last of it kept. Owned by the
// worker's host, on its thread.

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "runtime/base/descriptor.hpp"
#include "runtime/hosts/output_lines.hpp"

namespace snakebridge {

class worker_output {
public:
  /// What runs now, to whom output belongs: its id, and the line's fields set
  /// for it; 0 where that is not known, because nothing or several run.
  using tag = std::function<std::uint64_t(log_line& line)>;

  worker_output(std::function<void(const log_line&)> on_line, tag running)
      : on_line_{std::move(on_line)},
        running_{std::move(running)} {}

  /// The pipes, which are its own from now on.
  void connect(descriptor output, descriptor errors);
  int poll_descriptor(bool of_errors) const {
    return streams_[of_errors ? 1 : 0].pipe.get();
  }
  /// Of one that has something to read: a worker replies as soon as its output
  /// is read, so what lies there is of the call that runs. Nothing else is.
  void read(bool of_errors);
  /// What a call left without an end of its line is its own, and not the
  /// next's: takes it once `has` says that the call is over.
  void
  finish_of_ended_calls(const std::function<bool(std::uint64_t call)>& has);
  /// There is such a rest.
  bool has_rest() const;
  /// All there is, at the end.
  void finish();

  const std::deque<std::string>& last_lines() const { return last_lines_; }

private:
  struct stream {
    descriptor pipe = {};
    output_lines lines = {};
    log_line line = {};     // as the last that came, but for its text
    std::uint64_t call = 0; // which it belongs to; 0: none
  };

  void finish(stream& of);
  void take_line(log_line& line, std::string_view text, line_end end);

  const std::function<void(const log_line&)> on_line_;
  const tag running_;
  stream streams_[2];
  std::deque<std::string> last_lines_; // limits::log_lines_kept_max
};

} // namespace snakebridge
