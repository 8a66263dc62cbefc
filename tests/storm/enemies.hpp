#pragma once
// The enemies of a storm: each strikes a pool of a running bridge in its own
// way and sees to it that its blow has struck. Which comes when, and where, is
// for the storm to say; two may strike at once, on two threads.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <snakebridge/faults.hpp>

#include "runtime/base/descriptor.hpp"
#include "tests/storm/clients.hpp"

namespace snakebridge::testing {

class enemies {
public:
  enemies(const sb::bridge& bridge, tally& answers);

  /// How many kinds there are.
  static std::size_t count();
  static std::string name(std::size_t which);
  /// It strikes workers only, not Python in this process.
  static bool needs_worker(std::size_t which);
  /// An interpreter dies each time it has struck.
  static bool is_lethal(std::size_t which);

  /// Strikes until it has struck; false when it never did.
  bool strike(std::size_t which, const std::string& pool);

  /// Deaths that all strikes so far may have been.
  std::uint64_t deaths_most() const { return tried_; }

private:
  struct kind;
  static const std::vector<kind>& kinds();

  bool kill(const std::string& pool);
  bool stop(const std::string& pool);
  bool crash(const std::string& pool);
  bool exit(const std::string& pool);
  bool leave_a_child(const std::string& pool);
  bool exhaust_memory(const std::string& pool);
  bool raise(const std::string& pool);
  bool loop_in_python(const std::string& pool);
  bool loop_in_c(const std::string& pool);
  bool throw_at_it(const std::string& pool);
  bool exit_in_a_callback(const std::string& pool);
  bool hang_in_a_callback(const std::string& pool);
  bool keep_a_task(const std::string& pool);
  bool block_the_loop(const std::string& pool);
  bool await_late(const std::string& pool, const char* body);
  bool corrupt_the_channel(const std::string& pool);
  bool lose_before(const std::string& pool);
  bool lose_after(const std::string& pool);
  bool delay(const std::string& pool);
  bool kill_a_client(const std::string& pool);
  bool kill_a_session(const std::string& pool);

  bool signal_the_worker(const std::string& pool);
  bool fork_in_a_call(const std::string& pool);
  bool end_a_bridge(const std::string& pool);

  descriptor worker_of(const sb::caller& through) const;
  bool run_late(const std::string& pool, const char* code);
  bool meet_fault(const std::string& pool, std::string_view point, fault how);
  bool strike_an_actor(const std::string& pool, bool at_its_session);

  const sb::bridge& bridge_;
  tally& answers_;
  std::atomic<std::uint64_t> tried_ = 0;
  std::mutex arming_; // one plan of faults at a time
};

} // namespace snakebridge::testing
