#include <snakebridge/config.hpp>

#include <filesystem>

#include <gtest/gtest.h>

#include "config/settings.hpp"
#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {

std::string refusal(config wanted) {
  const auto made = checked(std::move(wanted));
  if (made)
    return "accepted";
  EXPECT_EQ(made.error().code(), errc::config_invalid);
  return made.error().message();
}

config pool(pool_config only) {
  return {.pools = {std::move(only)}};
}

} // namespace

TEST(CheckedConfig, WhenNothingIsWantedThenADefaultPoolOfTheCoresIsThere) {
  const auto made = checked({});
  ASSERT_TRUE(made);
  ASSERT_EQ(made->pools.size(), 1u);
  EXPECT_EQ(made->pools[0].name, "default");
  EXPECT_GE(made->pools[0].size, 1u);
}

TEST(CheckedConfig, GivenANodeThatCannotBeThenSaysWhy) {
  EXPECT_EQ(
    refusal({.node = {.name = "Node A"}}),
    "node.name = \"Node A\": the name of a node must be 1 to 255 of a-z, "
    "0-9, _, - and .");
  EXPECT_EQ(refusal({.node = {.name = ".lan"}}),
            "node.name = \".lan\": the name of a node must not begin with a "
            "dot");
  EXPECT_EQ(refusal({.node = {.listen = "localhost"}}),
            "node.listen = \"localhost\": must be an address: \"host:port\"");
  EXPECT_EQ(
    refusal({.node = {.tls_key = "a.key"}}),
    "node: tls_certificate, tls_key and tls_ca must be given all three, "
    "or none of them");
  EXPECT_EQ(
    refusal({.node = {.tls_certificate = "a", .tls_key = "b", .tls_ca = "c"}}),
    "node: tls_certificate needs node.name, one of its names");
  EXPECT_EQ(refusal({.node = {.heartbeat_limit = 10ms}}),
            "node.heartbeat_limit_ms = 10: must be 100 to 3600000");
  EXPECT_EQ(refusal({.node = {.peers_allowed = {"*"}}}),
            "node.peers_allowed: \"*\": the name of a node must be 1 to 255 of "
            "a-z, 0-9, _, - and .");
  EXPECT_EQ(refusal({.cluster = {.join = {"unix:1"}}}),
            "cluster.join: \"unix:1\": must be an address: \"host:port\"");
  EXPECT_EQ(refusal({.cluster = {.directory = "A"}}),
            "cluster.directory = \"A\": the name of a node must be 1 to 255 of "
            "a-z, 0-9, _, - and .");
}

