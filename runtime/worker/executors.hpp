#pragma once
// The threads of a worker that run Python, and the frames that wait for each.
// The first is Python's main thread, which gets signals; the others are threads
// of Python's own. A call names its executor in its id, and a session has all
// its calls on the same, so that what its libraries keep for a thread is there
// again. An executor that waits for its next call reads the channel for all, if
// none does.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/base/batch_ticks.hpp"
#include "runtime/base/process_mark.hpp"
#include "runtime/python/object_table.hpp"
#include "runtime/wire/peer.hpp"
#include "runtime/wire/status_page.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

struct executor_settings {
  std::size_t count = 1;
  std::size_t payload_bytes_max = 0;
  conversion_config conversion = {};
  std::vector<std::string> importable = {};
  /// Runs on the main thread after each of its calls, with the GIL, before it
  /// is answered.
  void (*after_call)() = [] {};
};

/// What the executors share.
class executors {
public:
  executors(std::unique_ptr<channel> data, status_page& status,
            const executor_settings& settings);

  /// Starts all but the main thread. On that, with the GIL. Throws what Python
  /// raises.
  void start();
  /// Serves until the host says no more, then frees all objects. As above.
  void serve();

private:
  friend class executor;

  /// Frames for one executor that it has not taken yet.
  struct inbox {
    std::deque<frame> frames;
    std::condition_variable changed;
    bool is_awaited = false;
  };
  enum class news { frame, time, end };

  // Without the GIL.
  news next(std::size_t executor, frame& into, steady_clock::time_point until);
  news lead(std::size_t executor, steady_clock::time_point until);
  void appoint();
  channel_state read();
  void send(std::uint64_t call, std::shared_ptr<message> reply);
  void flush();
  void end();
  void refuse_host();

  void await_threads();

  const executor_settings settings_;
  const process_mark process_;
  peer data_;
  status_page& status_;
  object_table objects_; // with the GIL
  int running_ = 0;      // calls; with the GIL
  batch_ticks ticks_{[this] { flush(); }};

  std::mutex mutex_;
  std::condition_variable thread_ended_;
  std::vector<inbox> inboxes_; // by executor
  bool is_led_ = false;
  std::atomic<bool> ended_ = false; // nothing more will come
  std::size_t threads_ = 0;         // besides the main thread
};

} // namespace gnu::visibility("hidden")]]snakebridge
