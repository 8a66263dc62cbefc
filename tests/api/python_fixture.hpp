#pragma once
// The situation of the API's tests: a bridge with real Python, told apart only
// by where Python runs. A test must leave no session and no object: each test
// ends with none, as it began.

#include <snakebridge/snakebridge.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <stdexcept>
#include <string>

#include "tests/support/eventually.hpp"

namespace sb = snakebridge;

namespace snakebridge {

// Where GoogleTest looks for it.
inline std::ostream& operator<<(std::ostream& out, placement where) {
  return out << (where == placement::worker ? "worker" : "embedded");
}

template <class T>
std::ostream& operator<<(std::ostream& out, const result<T>& outcome) {
  if (!outcome)
    return out << outcome.error();
  if constexpr (std::is_void_v<T>)
    return out << "done";
  else
    return out << *outcome;
}

} // namespace snakebridge

namespace snakebridge::testing {

using namespace std::chrono_literals;
using namespace sb::literals;

/// One pool; what Python prints is dropped.
inline sb::config one_pool(sb::placement where, std::uint32_t size = 1) {
  sb::config wanted{.pools = {{.size = size, .placement = where}}};
  wanted.on_output = [](const sb::log_line&) {};
  return wanted;
}

/// Why it failed; a test fails if it did not.
template <class T>
sb::error error_of(const sb::result<T>& outcome) {
  if (outcome)
    throw std::logic_error{"it did not fail"};
  return outcome.error();
}

/// The code of why it failed.
template <class T>
sb::errc code_of(const sb::result<T>& outcome) {
  return error_of(outcome).code();
}

/// All sessions and objects are gone, or will be at once.
inline bool is_empty(const sb::bridge& bridge) {
  return eventually([&] {
    const auto now = bridge.stats();
    return now.sessions == 0 && now.live_objects() == 0;
  });
}

/// Every interpreter is ready for calls, or will be soon.
inline bool is_ready(const sb::bridge& bridge) {
  return eventually([&] {
    for (const auto& pool : bridge.stats().pools)
      for (const auto& each : pool.interpreters)
        if (!each.ready)
          return false;
    return true;
  });
}

/// The first interpreter of the first pool, as it is now.
inline sb::interpreter_stats first_of(const sb::bridge& bridge) {
  return bridge.stats().pools.at(0).interpreters.at(0);
}

/// One interpreter in a worker, and one of this process: the same tests.
class EachPlacement : public ::testing::TestWithParam<sb::placement> {
protected:
  void TearDown() override {
    ASSERT_TRUE(bridge.release_auto_session());
    EXPECT_TRUE(is_empty(bridge))
      << bridge.stats().live_objects() << " objects left";
  }

  /// An object that has no value form.
  sb::ref path(const char* name = "/tmp") {
    return or_throw(bridge.call("pathlib", "Path", name)).as<sb::ref>();
  }

  sb::bridge bridge{one_pool(GetParam())};
};

/// The same with a worker only.
class InAWorker : public ::testing::Test {
protected:
  explicit InAWorker(sb::config wanted = one_pool(sb::placement::worker))
      : bridge{std::move(wanted)} {}

  void TearDown() override {
    ASSERT_TRUE(bridge.release_auto_session());
    EXPECT_TRUE(is_empty(bridge))
      << bridge.stats().live_objects() << " objects left";
  }

  sb::bridge bridge;
};

inline const auto both_placements =
  ::testing::Values(sb::placement::worker, sb::placement::embedded);

} // namespace snakebridge::testing

/// Runs the suite, one of EachPlacement, in both.
#define SNAKEBRIDGE_IN_BOTH_PLACEMENTS(SUITE)                                  \
  INSTANTIATE_TEST_SUITE_P(Python, SUITE, both_placements,                     \
                           ::testing::PrintToStringParamName())
