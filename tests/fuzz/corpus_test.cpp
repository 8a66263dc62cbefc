// What the fuzzer runs, without the fuzzer: each file of the corpus, and so
// many twisted ones of a fixed seed. A new find belongs into tests/fuzz/corpus,
// named by what it shows.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>

#include <gtest/gtest.h>

#include "tests/fuzz/mutate.hpp"
#include "tests/fuzz/seeds.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size);

namespace snakebridge::fuzz {

namespace {

const std::filesystem::path folder =
  std::filesystem::path{SNAKEBRIDGE_SOURCE_DIR} / "tests/fuzz/corpus";

std::map<std::string, input> stored() {
  std::map<std::string, input> files;
  for (const auto& each : std::filesystem::directory_iterator{folder}) {
    std::ifstream file{each.path(), std::ios::binary};
    files[each.path().filename()] = {std::istreambuf_iterator<char>{file}, {}};
  }
  return files;
}

void run_one(const input& bytes) {
  EXPECT_NO_THROW(LLVMFuzzerTestOneInput(bytes.data(), bytes.size()));
}

// True once reading it so often has left fewer objects than that. Not at the
// first time: Python's caches fill up while it raises for the first times.
bool leaves_no_object(const input& bytes) {
  constexpr std::size_t rounds = 25, tries = 40;
  for (std::size_t at = 0; at < tries; ++at) {
    const auto before = live_python_objects();
    for (std::size_t round = 0; round < rounds; ++round)
      run_one(bytes);
    if (live_python_objects() < before + rounds)
      return true;
  }
  return false;
}

// Where an input goes before it is run: after a crash it can be read there.
class last_input {
public:
  explicit last_input(unsigned seed)
      : path_{std::filesystem::path{::testing::TempDir()}
              / ("snakebridge_twisted_" + std::to_string(seed))},
        file_{path_, std::ios::binary} {
    std::cout << "seed " << seed << "; after a crash, input in " << path_
              << '\n';
  }

  void write(const input& bytes) {
    file_.seekp(0);
    file_.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
    file_.flush();
    std::filesystem::resize_file(path_, bytes.size());
  }
  void remove() { std::filesystem::remove(path_); }

private:
  std::filesystem::path path_;
  std::ofstream file_;
};

} // namespace

TEST(Corpus, GivenEachOfItsFilesThenWhatMustHoldHolds) {
  const auto files = stored();
  ASSERT_FALSE(files.empty());
  for (const auto& [name, bytes] : files) {
    SCOPED_TRACE(name);
    run_one(bytes);
  }
}

TEST(Corpus, GivenTheSeedsThenItHoldsThemAsTheyAre) {
  const auto files = stored();
  for (const auto& [name, bytes] : seeds()) {
    const auto place = files.find(name);
    ASSERT_NE(place, files.end()) << name << ": run make_corpus " << folder;
    EXPECT_EQ(place->second, bytes) << name << ": run make_corpus " << folder;
  }
}

TEST(Corpus, GivenItsSizeThenItStaysSmall) {
  const auto files = stored();
  std::size_t bytes = 0;
  for (const auto& [name, content] : files)
    bytes += content.size();
  EXPECT_LT(files.size(), 200U);
  EXPECT_LT(bytes, 200U * 1024);
}

TEST(Corpus, WhenARequestIsReadAgainAndAgainThenNoObjectStays) {
  for (const auto& [name, bytes] : stored()) {
    if (bytes.empty()
        || bytes[0] % targets != static_cast<unsigned>(target::request))
      continue;
    SCOPED_TRACE(name);
    EXPECT_TRUE(leaves_no_object(bytes));
  }
}

class Twisted : public ::testing::TestWithParam<unsigned> {};

TEST_P(Twisted, GivenFilesOfTheCorpusThenWhatMustHoldHolds) {
  constexpr int inputs = 4'000;
  std::vector<input> from;
  for (auto& [name, bytes] : stored())
    from.push_back(bytes);
  std::mt19937_64 random{GetParam()};
  last_input last{GetParam()};
  for (int at = 0; at < inputs && !HasFailure(); ++at) {
    auto twisted = from[random() % from.size()];
    if (random() % 8 == 0)
      twisted = splice(twisted, from[random() % from.size()], random);
    for (auto times = 1 + random() % 6; times > 0; --times)
      mutate(twisted, random);
    last.write(twisted);
    run_one(twisted);
  }
  if (!HasFailure())
    last.remove();
}

// Replay one: --gtest_filter='*Twisted*/seed_3'
INSTANTIATE_TEST_SUITE_P(Seeds, Twisted, ::testing::Range(1U, 5U),
                         [](const auto& tested) {
                           return "seed_" + std::to_string(tested.param);
                         });

} // namespace snakebridge::fuzz
