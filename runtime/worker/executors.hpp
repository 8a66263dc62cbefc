#pragma once
// The threads of a worker that run Python, and the frames that wait for each.
// The first is Python's main thread, which gets signals; the others are threads
// of Python's own. A call names its executor in its id, and a session has all
// its calls on the same, so that what its libraries keep for a thread is there
// again. One whose result is awaited goes on at the event loop, and its
// executor is free. Who waits, an executor for its next call or a thread of
// Python for what a callback answers, reads the channel for all, if none does.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "runtime/base/batch_ticks.hpp"
#include "runtime/base/process_mark.hpp"
#include "runtime/python/callback_proxy.hpp"
#include "runtime/python/object_table.hpp"
#include "runtime/python/running_call.hpp"
#include "runtime/wire/peer.hpp"
#include "runtime/wire/status_page.hpp"
#include "runtime/worker/wire_call.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

struct executor_settings {
  std::size_t count = 1;
  std::size_t payload_bytes_max = 0;
  conversion_config conversion = {};
  std::vector<std::string> importable = {};
  helper_rules helpers = {};
  bool times_calls = false;
  /// Runs on the main thread after each of its calls, with the GIL, before it
  /// is answered.
  void (*after_call)() = [] {};
};

/// What the executors share.
class executor;

class executors final : public callback_caller {
public:
  executors(std::unique_ptr<channel> data, status_page& status,
            const executor_settings& settings);

  /// Starts all but the main thread. On that, with the GIL. Throws what Python
  /// raises.
  void start();
  /// Serves until the host says no more, then frees all objects. As above.
  void serve();

  py::object call(std::uint64_t session, std::uint64_t callback,
                  const py::tuple& positional, const py::dict& named) override;
  void drop(std::uint64_t session, std::uint64_t callback) noexcept override;

private:
  friend class executor;
  class awaited_call;

  /// What a thread sleeps on; under the lock.
  struct waiter {
    std::condition_variable changed;
    bool is_awaited = false;
  };
  /// A callback that was called and has not answered.
  struct visit : waiter {
    std::uint64_t number = 0;
    std::optional<frame> answer;
  };
  /// Frames for one executor that it has not taken yet. Those made by
  /// callbacks, inside its call, come first, and are all it takes meanwhile.
  struct inbox : waiter {
    std::deque<frame> inside, frames;
    std::vector<visit*> visits; ///< of that executor, the innermost last
  };
  enum class news { frame, time, end };

  // Without the GIL.
  news next(std::size_t executor, frame& into, steady_clock::time_point until);
  /// The next request inside its call: for `time` where the visit is answered.
  news next_inside(visit& mine, inbox* own, frame& into);
  template <class HasCome>
  news wait(waiter& mine, std::unique_lock<std::mutex>& lock, HasCome has_come,
            steady_clock::time_point until);
  py::object answer_of(const frame& returned, std::uint64_t session);
  void begin(visit& mine, inbox* own);
  void end(visit& mine, inbox* own);
  bool deliver(frame& arrived);
  void appoint();
  channel_state read();
  using reply = std::unique_ptr<wire::outgoing>;
  reply reply_to(wire_call& asked, const performed& done) const;
  /// Now, where calls are timed.
  steady_clock::time_point look_at_clock() const {
    return settings_.times_calls ? steady_clock::now()
                                 : steady_clock::time_point{};
  }
  reply failed(const error& why) const;
  reply brief(const python_error& raised, bool ran) const;
  void await(const wire_call& begun, const running_call& running,
             py::handle awaitable);
  void end_await();
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
  std::uint64_t last_visit_ = 0;
  std::unordered_map<std::uint64_t, visit*> visits_; // by number
  std::atomic<bool> ended_ = false;                  // nothing more will come
  std::size_t threads_ = 0;                          // besides the main thread
  std::atomic<std::size_t> awaiting_ = 0;            // calls
};

} // namespace gnu::visibility("hidden")]]snakebridge
