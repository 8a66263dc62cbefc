#pragma once
// What Python printed, cut into lines. One for each of stdout and stderr; on
// the thread of the worker host.

#include <functional>
#include <string>
#include <string_view>

namespace snakebridge {

class output_lines {
public:
  using sink = std::function<void(std::string_view line)>;

  /// Reads what a non-blocking pipe has; false at its end.
  bool read_from(int pipe, const sink& take);
  /// The last line, if it had no newline.
  void finish(const sink& take);

private:
  std::string rest_;
};

} // namespace snakebridge
