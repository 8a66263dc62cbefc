#pragma once
// What happened in a test, in order: asserted as a list of sentences such as
// "release:a". Safe on any thread.

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace snakebridge::testing {

using events = std::vector<std::string>;

class trace {
public:
  void add(std::string event) {
    std::lock_guard lock{mutex_};
    events_.push_back(std::move(event));
  }

  /// All events since the last `take`, which forgets them.
  events take() {
    std::lock_guard lock{mutex_};
    return std::exchange(events_, {});
  }

private:
  std::mutex mutex_;
  events events_;
};

} // namespace snakebridge::testing
