#include <snakebridge/config.hpp>

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "config/settings.hpp"

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {

/// A file named snakebridge.toml, and what was made of it.
class ConfigFile : public ::testing::Test {
protected:
  config parsed(std::string_view text) {
    auto made = parse_config(text, "snakebridge.toml", &origins);
    if (!made) {
      ADD_FAILURE() << made.error().message();
      return {};
    }
    return *std::move(made);
  }

  static std::string refusal(std::string_view text) {
    const auto made = parse_config(text, "snakebridge.toml");
    if (made)
      return "accepted";
    EXPECT_EQ(made.error().code(), errc::config_invalid);
    return made.error().message();
  }

  static std::map<std::string, std::int64_t> numbers(const config& all,
                                                     const pool_config& pool) {
    std::map<std::string, std::int64_t> found;
    const auto add = [&found](const tunable& row, const auto& member) {
      found[row.key] = static_cast<std::int64_t>(number_of(member));
    };
    each_number(all, add);
    each_number(pool, add);
    return found;
  }

  config_origins origins;
};

} // namespace

TEST_F(ConfigFile, DescribesEnvironmentsAndGivesThemToPools) {
  const auto made = parse_config(R"(auto_install = "always"
verify_at_start = true
[environment]
packages = ["numpy>=2"]
editable = ["libs/beta"]
[environment.gpu]
python = "3.12"
packages = ["torch"]
extra_index = ["https://wheels.example/simple"]
torch = "cu128"
[pool.second]
environment = "gpu"
[pool.third]
python = "/usr/bin/python3"
)",
                                 "/project/snakebridge.toml");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->auto_install, auto_install::always);
  EXPECT_TRUE(made->verify_at_start);
  EXPECT_EQ(made->environments,
            (std::vector<environment_config>{
              {.name = "gpu",
               .python = "3.12",
               .packages = {"torch"},
               .extra_index = {"https://wheels.example/simple"},
               .torch = "cu128"},
              {.packages = {"numpy>=2"}, .editable = {"/project/libs/beta"}}}));
  EXPECT_EQ(environment_place(*made, "gpu"),
            "/project/.snakebridge/environments/gpu");
  std::map<std::string, std::filesystem::path> pythons;
  for (const auto& pool : made->pools)
    pythons[pool.name] = pool.python;
  EXPECT_EQ(pythons,
            (std::map<std::string, std::filesystem::path>{
              {"default", "/project/.snakebridge/venv"},
              {"second", "/project/.snakebridge/environments/gpu/venv"},
              {"third", "/usr/bin/python3"}}));
}

TEST_F(ConfigFile, WithoutAnEnvironmentLeavesPoolsAsTheyAre) {
  const auto made = parsed("[environment.gpu]\n[pool.default]\nsize = 1\n");
  ASSERT_EQ(made.environments.size(), 1U);
  ASSERT_EQ(made.pools.size(), 1U);
  EXPECT_EQ(made.pools[0].python, "");
}

TEST_F(ConfigFile, RefusesEnvironmentsThatAreWrong) {
  const std::pair<const char*, const char*> rows[] = {
    {"environment = 3\n", "must be a table"},
    {"[environment]\npython = 3.11\n", "must be text in quotes"},
    {"[environment]\npython = \"2.7\"\n", "must be a version in quotes"},
    {"[environment]\npython = \"3.x\"\n", "must be a version in quotes"},
    {"[environment]\npackages = \"numpy\"\n", "must be names"},
    {"[environment]\npackage = []\n", "no such setting; an environment has"},
    {"[environment.\"a/b\"]\n", "environment name \"a/b\": must be"},
    {"[pool.p]\nenvironment = \"gpu\"\n", "there is no [environment.gpu]"},
    {"[environment.gpu]\n[pool.p]\nenvironment = \"gpu\"\npython = \"/x\"\n",
     "has both `python` and `environment`"},
    {"auto_install = \"dev_test\"\n",
     "must be \"never\" or \"dev\" or \"always\""}};
  for (const auto& [text, why] : rows)
    EXPECT_NE(refusal(text).find(why), std::string::npos)
      << text << refusal(text);
}

