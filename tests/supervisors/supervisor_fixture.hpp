#pragma once
// The situation of the supervisor's tests: a nursery, a trace, and a
// supervisor that ends with the test.

#include "tests/support/children.hpp"
#include <snakebridge/supervisor.hpp>
#include <snakebridge/testing_actors.hpp>

#include <ostream>
#include <utility>

namespace snakebridge {

// Where GoogleTest looks for it.
inline std::ostream& operator<<(std::ostream& out, const child_counts& sums) {
  return out << "{specs " << sums.specs << ", active " << sums.active
             << ", supervisors " << sums.supervisors << ", workers "
             << sums.workers << "}";
}

} // namespace snakebridge

namespace snakebridge::testing {

using namespace std::chrono_literals;

class supervised : public deterministic {
protected:
  /// An obedient child with nothing else said.
  child_spec plain(const std::string& id,
                   restart_type restart = restart_type::permanent) {
    return {.id = id, .start = children.obedient(id), .restart = restart};
  }

  /// Spawns `spec`, lets it start, and forgets the trace of that.
  caf::actor supervise(supervisor_spec spec) {
    auto spawned = spawn_supervisor(system(), std::move(spec));
    EXPECT_TRUE(spawned);
    boss = untyped(*spawned);
    ends_with_test(boss);
    boss->attach_functor([this](const caf::error& reason) { end = reason; });
    settle();
    happened.take();
    return boss;
  }

  caf::actor supervise(strategy how, std::vector<child_spec> specs,
                       int intensity = 3) {
    return supervise(
      {.strategy = how, .intensity = intensity, .children = std::move(specs)});
  }

  caf::actor pool_of(child_spec spec, int intensity = 3) {
    return supervise(strategy::simple_one_for_one, {std::move(spec)},
                     intensity);
  }

  void end_child(const std::string& id, ending how) {
    terminate(children.at(id), how);
    settle();
  }

  /// Tells the supervisor to stop; time stands still.
  void stop() {
    caf::anon_send_exit(boss, caf::exit_reason::user_shutdown);
    settle();
  }

  std::vector<child_row> rows() {
    return ask<std::vector<child_row>>(boss, which_children_atom::value)
      .value();
  }

  /// The row of `id`; a test fails if there is none.
  child_row row(const std::string& id) {
    for (auto& one : rows())
      if (one.id == id)
        return one;
    throw std::logic_error{"no child '" + id + "'"};
  }

  child_counts counts() {
    return ask<child_counts>(boss, count_children_atom::value).value();
  }

  events took_place() { return happened.take(); }

  trace happened;
  nursery children{happened};
  caf::actor boss;
  /// Why `boss` has ended, once it has.
  std::optional<caf::error> end;
};

inline child_counts all_workers(std::size_t specs, std::size_t active) {
  return {.specs = specs, .active = active, .supervisors = 0, .workers = specs};
}

inline const caf::error no_disk =
  caf::error{7, caf::atom("test"), caf::make_message(std::string{"no disk"})};

} // namespace snakebridge::testing
