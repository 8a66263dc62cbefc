#pragma once
// The situation of the tests of real libraries: a bridge whose Python has all
// of requirements.txt (make_venv.py), in a worker and in this process. A test
// is a job of a user, and asserts what is right, worked out by hand. It leaves
// no session and no object; files stay in its scratch folder.

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/api/python_fixture.hpp"
#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

/// One interpreter with the libraries; what Python prints is dropped. The first
/// import of a library compiles all of it.
inline sb::config with_libraries(sb::placement where) {
  auto wanted = one_pool(where);
  wanted.timeout = 110s;
  wanted.pools.front().python = SNAKEBRIDGE_LIBRARIES_VENV;
  return wanted;
}

/// When a day begins, in no zone.
inline sb::datetime midnight(std::int16_t year, std::uint8_t month,
                             std::uint8_t day) {
  return {.date = {year, month, day}, .time = {}};
}

/// The same job in both placements.
class Libraries : public ::testing::TestWithParam<sb::placement> {
protected:
  Libraries() {
    // What libraries leave in the folder for temporary files goes with it.
    run("import os, tempfile\n"
        "os.environ['TMPDIR'] = tempfile.tempdir = folder\n"
        "del os, tempfile, folder\n",
        {{"folder", temporary_.path()}});
  }

  void TearDown() override {
    ASSERT_TRUE(bridge.release_auto_session());
    EXPECT_TRUE(is_empty(bridge))
      << bridge.stats().live_objects() << " objects left";
  }

  /// Runs statements in the session's namespace.
  void run(std::string_view code, const sb::dict& variables = {}) {
    or_throw(bridge.exec(code, variables));
  }

  /// As much of the results a value as can be.
  sb::caller plain() const {
    return bridge.with({.leaves = sb::leaves::plain});
  }

  const scratch_folder temporary_; // outlives the bridge
  sb::bridge bridge{with_libraries(GetParam())};
};

} // namespace snakebridge::testing