TEST_F(ConfigFile, SetsTheNodeAndItsCluster) {
  const auto made = parsed(R"([node]
name = "alpha"
listen = "10.0.0.1:0"
tls_certificate = "alpha.pem"
tls_key = "/etc/alpha.key"
tls_ca = "ca.pem"
peers_allowed = ["beta"]
heartbeat_limit_ms = 500
[cluster]
join = ["10.0.0.2:0"]
directory = "beta"
refused_is_dead = false
spread_calls = true
)");
  EXPECT_EQ(made.node.name, "alpha");
  EXPECT_EQ(made.node.listen, "10.0.0.1:0");
  EXPECT_EQ(made.node.tls_certificate, "alpha.pem");
  EXPECT_EQ(made.node.tls_key, "/etc/alpha.key");
  EXPECT_EQ(made.node.tls_ca, "ca.pem");
  EXPECT_EQ(made.node.peers_allowed, std::vector<std::string>{"beta"});
  EXPECT_EQ(made.node.heartbeat_limit, 500ms);
  EXPECT_EQ(made.cluster.join, std::vector<std::string>{"10.0.0.2:0"});
  EXPECT_EQ(made.cluster.directory, "beta");
  EXPECT_FALSE(made.cluster.refused_is_dead);
  EXPECT_TRUE(made.cluster.spread_calls);
  EXPECT_EQ(origins.at("node.heartbeat_limit_ms"), "snakebridge.toml:8");
  EXPECT_EQ(origins.at("cluster.join"), "snakebridge.toml:10");
}

TEST_F(ConfigFile, WhatIsOfWrappersIsLeftToThem) {
  EXPECT_TRUE(parse_config("strict = true\n[libraries.numpy]\nmodules = 7\n",
                           "snakebridge.toml"));
}

TEST_F(ConfigFile, GivenAFolderThenFilesOfTheNodeAreRelativeToIt) {
  const auto made = parse_config("[node]\ntls_ca = \"ca.pem\"\ntls_key = \"\"",
                                 "/etc/sb/snakebridge.toml");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->node.tls_ca, "/etc/sb/ca.pem");
  EXPECT_TRUE(made->node.tls_key.empty());
}

TEST_F(ConfigFile, RefusesWhatNoNodeHas) {
  EXPECT_EQ(refusal("node = 1"),
            "snakebridge.toml:1: node = 1: must be a table: [node]");
  EXPECT_EQ(refusal("[node]\nspeed = 4"),
            "snakebridge.toml:2: node.speed = 4: no such setting; [node] has "
            "name, listen, tls_certificate, tls_key, tls_ca, peers_allowed, "
            "heartbeat_limit_ms");
  EXPECT_EQ(refusal("[node]\nheartbeat_limit_ms = 99"),
            "snakebridge.toml:2: node.heartbeat_limit_ms = 99: must be 100 to "
            "3600000");
  EXPECT_EQ(refusal("[cluster]\nseed = 4"),
            "snakebridge.toml:2: cluster.seed = 4: no such setting; [cluster] "
            "has join, directory, refused_is_dead, spread_calls");
}

TEST_F(ConfigFile, WhenEmptyThenAllIsDefault) {
  const auto made = parsed("");
  EXPECT_TRUE(made.pools.empty());
  EXPECT_EQ(made.timeout, 120s);
  EXPECT_TRUE(origins.empty());
}

