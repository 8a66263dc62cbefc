#pragma once
// The enemies of a storm: each strikes a running bridge in its own way and sees
// to it that its blow has struck. Which comes when is for the storm to say.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/descriptor.hpp"
#include "tests/storm/clients.hpp"

namespace snakebridge::testing {

class enemies {
public:
  enemies(const sb::bridge& bridge, tally& answers);

  /// How many kinds there are.
  std::size_t count() const;
  std::string name(std::size_t which) const;
  /// Strikes until it has struck; false when it never did. A worker that was
  /// stopped is continued by the next strike.
  bool strike(std::size_t which);
  /// Lets stopped workers go on.
  void relent();

  /// Deaths of workers these strikes surely were, and may have been.
  std::uint64_t deaths_least() const { return sure_; }
  std::uint64_t deaths_most() const { return tried_; }

private:
  struct kind;
  static const std::vector<kind>& kinds();

  bool kill();
  bool stop();
  bool crash();
  bool exit();
  bool leave_a_child();
  bool exhaust_memory();
  bool loop_in_python();
  bool loop_in_c();
  bool corrupt_the_channel();
  bool kill_a_client();
  bool kill_a_session();

  descriptor worker_of(const sb::session& session) const;
  bool run_late(const char* code);
  bool strike_an_actor(bool at_its_session);

  const sb::bridge& bridge_;
  tally& answers_;
  std::uint64_t sure_ = 0, tried_ = 0;
  std::vector<descriptor> stopped_;
};

} // namespace snakebridge::testing
