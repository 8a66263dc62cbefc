#pragma once
// What the command line prints, one text at a time, and the line that shows how
// long something has taken so far. That line is drawn by a thread of its own,
// where stderr is a terminal, and wiped before anything else is printed. Any
// thread may use it.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <snakebridge/config.hpp>

namespace snakebridge::cli {

class console {
public:
  using clock = std::chrono::steady_clock;

  /// The line is drawn when nothing was printed for so long.
  explicit console(clock::duration progress_after)
      : progress_after_{progress_after} {}
  ~console() { end_progress(); }
  console(const console&) = delete;
  console& operator=(const console&) = delete;

  /// From now on `label` is what takes time. No line is drawn where stderr is
  /// no terminal that can wipe it.
  void begin_progress(std::string label);
  /// Wipes the line; none is drawn from then on.
  void end_progress();

  /// A line on stdout, at once. False if nobody reads it any more; throws
  /// std::system_error for any other reason.
  [[nodiscard]] bool print(std::string_view line);
  /// Text on stderr, as it is.
  void complain(std::string_view text);
  /// What Python printed, where it did.
  void show(const log_line& line);

private:
  void draw_until(const std::stop_token& ended);
  void draw();
  void wipe();

  const clock::duration progress_after_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string label_;
  clock::time_point begun_;
  clock::time_point next_; ///< when the line is drawn, if nothing is printed
  bool is_drawn_ = false;
  bool is_shared_ = false; ///< Python has a line of its own at the cursor
  std::optional<std::jthread> drawing_;
};

} // namespace snakebridge::cli