TEST_F(ConfigFile, SetsWhatStandsAtItsTop) {
  const auto made = parsed(R"(
timeout_ms = 1500
payload_bytes_max = 4294967296
worker = "/opt/worker"
error_mode = "translated"
atom_class = true
atoms = ["*"]
marker_detail = "repr_redacted"
marker_repr_bytes_max = 2000
ref_max = 7
ref_on_full = "refuse"
ref_ttl_ms = 8000
strict_mode = true
strict_mode_threshold = 9
helper_paths = ["helpers", "/opt/helpers"]
helper_pack_enabled = false
helper_allowlist = ["shop.*", "my_helpers.process"]
helper_inline_enabled = true
helper_reload = true
default_profile = "nightly"
verbose = true
session_cleanup_log_level = "warning"
)");
  EXPECT_EQ(made.timeout, 1500ms);
  EXPECT_EQ(made.payload_bytes_max, std::size_t{1} << 32U);
  EXPECT_EQ(made.worker, "/opt/worker");
  EXPECT_EQ(made.error_mode, error_mode::translated);
  EXPECT_TRUE(made.conversion.atom_class);
  EXPECT_EQ(made.conversion.atoms, std::vector<std::string>{"*"});
  EXPECT_EQ(made.conversion.detail, unserializable_detail::repr_redacted);
  EXPECT_EQ(made.conversion.repr_bytes_max, 2'000u);
  EXPECT_EQ(made.refs.max, 7u);
  EXPECT_EQ(made.refs.on_full, on_full::refuse);
  EXPECT_EQ(made.refs.ttl, 8s);
  EXPECT_TRUE(made.refs.strict_mode);
  EXPECT_EQ(made.refs.strict_mode_threshold, 9u);
  EXPECT_EQ(made.helpers,
            (helper_rules{.paths = {"helpers", "/opt/helpers"},
                          .pack_enabled = false,
                          .allowlist = {"shop.*", "my_helpers.process"},
                          .inline_enabled = true,
                          .reload = true}));
  EXPECT_EQ(made.default_profile, "nightly");
  EXPECT_TRUE(made.verbose);
  EXPECT_EQ(made.session_cleanup_log_level, log_level::warning);
}

TEST_F(ConfigFile, WhenALevelOfTheLogIsUnknownThenThoseThereAreAreTold) {
  EXPECT_EQ(refusal("session_cleanup_log_level = \"loud\""),
            "snakebridge.toml:1: session_cleanup_log_level = \"loud\": must be "
            "\"off\" or \"debug\" or \"info\" or \"warning\" or \"error\"");
}

TEST_F(ConfigFile, SetsProfilesAndThoseOfLibraries) {
  const auto made = parsed(R"(
[library_profiles]
torch = "ml_inference"
pandas = "nightly"

[profile.nightly]
timeout_ms = 5

[profile.ml_inference]
stream_timeout_ms = 6
)");
  EXPECT_EQ(made.library_profiles,
            (std::map<std::string, std::string>{{"torch", "ml_inference"},
                                                {"pandas", "nightly"}}));
  ASSERT_EQ(made.profiles.size(), 2u);
  EXPECT_EQ(made.profiles.at("nightly").timeout, 5ms);
  EXPECT_EQ(made.profiles.at("nightly").stream_timeout, std::nullopt);
  EXPECT_EQ(made.profiles.at("ml_inference").timeout, std::nullopt);
  EXPECT_EQ(made.profiles.at("ml_inference").stream_timeout, 6ms);
  EXPECT_EQ(origins,
            (config_origins{
              {"library_profiles.torch", "snakebridge.toml:3"},
              {"library_profiles.pandas", "snakebridge.toml:4"},
              {"profile.nightly.timeout_ms", "snakebridge.toml:7"},
              {"profile.ml_inference.stream_timeout_ms", "snakebridge.toml:10"},
            }));
}

TEST_F(ConfigFile, WhenAProfileIsWrongThenItSaysHow) {
  EXPECT_EQ(refusal("profile = \"batch_job\""),
            "snakebridge.toml:1: profile = \"batch_job\": must be tables: "
            "[profile.NAME]");
  EXPECT_EQ(refusal("[profile]\nnightly = 1"),
            "snakebridge.toml:2: profile.nightly = 1: must be a table: "
            "[profile.NAME]");
  EXPECT_EQ(refusal("[profile.\"a b\"]"),
            "snakebridge.toml:1: profile name \"a b\": must be 1 to 64 of A-Z, "
            "a-z, 0-9, _ and -");
  EXPECT_EQ(refusal("[profile.p]\ntimeout = 1"),
            "snakebridge.toml:2: profile.p.timeout = 1: no such setting; a "
            "profile has timeout_ms, stream_timeout_ms");
  EXPECT_EQ(refusal("[profile.p]\ntimeout_ms = 0"),
            "snakebridge.toml:2: profile.p.timeout_ms = 0: must be 1 to "
            "86400000");
  EXPECT_EQ(refusal("[profile.p]\nstream_timeout_ms = \"1s\""),
            "snakebridge.toml:2: profile.p.stream_timeout_ms = \"1s\": must be "
            "an integer, 1 to 86400000");
  EXPECT_EQ(
    refusal("library_profiles = \"torch\""),
    "snakebridge.toml:1: library_profiles = \"torch\": must be a table: "
    "MODULE = \"PROFILE\"");
  EXPECT_EQ(refusal("[library_profiles]\ntorch = 1"),
            "snakebridge.toml:2: library_profiles.torch = 1: must be text in "
            "quotes");
  EXPECT_EQ(
    refusal("[library_profiles]\n\"torch.nn\" = \"batch_job\""),
    "snakebridge.toml:2: library_profiles: module \"torch.nn\": must be "
    "the name of a top-level module, which stands for those below it");
}

TEST_F(ConfigFile, WhenWhatAStartCallsIsNoFunctionThenItSaysSo) {
  for (const auto* wrong :
       {"load", ".load", "models.", "a..b", "a b.load", "models.*"})
    EXPECT_EQ(refusal(fmt::format("[pool.p]\non_start = \"{}\"", wrong)),
              fmt::format("snakebridge.toml:2: pool.p.on_start = \"{}\": must "
                          "be a function of a module: \"module.function\"",
                          wrong));
  EXPECT_EQ(refusal("[pool.p]\non_start = 1"),
            "snakebridge.toml:2: pool.p.on_start = 1: must be text in quotes");
  EXPECT_EQ(refusal("[pool.p]\non_start = \"\""), "accepted");
}

TEST_F(ConfigFile, WhenAConversionIsWrongThenTheChoicesAreTold) {
  EXPECT_EQ(refusal("atom_class = 2"),
            "snakebridge.toml:1: atom_class = 2: must be true or false");
  EXPECT_EQ(refusal("atoms = \"ok\""),
            "snakebridge.toml:1: atoms = \"ok\": must be names: "
            "[\"ok\", \"error\"]");
  EXPECT_EQ(refusal("atoms = [1]"),
            "snakebridge.toml:1: atoms = an array: must be names in quotes");
  EXPECT_EQ(refusal("marker_detail = \"all\""),
            "snakebridge.toml:1: marker_detail = \"all\": must be \"none\" or "
            "\"type\" or \"repr\" or \"repr_redacted\"");
}

TEST_F(ConfigFile, GivenHelpersThenTheirPathsAreRelativeToTheFile) {
  const auto made =
    parse_config("helper_paths = [\"helpers\"]\nhelper_allowlist = \"all\"\n",
                 "/etc/shop/snakebridge.toml");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->helpers, (helper_rules{.paths = {"/etc/shop/helpers"}}));
}