TEST(CheckedConfig, GivenAddressesThenTheirPortsAndHostsMustBeOnes) {
  for (const auto* right : {"unixbox:0", "a:0", "[::1]:00000"})
    EXPECT_EQ(refusal({.node = {.listen = right}}), "accepted") << right;
  EXPECT_EQ(refusal({.node = {.listen = "a:" + std::to_string(65'535)}}),
            "accepted");
  EXPECT_NE(refusal({.node = {.listen = "a:" + std::to_string(65'536)}}),
            "accepted");
  for (const auto* wrong : {"unix:1", "unix-abstract:1"})
    EXPECT_NE(refusal({.node = {.listen = wrong}}), "accepted") << wrong;
  EXPECT_NE(refusal({.node = {.listen = std::string{"a\0:4", 4}}}), "accepted");
}

TEST(CheckedConfig, GivenFilesOfANodeThenTheyAreMadeAbsolute) {
  const auto made = checked({.node = {.name = "a",
                                      .tls_certificate = "a.pem",
                                      .tls_key = "/etc/a.key",
                                      .tls_ca = "../ca.pem"}});
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->node.tls_certificate.is_absolute());
  EXPECT_EQ(made->node.tls_key, "/etc/a.key");
  EXPECT_TRUE(made->node.tls_ca.is_absolute());
}

TEST(CheckedConfig, AddsTheDefaultPoolToOthers) {
  const auto made = checked(pool({.name = "gpu", .size = 3}));
  ASSERT_TRUE(made);
  ASSERT_EQ(made->pools.size(), 2u);
  EXPECT_EQ(made->pools[0].size, 3u);
  EXPECT_EQ(made->pools[1].name, "default");
}

TEST(CheckedConfig, GivesAnEmbeddedPoolOneInterpreter) {
  const auto made = checked(pool({.placement = placement::embedded}));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->pools[0].size, 1u);
}

TEST(CheckedConfig, RefusesMoreInAnEmbeddedPool) {
  EXPECT_EQ(refusal(pool({.size = 2, .placement = placement::embedded})),
            "pool.default.size = 2: an embedded pool has one interpreter; say "
            "1, or placement = \"worker\"");
}

TEST(CheckedConfig, RefusesTwoPoolsOfOneName) {
  EXPECT_EQ(refusal({.pools = {{.name = "a"}, {.name = "a"}}}),
            "pool.a: there are two pools of that name; rename one");
}

TEST(CheckedConfig, RefusesOddPoolNames) {
  const std::string rule = ": must be 1 to 64 of A-Z, a-z, 0-9, _ and -";
  EXPECT_EQ(refusal(pool({.name = ""})), "pool name \"\"" + rule);
  EXPECT_EQ(refusal(pool({.name = "a b"})), "pool name \"a b\"" + rule);
  EXPECT_EQ(refusal(pool({.name = "a\n"})), "pool name \"a\\n\"" + rule);
  EXPECT_EQ(refusal(pool({.name = std::string(64, 'x')})), "accepted");
  EXPECT_NE(refusal(pool({.name = std::string(65, 'x')})), "accepted");
  EXPECT_EQ(refusal(pool({.name = "Az-0_9"})), "accepted");
}

TEST(CheckedConfig, RefusesVariablesNoProcessCanHave) {
  EXPECT_EQ(refusal(pool({.env = {{"A=B", "c"}}})),
            "pool.default.env: variable \"A=B\": its name must not be empty "
            "nor hold '=' or NUL");
  EXPECT_NE(refusal(pool({.env = {{"", "c"}}})), "accepted");
  EXPECT_NE(refusal(pool({.env = {{std::string{"A\0B", 3}, "c"}}})),
            "accepted");
  EXPECT_NE(refusal(pool({.env = {{"A", std::string{"b\0c", 3}}}})),
            "accepted");
  EXPECT_EQ(refusal(pool({.env = {{"A", "b=c"}}})), "accepted");
}

TEST(CheckedConfig, HoldsTheBoundsOfTheFile) {
  EXPECT_EQ(refusal({.timeout = 0ms}), "timeout_ms = 0: must be 1 to 86400000");
  EXPECT_EQ(refusal({.payload_bytes_max = ~std::size_t{0}}),
            "payload_bytes_max = 18446744073709551615: must be 1024 to "
            "4294967296");
  EXPECT_EQ(refusal(pool({.name = "gpu", .size = 1'025})),
            "pool.gpu.size = 1025: must be 0 to 1024");
  EXPECT_EQ(refusal(pool({.queue_max = 0})),
            "pool.default.queue_max = 0: must be 1 to 1000000");
  EXPECT_EQ(refusal(pool({.restart = {.intensity = 1'001}})),
            "pool.default.intensity = 1001: must be 0 to 1000");
  EXPECT_EQ(refusal(pool({.cancel_grace = -1ms})),
            "pool.default.cancel_grace_ms = -1: must be 0 to 86400000");
}

TEST(CheckedConfig, RefusesAWaitLongerThanTheLongest) {
  EXPECT_EQ(refusal(pool({.restart = {.backoff = 5ms, .backoff_max = 4ms}})),
            "pool.default.backoff_max_ms = 4: must be at least backoff_ms, "
            "which is 5");
  EXPECT_EQ(refusal(pool({.restart = {.backoff = 5ms, .backoff_max = 5ms}})),
            "accepted");
  EXPECT_EQ(refusal(pool({.restart = {.backoff = -1ms}})),
            "pool.default.backoff_ms = -1: must be 0 to 86400000");
}

TEST(CheckedConfig, RefusesLimitsThatNoWorkerCanLiveWith) {
  EXPECT_EQ(refusal(pool({.limits = {.memory_bytes_max = 1}})),
            "pool.default.memory_bytes_max = 1: must be 0 or at least "
            "67108864");
  EXPECT_EQ(refusal(pool({.limits = {.open_files_max = 31}})),
            "pool.default.open_files_max = 31: must be 0 or at least 32");
  EXPECT_EQ(refusal(pool({.limits = {.importable = {"os.path"}}})),
            "pool.default.importable: module \"os.path\": must be the name of "
            "a top-level module, which allows those below it");
  EXPECT_EQ(refusal(pool({.placement = placement::embedded,
                          .limits = {.no_new_privileges = true}})),
            "pool.default: memory_bytes_max, cpu_seconds_max, open_files_max, "
            "no_new_privileges and importable hold for workers only; leave "
            "them out, or say placement = \"worker\"");
}

TEST(CheckedConfig, RefusesPatternsThatFitNoVariable) {
  for (const std::string wrong : {"", "A=", "*_KEY", "A*B"})
    EXPECT_EQ(refusal(pool({.pass_env = {wrong}})),
              fmt::format("pool.default.pass_env: pattern {:?}: must be the "
                          "name of a variable, or its beginning and '*'",
                          wrong));
  EXPECT_EQ(refusal(pool({.pass_env = {"A", "A*", "*"}})), "accepted");
}

TEST(CheckedConfig, MakesThePathsOfHelpersAbsolute) {
  const auto made = checked({});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->helpers.paths, (std::vector{std::filesystem::current_path()
                                              / "priv/python/helpers"}));
}

TEST(CheckedConfig, RefusesSettingsOfHelpersThatNameNone) {
  EXPECT_EQ(refusal({.helpers = {.paths = {""}}}),
            "helper_paths = \"\": must be a folder or a file");
  EXPECT_EQ(refusal({.helpers = {.paths = std::vector<std::filesystem::path>(
                                   101, "a")}}),
            "helper_paths: must be at most 100");
  EXPECT_EQ(refusal({.helpers = {.allowlist = {"*.process"}}}),
            "helper_allowlist: pattern \"*.process\": must be the name of a "
            "helper, or its beginning and '*'");
  EXPECT_EQ(refusal({.helpers = {.allowlist = {"shop.*", "a.b", "all"}}}),
            "accepted");
}

TEST(CheckedConfig, HasAllProfilesWithTheirTimes) {
  const auto made = checked({.timeout = 7s,
                             .profiles = {{"mine", {.timeout = 1s}}},
                             .streams = {.timeout = 9s}});
  ASSERT_TRUE(made);
  std::vector<std::string> told;
  for (const auto& [name, times] : made->profiles)
    told.push_back(fmt::format("{} {} {}", name, times.timeout->count(),
                               times.stream_timeout->count()));
  EXPECT_EQ(told, (std::vector<std::string>{
                    "batch_job 86400000 86400000", "default 7000 9000",
                    "mine 1000 9000", "ml_inference 600000 1800000",
                    "streaming 120000 1800000"}));
}

TEST(CheckedConfig, RefusesProfilesThereAreNoneOf) {
  const std::string known =
    ": no such profile; there are batch_job, default, ml_inference, streaming";
  EXPECT_EQ(refusal({.default_profile = "slow"}),
            "default_profile = \"slow\"" + known);
  EXPECT_EQ(refusal({.default_profile = ""}), "default_profile = \"\"" + known);
  EXPECT_EQ(refusal({.library_profiles = {{"torch", "slow"}}}),
            "library_profiles.torch = \"slow\"" + known);
  EXPECT_EQ(refusal({.library_profiles = {{"torch.nn", "default"}}}),
            "library_profiles: module \"torch.nn\": must be the name of a "
            "top-level module, which stands for those below it");
  EXPECT_EQ(refusal({.profiles = {{"slow", {}}},
                     .library_profiles = {{"torch", "slow"}},
                     .default_profile = "slow"}),
            "accepted");
}

TEST(CheckedConfig, RefusesProfilesOutOfBounds) {
  EXPECT_EQ(refusal({.profiles = {{"mine", {.timeout = 0ms}}}}),
            "profile.mine.timeout_ms = 0: must be 1 to 86400000");
  EXPECT_EQ(refusal({.profiles = {{"mine", {.stream_timeout = 25h}}}}),
            "profile.mine.stream_timeout_ms = 90000000: must be 1 to 86400000");
  EXPECT_EQ(refusal({.profiles = {{"a b", {}}}}),
            "profile name \"a b\": must be 1 to 64 of A-Z, a-z, 0-9, _ and -");
}

TEST(CheckedConfig, RefusesWhatIsNoFunctionOfAModule) {
  EXPECT_EQ(refusal(pool({.on_start = "load"})),
            "pool.default.on_start = \"load\": must be a function of a module: "
            "\"module.function\"");
  EXPECT_EQ(refusal(pool({.on_start = "zoo.models.load"})), "accepted");
}

TEST(Tunables, AllBelongToAMember) {
  std::size_t members = 0;
  const auto count = [&members](const tunable&, const auto&) { ++members; };
  const config all;
  const pool_config pool;
  each_number(all, count);
  each_number(pool, count);
  EXPECT_EQ(members, std::size(tunables));
}

// What the standard library threw came through.
TEST(CheckedConfig, WhenTheWorkingFolderIsGoneThenAPathInItIsRefused) {
  const auto before = std::filesystem::current_path();
  {
    const scratch_folder folder;
    std::filesystem::current_path(folder.path());
  }
  const auto told = refusal(pool({.path = {"."}}));
  std::filesystem::current_path(before);
  EXPECT_EQ(told, "pool.default.path = \".\": where it is cannot be told (No "
                  "such file or directory); say it from the root on");
}

TEST(CheckedConfig, GivenNoIntensityThenEveryInterpreterMayDieOnce) {
  const auto intensity = [](std::uint32_t size,
                            std::optional<std::uint32_t> wanted = {}) {
    const auto all =
      checked({.pools = {{.size = size, .restart = {.intensity = wanted}}}});
    return all.value().pools.at(0).restart.intensity;
  };
  EXPECT_EQ(intensity(1), 3U);
  EXPECT_EQ(intensity(8), 8U);
  EXPECT_EQ(intensity(8, 2), 2U);
  EXPECT_EQ(intensity(8, 0), 0U);
}

} // namespace snakebridge::testing
