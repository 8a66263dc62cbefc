#pragma once
// The clients of a storm: threads that use the bridge while enemies strike, and
// the tally of what they were answered. An answer is right, or it is an error
// that a death has cost; anything else is noted as wrong, a call that ran out
// of its time too: no enemy holds a worker for so long.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

class tally {
public:
  /// Counts the answer; `right`: it is the value it should be. True if it is.
  template <class T>
  bool take(const std::string& asked, const sb::result<T>& answer, bool right) {
    if (!answer)
      take_error(asked, answer.error());
    else if (right)
      ++right_;
    else
      note(asked + " was answered wrongly");
    return answer && right;
  }
  void take_error(const std::string& asked, const sb::error& why);
  void note(std::string wrong);

  std::uint64_t right() const { return right_; }
  /// Calls that were lost with their interpreter.
  std::uint64_t lost() const { return lost_; }
  /// What must not be, the first of it.
  std::vector<std::string> wrong() const;

private:
  std::atomic<std::uint64_t> right_ = 0, lost_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> wrong_;
};

/// Whether the incarnation that the object lived in has ended.
bool has_ended(const sb::bridge& on, const sb::value& object);

class clients {
public:
  /// So many for each of the pools.
  static constexpr int of_each_pool = 2;

  clients(const sb::bridge& bridge, const std::vector<std::string>& pools,
          std::uint64_t seed, tally& answers);
  /// Asks no more, and waits until each has its last answer.
  ~clients();
  clients(const clients&) = delete;

  /// Whether each of them gets a right answer from now on, or will soon.
  bool all_go_on() const;

private:
  struct one {
    std::string pool;
    std::uint64_t seed = 0;
    std::atomic<std::uint64_t> right = 0;
    std::thread thread;
  };

  void live(one& mine);

  const sb::bridge& bridge_;
  tally& answers_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> alive_ = 0;
  std::vector<std::unique_ptr<one>> all_;
};

} // namespace snakebridge::testing