TEST_F(ConfigFile, WhenASettingOfHelpersIsWrongThenItIsTold) {
  EXPECT_EQ(refusal("helper_reload = 2"),
            "snakebridge.toml:1: helper_reload = 2: must be true or false");
  EXPECT_EQ(refusal("helper_paths = [1]"),
            "snakebridge.toml:1: helper_paths = an array: must be names in "
            "quotes");
  EXPECT_EQ(refusal("helper_allowlist = \"shop\""),
            "snakebridge.toml:1: helper_allowlist = \"shop\": must be \"all\" "
            "or names: [\"my_helpers.*\"]");
  EXPECT_TRUE(refusal("helper_path = []")
                .starts_with("snakebridge.toml:1: helper_path = an array: no "
                             "such setting; there are "));
}

TEST_F(ConfigFile, SetsAllOfAPool) {
  const auto made = parsed(R"(
[pool.gpu]
size = 2
placement = "embedded"
python = "/opt/venv"
env = {CUDA_VISIBLE_DEVICES = "0"}
queue_max = 7
intensity = 0
period_ms = 60000
backoff_ms = 100
backoff_max_ms = 2000
start_timeout_ms = 1
cancel_grace_ms = 0
kill_grace_ms = 4
heartbeat_limit_ms = 5
stall_report_ms = 6
stall_kill_ms = 7
stop_timeout_ms = 3
pass_env = ["AWS_*"]
memory_bytes_max = 4
cpu_seconds_max = 5
open_files_max = 6
no_new_privileges = true
importable = ["math", "numpy"]
path = ["py", "/opt/py"]
on_start = "zoo.models.load"
leaves = "plain"
)");
  ASSERT_EQ(made.pools.size(), 1u);
  const auto& pool = made.pools[0];
  EXPECT_EQ(pool.name, "gpu");
  EXPECT_EQ(pool.size, 2u);
  EXPECT_EQ(pool.placement, placement::embedded);
  EXPECT_EQ(pool.python, "/opt/venv");
  EXPECT_EQ(pool.path, (std::vector<std::filesystem::path>{"py", "/opt/py"}));
  EXPECT_EQ(pool.on_start, "zoo.models.load");
  EXPECT_EQ(pool.leaves, leaves::plain);
  EXPECT_EQ(pool.env, (std::map<std::string, std::string>{
                        {"CUDA_VISIBLE_DEVICES", "0"}}));
  EXPECT_EQ(pool.queue_max, 7u);
  EXPECT_EQ(pool.restart.intensity, 0u);
  EXPECT_EQ(pool.restart.period, 60s);
  EXPECT_EQ(pool.restart.backoff, 100ms);
  EXPECT_EQ(pool.restart.backoff_max, 2s);
  EXPECT_EQ(pool.start_timeout, 1ms);
  EXPECT_EQ(pool.cancel_grace, 0ms);
  EXPECT_EQ(pool.kill_grace, 4ms);
  EXPECT_EQ(pool.heartbeat_limit, 5ms);
  EXPECT_EQ(pool.stall_report, 6ms);
  EXPECT_EQ(pool.stall_kill, 7ms);
  EXPECT_EQ(pool.stop_timeout, 3ms);
  EXPECT_EQ(pool.pass_env, std::vector<std::string>{"AWS_*"});
  EXPECT_EQ(pool.limits, (worker_limits{.memory_bytes_max = 4,
                                        .cpu_seconds_max = 5,
                                        .open_files_max = 6,
                                        .no_new_privileges = true,
                                        .importable = {"math", "numpy"}}));
}

