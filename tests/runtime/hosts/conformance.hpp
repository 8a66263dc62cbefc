#pragma once
// The situation of all tests that worker and embedded host must pass alike: a
// host of the kind of the parameter, ready, and one session "a".

#include "config/tunables.hpp"
#include "tests/support/host_fixture.hpp"

namespace snakebridge::testing {

using namespace literals;

template <class Parameter>
class hosted : public ::testing::TestWithParam<Parameter> {
protected:
  explicit hosted(placement where)
      : interpreter{where == placement::worker
                      ? worker_of(patient_worker(printed))
                      : embedded()} {}

  void SetUp() override {
    const auto started = interpreter.start_and_wait();
    ASSERT_TRUE(started) << started.error();
    session.emplace(interpreter.open());
  }
  void TearDown() override {
    session.reset();
    EXPECT_TRUE(interpreter.ends_empty()) << "objects are left";
    EXPECT_TRUE(interpreter.stop().asked);
  }

  template <class... Arguments>
  result<value> call(Arguments&&... arguments) {
    return session->call(std::forward<Arguments>(arguments)...);
  }
  template <class... Arguments>
  result<value> eval(Arguments&&... arguments) {
    return session->eval(std::forward<Arguments>(arguments)...);
  }
  template <class... Arguments>
  void exec(Arguments&&... arguments) {
    const auto done = session->exec(std::forward<Arguments>(arguments)...);
    EXPECT_TRUE(done) << done.error();
  }

  std::uint64_t live_objects() { return interpreter.live_objects(); }
  /// Forgets the session's objects: how many there were.
  value release_all() {
    return value_of(session->run({.what = verb::release_session}));
  }

  printed_lines printed;
  test_interpreter interpreter;
  std::optional<test_session> session;
};

class conformance : public hosted<placement> {
protected:
  conformance() : hosted{GetParam()} {}
};

class HostValues : public conformance {};
class HostVerbs : public conformance {};
class HostErrors : public conformance {};

inline const auto both_placements =
  ::testing::Values(placement::worker, placement::embedded);
inline const auto placement_name = [](const auto& tested) {
  return tested.param == placement::worker ? "worker" : "embedded";
};

} // namespace snakebridge::testing
