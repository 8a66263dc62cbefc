#pragma once
// One end of a channel that several threads use, the same in a bridge and in
// its worker. Any of them sends. What arrives is read by one of those that wait
// for something to arrive, the leader, which hands the others theirs: so that
// whoever waits alone gets its frame without another thread. Who leads next is
// decided by the owner, under its lock.

#include <memory>
#include <mutex>
#include <vector>

#include "runtime/base/timers.hpp"
#include "runtime/wire/channel.hpp"

namespace snakebridge {

class peer {
public:
  /// `call`: an event by which others call the leader; without one they cannot.
  explicit peer(std::unique_ptr<channel> over, const descriptor* call = nullptr)
      : channel_{std::move(over)},
        call_{call} {}

  /// For sending, and for what is not done here.
  channel& over() { return *channel_; }

  /// Takes in what has arrived: `take` is called with all of it, before
  /// another thread can read.
  template <class Take>
  channel_state read(const Take& take) {
    std::vector<frame> arrived;
    const std::lock_guard lock{reading_};
    const auto state = channel_->receive(arrived, false);
    if (!arrived.empty())
      take(arrived);
    return state;
  }
  /// Looks a moment for something to read, unless another thread reads.
  bool spin() {
    const std::unique_lock lock{reading_, std::try_to_lock};
    return lock && channel_->spin();
  }
  /// About to sleep over `poll_descriptor`: true when that is not needed.
  bool doze() {
    const std::lock_guard lock{reading_};
    return channel_->doze();
  }

  /// Leads: calls `read`, which answers the state of the channel, whenever
  /// there is something, until `done`, the end of the channel, or that time.
  template <class Read, class Done>
  void lead(const Read& read, const Done& done,
            steady_clock::time_point until) {
    if (spin() && read() != channel_state::open)
      return;
    while (!done())
      switch (sleep(until)) {
      case news::time:
        return;
      case news::called:
        break;
      case news::readable:
        if (read() != channel_state::open || steady_clock::now() >= until)
          return; // it may be readable without an end
      }
  }
  /// The leader looks whether it is done.
  void call_leader();

private:
  enum class news { readable, called, time };
  news sleep(steady_clock::time_point until);

  const std::unique_ptr<channel> channel_;
  const descriptor* const call_;
  std::mutex reading_;
};

} // namespace snakebridge
