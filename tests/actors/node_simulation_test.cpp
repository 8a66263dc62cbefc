// NODES.md section 3 against kills, stops, cuts, lost power, a directory that
// starts anew and an operator who forgets nodes: each run is a seed. A failure
// prints its seed and what happened; SNAKEBRIDGE_NODES_SEED=… runs that one
// alone.
#include "simulated_cluster.hpp"

#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snakebridge::testing {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

namespace {

constexpr std::uint64_t seeds_in_a_part = 1'000;
constexpr auto busy = 25s;
constexpr auto quiet = 60s;

// What goes wrong in one run, and when it is mended.
class enemies {
public:
  enemies(simulated_cluster& of, std::size_t machines)
      : cluster_{of},
        network_{of.network()},
        machines_{machines} {}

  void plan() {
    auto& chance = network_.chance();
    for (auto left = 2 + chance.below(6); left > 0; --left)
      network_.later(moment(), [this] { strike(); });
    if (chance.percent(60))
      for (auto when = 3s; when < busy; when += 3s)
        network_.later(when, [this] { cluster_.forget_silent(4s); });
  }

  // Each cut is healed, each process wakes or starts anew.
  void end() {
    for (std::size_t from = 0; from < machines_; ++from) {
      for (std::size_t to = 0; to < machines_; ++to)
        network_.heal(from, to);
      network_.wake(from);
      if (!network_.is_running(from))
        cluster_.start(from);
    }
  }

  // A drain may have been on its way at the end.
  void replace_drained() {
    for (std::size_t each = 0; each < machines_; ++each)
      if (cluster_.is_draining(each)) {
        cluster_.kill(each, false);
        cluster_.start(each);
      }
  }

private:
  microseconds moment() { return network_.chance().between(1s, busy); }
  std::size_t any() { return network_.chance().below(machines_); }

  void strike() {
    const auto which = any();
    switch (network_.chance().below(10)) {
    case 0:
    case 1:
      return kill(which, false);
    case 2:
      return kill(which, true);
    case 3:
    case 4:
      return stop(which);
    case 5:
      return cut(which, any(), false);
    case 6:
      return cut(which, any(), true);
    case 7:
      for (std::size_t other = 0; other < machines_; ++other)
        cut(which, other, true);
      return;
    case 8:
      return forget_by_mistake(which);
    default:
      return cluster_.drain(which);
    }
  }

  // What the operator is warned of: the directory alone is cut off from a node,
  // which serves others; and the id is opened again by those.
  void forget_by_mistake(std::size_t which) {
    const auto other = any();
    const auto id = "x" + std::to_string(network_.chance().below(3));
    cluster_.use(other, id, "n" + std::to_string(which), 40);
    network_.later(1s, [this, which] { cut(0, which, true, 16s); });
    network_.later(9s, [this] { cluster_.forget_silent(1s); });
    for (const auto when : {10s, 11s})
      network_.later(when,
                     [this, other, id] { cluster_.use(other, id, {}, 3); });
  }

  void kill(std::size_t which, bool power_too) {
    cluster_.kill(which, power_too);
    network_.later(network_.chance().between(20ms, 9s), [this, which] {
      if (!network_.is_running(which))
        cluster_.start(which);
    });
  }

  void stop(std::size_t which) {
    cluster_.note("n{} is stopped", which);
    network_.stop(which);
    network_.later(network_.chance().between(200ms, 12s), [this, which] {
      cluster_.note("n{} wakes", which);
      network_.wake(which);
    });
  }

  void cut(std::size_t one, std::size_t other, bool both_ways) {
    cut(one, other, both_ways, network_.chance().between(200ms, 14s));
  }

  void cut(std::size_t one, std::size_t other, bool both_ways,
           microseconds lasts) {
    if (one == other)
      return;
    cluster_.note("n{} is cut off from n{}{}", other, one,
                  both_ways ? ", and back" : "");
    network_.cut(one, other);
    if (both_ways)
      network_.cut(other, one);
    network_.later(lasts, [this, one, other] {
      cluster_.note("n{} and n{} are joined again", one, other);
      network_.heal(one, other);
      network_.heal(other, one);
    });
  }

