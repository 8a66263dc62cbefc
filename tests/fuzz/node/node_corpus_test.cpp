// What the fuzzer of links runs, without the fuzzer: each file of the corpus,
// and so many twisted ones of a fixed seed. A new find belongs into
// tests/fuzz/node/corpus, named by what it shows.
#include <filesystem>
#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "tests/fuzz/mutate.hpp"
#include "tests/fuzz/node/node_seeds.hpp"

namespace snakebridge::fuzz {

namespace {

const std::filesystem::path folder =
  std::filesystem::path{SNAKEBRIDGE_SOURCE_DIR} / "tests/fuzz/node/corpus";

std::map<std::string, input> stored() {
  std::map<std::string, input> files;
  for (const auto& each : std::filesystem::directory_iterator{folder}) {
    std::ifstream file{each.path(), std::ios::binary};
    files[each.path().filename()] = {std::istreambuf_iterator<char>{file}, {}};
  }
  return files;
}

} // namespace

TEST(NodeCorpus, GivenEachOfItsFilesThenWhatMustHoldHolds) {
  const auto files = stored();
  ASSERT_FALSE(files.empty());
  for (const auto& [name, bytes] : files) {
    SCOPED_TRACE(name);
    const auto came_to = run_node(bytes);
    if (name.starts_with("told_")) {
      EXPECT_EQ(came_to.told, 1U);
    }
  }
}

// Else it would fuzz no more than how a link refuses noise.
TEST(NodeCorpus, GivenWhatWasRecordedThenALinkStillUnderstandsAllOfIt) {
  const auto files = stored();
  for (const auto* name : {"accepted", "dialed"}) {
    SCOPED_TRACE(std::string{name} + ": run make_node_corpus "
                 + folder.string());
    const auto came_to = run_node(files.at(name));
    EXPECT_TRUE(came_to.was_up);
    EXPECT_EQ(came_to.told, 1U);
    EXPECT_EQ(came_to.opened, 1U);
    EXPECT_EQ(came_to.requested, 2U);
  }
}

TEST(NodeCorpus, GivenEachSeedThenItIsThere) {
  const auto files = stored();
  for (const auto& [name, bytes] : node_seeds())
    EXPECT_TRUE(files.contains(name))
      << name << ": run make_node_corpus " << folder;
}

class NodeTwisted : public ::testing::TestWithParam<unsigned> {};

TEST_P(NodeTwisted, GivenFilesOfTheCorpusThenWhatMustHoldHolds) {
  constexpr int inputs = 4'000;
  std::vector<input> from;
  for (auto& [name, bytes] : stored())
    from.push_back(bytes);
  std::mt19937_64 random{GetParam()};
  for (int at = 0; at < inputs && !HasFailure(); ++at) {
    auto twisted = from[random() % from.size()];
    if (random() % 8 == 0)
      twisted = splice(twisted, from[random() % from.size()], random);
    for (auto times = 1 + random() % 6; times > 0; --times)
      mutate(twisted, random);
    EXPECT_NO_THROW(run_node(twisted)) << "input " << at;
  }
}

// Replay one: --gtest_filter='*NodeTwisted*/seed_3'
INSTANTIATE_TEST_SUITE_P(Seeds, NodeTwisted, ::testing::Range(1U, 5U),
                         [](const auto& tested) {
                           return "seed_" + std::to_string(tested.param);
                         });

} // namespace snakebridge::fuzz
