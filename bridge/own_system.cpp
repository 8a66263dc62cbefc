#include "bridge/own_system.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <caf/atom.hpp>
#include <caf/thread_hook.hpp>

#include "actors/system_visit.hpp"
#include "config/tunables.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/thread_end.hpp"

namespace snakebridge {

class own_system::thread_count {
public:
  void add(int change) {
    const std::lock_guard lock{mutex_};
    count_ += change;
    changed_.notify_all();
  }
  void say_gone() {
    const std::lock_guard lock{mutex_};
    gone_ = true;
    changed_.notify_all();
  }
  /// True when the system has gone. False when all it waits for any more is
  /// threads of others, or the time has passed.
  bool wait_until_gone() {
    using std::chrono::milliseconds;
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, milliseconds{limits::actors_wait_ms_max},
                      [this] { return gone_ || count_ == 0; });
    return changed_.wait_for(lock, milliseconds{limits::system_gone_ms_max},
                             [this] { return gone_; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  bool gone_ = false;
};

own_system::settings::settings(std::shared_ptr<thread_count> threads) {
  struct hook final : caf::thread_hook {
    explicit hook(std::shared_ptr<thread_count> counted)
        : counted{std::move(counted)} {}
    void init(caf::actor_system&) override {}
    void thread_started() override { counted->add(1); }
    void thread_terminates() override { counted->add(-1); }

    const std::shared_ptr<thread_count> counted;
  };
  add_thread_hook<hook>(std::move(threads));
  // Work stealing polls with sleeps (DESIGN §4.9); sharing wakes by futex.
  set("scheduler.policy", caf::atom("sharing"));
  // Half of the cores: Python needs the others, and a scheduler thread woken
  // for nothing takes one from it in the middle of a call.
  set("scheduler.max-threads",
      std::clamp<std::size_t>(std::thread::hardware_concurrency() / 2, 1,
                              limits::scheduler_threads_max));
  set("logger.verbosity", caf::atom("quiet"));
}

own_system::own_system()
    : threads_{std::make_shared<thread_count>()},
      settings_{threads_} {}

void own_system::end(std::unique_ptr<own_system> ending) {
  const auto running = [&] { return ending->system_.registry().running(); };
  const auto deadline = std::chrono::steady_clock::now()
                        + std::chrono::milliseconds{limits::actors_wait_ms_max};
  while (running() > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  if (running() > 0) {
    // Its destructor would wait for them for ever; without it they would be
    // torn from under whoever holds them.
    logger()->error(
      "{} actors of the program outlive the bridge on its own system, "
      "which is left to them: end them before the bridge",
      running());
    static_cast<void>(ending.release());
    return;
  }
  // This thread may have spawned on it by itself.
  if (!thread_locals_are_gone()
      && caf::logger::current_logger() == &ending->system_.logger())
    caf::logger::set_current_actor_system(nullptr);
  // Others may have too: then its last step waits for them (system_visit).
  const auto threads = ending->threads_;
  std::thread last{[gone = threads, ending = std::move(ending)]() mutable {
    ending.reset();
    gone->say_gone();
  }};
  if (threads->wait_until_gone())
    return last.join();
  logger()->warn("a thread of the program has spawned actors on the bridge's "
                 "own system and lives on: the last of that system ends with "
                 "the thread");
  last.detach();
}

} // namespace snakebridge
