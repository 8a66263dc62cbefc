#pragma once
// What Python printed, cut into lines. One for each of stdout and stderr; on
// the thread of the worker host.

#include <functional>
#include <string>
#include <string_view>

#include <snakebridge/config.hpp>

namespace snakebridge {

class output_lines {
public:
  using sink = std::function<void(std::string_view line, line_end end)>;

  /// Reads what a non-blocking pipe has; false at its end.
  bool read_from(int pipe, const sink& take);
  /// There is text whose line has no end yet.
  bool has_rest() const { return !rest_.empty(); }
  /// Takes the rest as a line without an end.
  void finish(const sink& take);

private:
  void cut(std::string_view read, const sink& take);

  std::string rest_;
  bool after_return_ = false; // a newline now is the second half of its end
};

} // namespace snakebridge