TEST_F(ConfigFile, KeepsItsPoolsInTheirOrder) {
  const auto made = parsed("[pool.b]\n[pool.a]\n[pool.c]\n");
  ASSERT_EQ(made.pools.size(), 3u);
  EXPECT_EQ(made.pools[0].name, "b");
  EXPECT_EQ(made.pools[1].name, "a");
  EXPECT_EQ(made.pools[2].name, "c");
}

TEST_F(ConfigFile, TellsTheLineOfEverySetting) {
  parsed("timeout_ms = 5\n"
         "[pool.gpu]\n"
         "size = 1\n"
         "env.A = \"b\"\n");
  EXPECT_EQ(origins, (config_origins{
                       {"timeout_ms", "snakebridge.toml:1"},
                       {"pool.gpu.size", "snakebridge.toml:3"},
                       {"pool.gpu.env.A", "snakebridge.toml:4"},
                     }));
}

TEST_F(ConfigFile, WhenANumberIsOutOfBoundsThenTheyAreTold) {
  EXPECT_EQ(refusal("[pool.gpu]\n\nsize = -1\n"),
            "snakebridge.toml:3: pool.gpu.size = -1: must be 0 to 1024");
  EXPECT_EQ(refusal("timeout_ms = 0"),
            "snakebridge.toml:1: timeout_ms = 0: must be 1 to 86400000");
}

TEST_F(ConfigFile, AcceptsEveryNumberAtItsBoundsAndNoneBeyond) {
  for (const auto& row : tunables) {
    const auto with = [&row](std::int64_t number) {
      return fmt::format("{}{} = {}", row.of_pool ? "[pool.p]\n" : "", row.key,
                         number);
    };
    EXPECT_EQ(refusal(with(row.least)), "accepted");
    EXPECT_EQ(refusal(with(row.most)), "accepted");
    EXPECT_NE(refusal(with(row.least - 1)), "accepted") << row.key;
    EXPECT_NE(refusal(with(row.most + 1)), "accepted") << row.key;
  }
}

