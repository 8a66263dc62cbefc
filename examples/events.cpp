// The program hears of each call: that it began, and that it returned or
// failed, with the time it took. That is what logs, metrics and traces need.
#include <algorithm>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace std::chrono_literals;

namespace {

/// Prints calls as they come, until it is told to count alone. It hears of them
/// on any thread, outlives its bridge, and must not call it.
class call_log {
public:
  struct counts {
    int started = 0;
    int stopped = 0;
    int failed = 0;
  };

  void hear(const sb::interpreter_event& event) {
    if (event.what < sb::event_kind::call_start)
      return; // of an interpreter
    const std::lock_guard lock{mutex_};
    auto& mine = of_[event.call];
    switch (event.what) {
    case sb::event_kind::call_start:
      ++mine.started;
      print("start " + event.call);
      break;
    case sb::event_kind::call_stop:
      ++mine.stopped;
      shortest_ = std::min(shortest_, event.ran);
      print("stop " + event.call);
      break;
    default:
      ++mine.failed;
      print("exception " + event.call + ": " + reason(*event.failure));
    }
  }

  void count_only() {
    const std::lock_guard lock{mutex_};
    prints_ = false;
  }

  void report() {
    const std::lock_guard lock{mutex_};
    for (const auto& [call, mine] : of_)
      std::cout << call << ": " << mine.started << " started, " << mine.stopped
                << " stopped, " << mine.failed << " failed\n";
    std::cout << "each took some time: " << std::boolalpha << (shortest_ > 0ns)
              << "\n";
  }

private:
  /// What Python raised, or why the call did not get through.
  static std::string reason(const sb::error& failed) {
    return failed.python() != nullptr ? failed.python()->type
                                      : std::string{to_string(failed.code())};
  }

  void print(const std::string& line) const {
    if (prints_)
      std::cout << line << "\n";
  }

  std::mutex mutex_;
  bool prints_ = true;
  std::map<std::string, counts> of_;
  std::chrono::nanoseconds shortest_ = std::chrono::nanoseconds::max();
};

} // namespace

int main() {
  call_log log;
  sb::bridge bridge{
    sb::config{.pools = {{.size = 2}},
               .on_event = [&log](const sb::interpreter_event& event) {
                 log.hear(event);
               }}};

  // What they answer is in their events as well.
  static_cast<void>(bridge.call("math", "sqrt", 16));
  static_cast<void>(bridge.call("math", "sqrt", -1));
  static_cast<void>(bridge.call("no_such_module", "f"));

  // Their order is not fixed: each runs on any interpreter that is free.
  log.count_only();
  std::vector<sb::future<sb::value>> roots;
  for (const int square : {1, 4, 9, 16})
    roots.push_back(bridge.with({.affinity = sb::affinity::hint})
                      .async()
                      .call("math", "sqrt", square));
  double sum = 0;
  for (auto& each : roots)
    sum += or_throw(each.get()).as<double>();
  std::cout << "the sum of four roots: " << sum << "\n";

  log.report();
}
