#pragma once
// The clients of a storm: threads that use the bridge while enemies strike, and
// the tally of what they were answered. An answer is right, or it is one of the
// errors a death may cost; anything else is noted as wrong.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/api/python_fixture.hpp"

namespace snakebridge::testing {

class tally {
public:
  /// Counts the answer; `right`: it is the value it should be.
  template <class T>
  bool take(const std::string& asked, const sb::result<T>& answer, bool right) {
    if (answer && right)
      ++right_;
    else if (answer)
      note(asked + " was answered wrongly");
    else
      take_error(asked, answer.error());
    return answer && right;
  }
  void take_error(const std::string& asked, const sb::error& why);
  void note(std::string wrong);

  std::uint64_t right() const { return right_; }
  std::uint64_t lost() const { return lost_; }
  /// Calls whose time ran out: each may cost its worker its life.
  std::uint64_t late() const { return late_; }
  /// What must not be, the first of it.
  std::vector<std::string> wrong() const;

private:
  std::atomic<std::uint64_t> right_ = 0, lost_ = 0, late_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> wrong_;
};

class clients {
public:
  clients(const sb::bridge& bridge, std::uint64_t seed, tally& answers);
  /// Asks no more, and waits until each has its last answer.
  ~clients();
  clients(const clients&) = delete;

private:
  void live(std::uint64_t seed);

  const sb::bridge& bridge_;
  tally& answers_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> alive_;
  std::vector<std::thread> threads_;
};

} // namespace snakebridge::testing