TEST_F(ConfigFile, WhenANumberIsNoIntegerThenItSaysSo) {
  EXPECT_EQ(refusal("timeout_ms = \"5s\""),
            "snakebridge.toml:1: timeout_ms = \"5s\": must be an integer, 1 to "
            "86400000");
  EXPECT_EQ(refusal("[pool.p]\nsize = 4.5"),
            "snakebridge.toml:2: pool.p.size = 4.5: must be an integer, 0 to "
            "1024");
  EXPECT_EQ(refusal("[pool.p]\nsize = true"),
            "snakebridge.toml:2: pool.p.size = true: must be an integer, 0 to "
            "1024");
  EXPECT_EQ(refusal("timeout_ms = [1]"),
            "snakebridge.toml:1: timeout_ms = an array: must be an integer, 1 "
            "to 86400000");
}

TEST_F(ConfigFile, WhenANumberIsHugeThenTheLineIsTold) {
  EXPECT_TRUE(refusal("\ntimeout_ms = 99999999999999999999")
                .starts_with("snakebridge.toml:2: "));
}

TEST_F(ConfigFile, WhenAKeyIsUnknownThenTheKnownOnesAreTold) {
  const auto top = refusal("timeout = 5");
  EXPECT_TRUE(top.starts_with("snakebridge.toml:1: timeout = 5: no such "
                              "setting; there are tables [pool.NAME], "))
    << top;
  const auto of_pool = refusal("[pool.p]\nsise = 5");
  EXPECT_TRUE(of_pool.starts_with("snakebridge.toml:2: pool.p.sise = 5: no "
                                  "such setting; a pool has placement, "))
    << of_pool;
  for (const auto& row : tunables)
    EXPECT_NE((row.of_pool ? of_pool : top).find(row.key), std::string::npos)
      << row.key;
  EXPECT_TRUE(refusal("[pols.p]\n")
                .starts_with("snakebridge.toml:1: pols = a table: no such"));
}

TEST_F(ConfigFile, WhenPlacementIsUnknownThenBothAreTold) {
  EXPECT_EQ(refusal("[pool.p]\nplacement = \"thread\""),
            "snakebridge.toml:2: pool.p.placement = \"thread\": must be "
            "\"worker\" or \"embedded\"");
  EXPECT_EQ(refusal("[pool.p]\nplacement = 1"),
            "snakebridge.toml:2: pool.p.placement = 1: must be \"worker\" or "
            "\"embedded\"");
}

TEST_F(ConfigFile, WhenTheErrorModeIsUnknownThenBothAreTold) {
  EXPECT_EQ(refusal("error_mode = \"raise\""),
            "snakebridge.toml:1: error_mode = \"raise\": must be \"raw\" or "
            "\"translated\"");
  EXPECT_EQ(refusal("error_mode = true"),
            "snakebridge.toml:1: error_mode = true: must be \"raw\" or "
            "\"translated\"");
}

TEST_F(ConfigFile, WhenTextIsMissingThenItSaysWhatToWrite) {
  EXPECT_EQ(refusal("worker = 1"),
            "snakebridge.toml:1: worker = 1: must be a path in quotes");
  EXPECT_EQ(refusal("[pool.p]\npython = false"),
            "snakebridge.toml:2: pool.p.python = false: must be a path in "
            "quotes");
  EXPECT_EQ(refusal("[pool.p]\nenv = \"A=b\""),
            "snakebridge.toml:2: pool.p.env = \"A=b\": must be a table: env = "
            "{NAME = \"value\"}");
  EXPECT_EQ(refusal("[pool.p.env]\nA = 1"),
            "snakebridge.toml:2: pool.p.env.A = 1: must be text in quotes");
  EXPECT_EQ(refusal("pool = 1"),
            "snakebridge.toml:1: pool = 1: must be tables: [pool.NAME]");
  EXPECT_EQ(refusal("[pool]\nsize = 1"),
            "snakebridge.toml:2: pool.size = 1: must be a table: [pool.NAME]");
}