  simulated_cluster& cluster_;
  virtual_network& network_;
  std::size_t machines_;
};

// Clients now and then, on few ids: so that they meet.
void plan_clients(simulated_cluster& cluster, std::size_t machines) {
  auto& chance = cluster.network().chance();
  for (auto left = 8 + chance.below(16); left > 0; --left) {
    const auto where = chance.below(machines);
    const auto id = "x" + std::to_string(chance.below(3));
    const auto at = chance.percent(15)
                      ? "n" + std::to_string(chance.below(machines))
                      : std::string{};
    const auto calls = static_cast<unsigned>(chance.below(12));
    cluster.network().later(
      chance.between(1s, busy),
      [&cluster, where, id, at, calls] { cluster.use(where, id, at, calls); });
  }
}

// All is well again: each id can be opened from anywhere, and is left.
void expect_service(simulated_cluster& cluster, std::size_t machines) {
  const auto before = cluster.values();
  for (const auto* id : {"x0", "x1", "x2"})
    cluster.use(cluster.network().chance().below(machines), id, {}, 0);
  cluster.run_for(30s);
  if (cluster.values() != before + 3)
    cluster.fail(fmt::format("{} of 3 sessions can be opened when all is well",
                             cluster.values() - before));
  cluster.expect_quiet();
}

std::unique_ptr<simulated_cluster> run(std::uint64_t seed, left_out without,
                                       bool is_traced) {
  const std::size_t machines = 3 + seed % 3;
  auto made =
    std::make_unique<simulated_cluster>(machines, seed, without, is_traced);
  auto& cluster = *made;
  for (std::size_t each = 0; each < machines; ++each)
    cluster.start(each);
  enemies against{cluster, machines};
  against.plan();
  plan_clients(cluster, machines);
  cluster.run_for(busy + 1s);
  against.end();
  cluster.run_for(quiet);
  against.replace_drained();
  cluster.run_for(quiet);
  if (!cluster.violation())
    cluster.expect_quiet();
  if (!cluster.violation())
    expect_service(cluster, machines);
  return made;
}

std::string story(std::uint64_t seed, left_out without) {
  const auto again = run(seed, without, true);
  std::string told =
    fmt::format("seed {}: {}\nSNAKEBRIDGE_NODES_SEED={} runs it alone\n", seed,
                again->violation().value_or("it holds when it is told"), seed);
  for (const auto& line : again->trace())
    told += line + '\n';
  return told;
}

// The first seed of these that finds it.
std::optional<std::uint64_t> first_failing(left_out without,
                                           std::uint64_t seeds) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed)
    if (run(seed, without, false)->violation())
      return seed;
  return std::nullopt;
}

class NodeSimulation : public ::testing::TestWithParam<std::uint64_t> {};

struct missing_rule {
  const char* name;
  left_out without;
  const char* finds;
};

class NodeSimulationMisses : public ::testing::TestWithParam<missing_rule> {};

} // namespace

TEST_P(NodeSimulation, GivenAThousandSeedsThenAllThatMustHoldHolds) {
  auto first = GetParam() * seeds_in_a_part;
  auto last = first + seeds_in_a_part;
  const char* only = std::getenv("SNAKEBRIDGE_NODES_SEED");
  if (only) {
    first = std::strtoull(only, nullptr, 10);
    last = first + 1;
  }
  std::vector<std::size_t> reached(static_cast<std::size_t>(rare::count));
  std::size_t values = 0;
  for (auto seed = first; seed < last; ++seed) {
    const auto done = run(seed, {}, false);
    ASSERT_FALSE(done->violation()) << story(seed, {});
    values += done->values();
    for (std::size_t i = 0; i < reached.size(); ++i)
      reached[i] += done->reached(static_cast<rare>(i));
  }
  if (only)
    return;
  // A run that finds nothing because nothing happens is worth nothing.
  EXPECT_GT(values, 30 * seeds_in_a_part);
  for (std::size_t i = 0; i < reached.size(); ++i) {
    EXPECT_GT(reached[i], 0U) << name_of(static_cast<rare>(i));
    RecordProperty(name_of(static_cast<rare>(i)), std::to_string(reached[i]));
  }
}

INSTANTIATE_TEST_SUITE_P(Part, NodeSimulation,
                         ::testing::Range<std::uint64_t>(0, 10));

// What each rule is there for: without it the runs find what goes wrong.
TEST_P(NodeSimulationMisses, WhenARuleIsLeftOutThenASeedFindsIt) {
  const auto& rule = GetParam();
  const auto found = first_failing(rule.without, 10 * seeds_in_a_part);
  ASSERT_TRUE(found);
  EXPECT_THAT(story(*found, rule.without),
              AllOf(HasSubstr("VIOLATION"), HasSubstr(rule.finds)));
  RecordProperty("seed", std::to_string(*found));
}

constexpr missing_rule missing_rules[] = {
  {"EpochCheck", {.epoch_check = true}, "lives twice"},
  {"Proof", {.proof = true}, "lives twice"},
  {"EndingFirst", {.ending_first = true}, "has joined a cluster with"},
  {"NewerEpoch", {.newer_epoch = true}, "which knows of"},
  {"HelloOrder", {.hello_order = true}, "lives twice"},
  {"LateEnds", {.late_ends = true}, "the directory has 1 entries left"},
};

INSTANTIATE_TEST_SUITE_P(Rule, NodeSimulationMisses,
                         ::testing::ValuesIn(missing_rules),
                         [](const auto& row) {
                           return std::string{row.param.name};
                         });

TEST(NodeSimulationSeed, GivenTheSameSeedThenTheSameHappens) {
  std::vector<std::vector<std::string>> traces;
  for (const int again : {0, 1})
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const auto done = run(seed, {}, true);
      if (again == 0)
        traces.push_back(done->trace());
      else
        EXPECT_EQ(done->trace(), traces[seed]) << "seed " << seed;
    }
}

} // namespace snakebridge::testing
