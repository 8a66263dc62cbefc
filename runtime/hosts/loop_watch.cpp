#include "runtime/hosts/loop_watch.hpp"

#include <vector>

#include "config/tunables.hpp"
#include "runtime/hosts/python_stacks.hpp"
#include "runtime/python/awaiting.hpp"

namespace snakebridge {

static constexpr std::chrono::milliseconds again{limits::interrupt_again_ms};

loop_watch::loop_watch(std::chrono::milliseconds grace,
                       std::chrono::milliseconds stalls_after,
                       stall_listener on_stall)
    : grace_{grace},
      stalls_after_{stalls_after},
      on_stall_{std::move(on_stall)} {}

loop_watch::~loop_watch() {
  stop();
}

void loop_watch::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

void loop_watch::begin(std::uint64_t call) {
  const std::lock_guard lock{mutex_};
  if (stopping_)
    return;
  if (!thread_.joinable())
    thread_ = std::thread{[this] { loop(); }};
  if (calls_.empty()) {
    beaten_at_ = steady_clock::now();
    told_ = false;
    changed_.notify_one();
  }
  calls_.try_emplace(call);
}

void loop_watch::end(std::uint64_t call) {
  const std::lock_guard lock{mutex_};
  calls_.erase(call);
}

void loop_watch::withdraw(std::uint64_t call) {
  {
    const std::lock_guard lock{mutex_};
    const auto place = calls_.find(call);
    if (place == calls_.end() || place->second.withdrawn)
      return;
    place->second = {.withdrawn = true, .due = steady_clock::now() + grace_};
  }
  cancel_await(call);
}

void loop_watch::loop() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    if (calls_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto now = steady_clock::now();
    std::vector<std::uint64_t> late;
    for (auto& [call, each] : calls_)
      if (each.withdrawn && now >= each.due) {
        late.push_back(call);
        each.due = now + again;
      }
    const bool stalls = has_stalled(now);
    const auto since = beaten_at_;
    lock.unlock();
    for (const auto call : late) {
      cancel_await(call);
      const gil_guard gil;
      interrupt_await(call);
    }
    if (stalls)
      report(since);
    lock.lock();
    changed_.wait_for(lock, again, [this] { return stopping_; });
  }
}

// With the lock: true once for each time the loop stands still for so long.
bool loop_watch::has_stalled(steady_clock::time_point now) {
  const auto beats = loop_beats();
  if (beats != beats_) {
    beats_ = beats;
    beaten_at_ = now;
    told_ = false;
  }
  if (told_ || stalls_after_.count() == 0 || now < beaten_at_ + stalls_after_)
    return false;
  told_ = true;
  return true;
}

void loop_watch::report(steady_clock::time_point since) const {
  loop_task runs;
  std::string stacks;
  {
    const gil_guard gil;
    runs = task_on_loop();
    stacks = stacks_of_all_threads(runs.thread);
  }
  on_stall_(runs.call, since, std::move(stacks));
}

} // namespace snakebridge
