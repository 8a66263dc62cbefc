#pragma once
// One stream on the program's side: asks its session for batch after batch, two
// more while one is read, and keeps what has come until it is taken. Shared by
// who reads it and by what is on its way to it. One reader at a time; what
// comes, comes on any thread.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "actors/session_core.hpp"

namespace snakebridge {

class stream_core : public std::enable_shared_from_this<stream_core> {
public:
  /// `source`: a `stream` or an `iterate`.
  stream_core(session_ptr through, operation source, call_options options,
              const stream_rules& rules);
  stream_core(const stream_core&) = delete;
  stream_core& operator=(const stream_core&) = delete;

  /// How many items come at once, and how long one may take to come; for what
  /// is asked for from now on. Errors: config_invalid.
  result<void> set_batch(std::size_t items);
  result<void> set_timeout(std::chrono::milliseconds time);

  /// What is taken at a time.
  struct batch {
    std::vector<value> items;         ///< none: it has ended
    std::optional<error> failed = {}; ///< why, where it did not just end
  };
  /// The next of them, which it begins to ask for. Waits until there are some,
  /// at most for the idle timeout.
  batch take();
  /// The same without waiting; nothing: `on_news` is called, once, when it is
  /// to be tried again.
  std::optional<batch> take(std::function<void()> on_news);
  /// Ends it in Python: what comes still is let go. `done` runs when that has
  /// been done, here or on another thread; an error is what came of it.
  void close(std::function<void(result<void>)> done);
  /// The same, and waits.
  result<void> close();
  /// Nobody will have the refs in these items of it.
  void let_go(const std::vector<value>& items) const;

  const session_ptr& session() const { return session_; }

private:
  using lock = std::unique_lock<std::mutex>;

  std::optional<batch> pop();
  void begin();
  void opened(result<value> answered);
  bool wants_more() const;
  void ask();
  void arrived(std::vector<value> items);
  void answered(result<value> more);
  void end(lock& held, std::optional<error> failed);
  void tell(lock& held);
  void look_at_time();
  void set_time();
  void set_timer();
  error why_ended(error failed) const;
  void end_in_python(const ref& kept,
                     std::function<void(result<void>)> done) const;

  const session_ptr session_;
  operation source_;
  const std::string what_; // to tell of
  const call_options options_;
  stream_rules rules_;
  cancel_source stop_; // what was asked for

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> on_news_;
  std::optional<ref> stream_;            // while it is kept in Python
  std::deque<std::vector<value>> ready_; // none of them is empty
  std::optional<error> failed_;          // told once
  bool begun_ = false;
  bool waits_ = false; // something was asked for, and is not answered
  bool ended_ = false;
  bool closed_ = false;
  std::uint32_t batch_items_ = 1; // are asked for next
  std::size_t came_ = 0;          // of what was asked for last
  steady_clock::time_point due_;  // of the next item
  std::optional<timer_token> timer_;
  bool is_late_ = false;
};

} // namespace snakebridge