TEST_F(ConfigFile, WhenAPoolHasAnOddNameThenItIsShown) {
  EXPECT_EQ(refusal("[pool.\"a b\"]"),
            "snakebridge.toml:1: pool name \"a b\": must be 1 to 64 of A-Z, "
            "a-z, 0-9, _ and -");
}

TEST_F(ConfigFile, WhenAVariableCannotBeGivenThenItsLineIsTold) {
  EXPECT_EQ(refusal("[pool.p.env]\n\"A=B\" = \"c\""),
            "snakebridge.toml:2: pool.p.env: variable \"A=B\": its name must "
            "not be empty nor hold '=' or NUL");
  EXPECT_EQ(refusal("[pool.p.env]\nA = \"b\\u0000c\""),
            "snakebridge.toml:2: pool.p.env: variable \"A\": its value must "
            "not hold NUL");
}

TEST_F(ConfigFile, WhenItIsNoTomlThenTheLineIsTold) {
  EXPECT_TRUE(
    refusal("timeout_ms = 5\n[pool.p\n").starts_with("snakebridge.toml:2: "));
  EXPECT_TRUE(refusal("[pool.p]\nsize = 1\n[pool.p]\n")
                .starts_with("snakebridge.toml:3: "));
}

TEST_F(ConfigFile, WhenSeveralSettingsAreWrongThenTheFirstIsTold) {
  EXPECT_TRUE(refusal("[pool.z]\nsize = -1\nqueue_max = 0\n[pool.a]\nsize = -1")
                .starts_with("snakebridge.toml:2: pool.z.size"));
}

TEST_F(ConfigFile, AsShippedNamesEverySettingWithItsDefault) {
  std::ifstream file{SNAKEBRIDGE_SOURCE_DIR "/config/snakebridge.toml"};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto shipped = parsed(text);
  ASSERT_EQ(shipped.pools.size(), 1u);
  EXPECT_EQ(numbers(shipped, shipped.pools[0]), numbers({}, {}));
  for (const auto& row : tunables)
    EXPECT_TRUE(origins.contains(row.of_pool ? pool_key("default", row.key)
                                             : std::string{row.key}))
      << row.key;
  EXPECT_EQ(shipped.pools[0].placement, pool_config{}.placement);
  EXPECT_EQ(shipped.error_mode, config{}.error_mode);
  EXPECT_EQ(shipped.conversion.atoms, conversion_config{}.atoms);
  EXPECT_EQ(shipped.conversion.detail, conversion_config{}.detail);
  EXPECT_FALSE(shipped.conversion.atom_class);
  EXPECT_EQ(shipped.helpers, helper_rules{});
  EXPECT_TRUE(shipped.pools[0].env.empty());
  EXPECT_EQ(shipped.default_profile, config{}.default_profile);
  EXPECT_TRUE(shipped.library_profiles.empty());
  EXPECT_TRUE(shipped.node.listen.empty());
  EXPECT_TRUE(shipped.node.peers_allowed.empty());
  EXPECT_EQ(shipped.node.heartbeat_limit, config{}.node.heartbeat_limit);
  EXPECT_TRUE(shipped.cluster.join.empty());
  EXPECT_TRUE(shipped.cluster.refused_is_dead);
  EXPECT_FALSE(shipped.cluster.spread_calls);
  EXPECT_FALSE(shipped.verbose);
  EXPECT_EQ(shipped.session_cleanup_log_level,
            config{}.session_cleanup_log_level);
  EXPECT_TRUE(shipped.pools[0].on_start.empty());
  for (const auto& [name, timeout_ms, stream_timeout_ms] : standard_profiles)
    if (timeout_ms > 0) {
      EXPECT_EQ(shipped.profiles.at(name).timeout->count(), timeout_ms);
      EXPECT_EQ(shipped.profiles.at(name).stream_timeout->count(),
                stream_timeout_ms);
    }
  for (const auto* key : {"worker", "error_mode", "default_profile", "verbose",
                          "session_cleanup_log_level", "pool.default.on_start",
                          "pool.default.python", "pool.default.placement"})
    EXPECT_TRUE(origins.contains(key)) << key;
}

} // namespace snakebridge::testing
