// [libraries.NAME] of snakebridge.toml, and what it makes of a manifest.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include <stdlib.h>

#include "codegen/settings.hpp"

namespace {

namespace cg = snakebridge::codegen;
namespace fs = std::filesystem;
using json = nlohmann::json;
using snakebridge::errc;

/// A folder of its own for each test.
class Settings : public testing::Test {
protected:
  Settings() {
    auto name = (fs::temp_directory_path() / "settings-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~Settings() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream{folder_ / name} << text;
    return folder_ / name;
  }
  snakebridge::result<cg::wrapper_settings>
  read(const std::string& text) const {
    return cg::read_settings(write("snakebridge.toml", text));
  }
  std::string refusal(const std::string& text) const {
    const auto made = read(text);
    EXPECT_FALSE(made);
    EXPECT_EQ(made.error().code(), errc::config_invalid);
    return made.error().message();
  }

  fs::path folder_;
};

json function(const char* name, const char* returns = "int") {
  return {{"name", name},
          {"kind", "function"},
          {"tier", "stub"},
          {"overloads",
           {{{"parameters",
              {{{"name", "x"}, {"kind", "positional"}, {"type", "int"}}}},
             {"returns", returns}}}}};
}

json manifest() {
  return {{"version", 1},
          {"libraries", {{"shop", "2.4.1"}}},
          {"modules",
           {{{"name", "shop"},
             {"exports", {"sell"}},
             {"symbols", {function("buy"), function("sell")}}},
            {{"name", "shop.till"}, {"symbols", {function("open")}}}}}};
}

std::vector<std::string> names(const json& of) {
  std::vector<std::string> made;
  for (const auto& module : of.at("modules"))
    for (const auto& each : module.at("symbols"))
      made.push_back(module.at("name").get<std::string>() + "."
                     + each.at("name").get<std::string>());
  return made;
}

TEST_F(Settings, AreReadByLibrary) {
  const auto made =
    read("strict = true\n[pool.default]\npython = \"/v\"\n"
         "[libraries.shop]\nmodules = [\"shop.*\"]\n"
         "depth = 1\nstubs = [\"typings\"]\n"
         "min_tier = \"stub\"\ntypes = {\"buy\" = \"float\"}\n");
  ASSERT_TRUE(made) << made.error();
  EXPECT_TRUE(made->is_strict);
  EXPECT_EQ(made->python, "/v");
  const auto& shop = made->libraries.at("shop");
  EXPECT_EQ(shop.modules, std::vector<std::string>{"shop.*"});
  EXPECT_EQ(shop.depth, 1U);
  EXPECT_EQ(shop.stubs, std::vector<fs::path>{folder_ / "typings"});
  EXPECT_EQ(shop.types.at("buy"), "float");
  EXPECT_EQ(made->of("shop.till"), &shop);
  EXPECT_EQ(made->of("shopping"), nullptr);
}

TEST_F(Settings, OfAFileThatIsNotThereAreNone) {
  EXPECT_TRUE(cg::read_settings(folder_ / "none.toml")->libraries.empty());
}

TEST_F(Settings, ThatAreWrongAreToldByTheirLine) {
  EXPECT_NE(refusal("[libraries.shop]\nmodule = 1\n")
              .find("snakebridge.toml:2: libraries.shop.module: no such "
                    "setting; a library has modules"),
            std::string::npos);
  EXPECT_NE(refusal("[libraries]\nshop = 1\n").find("must be tables"),
            std::string::npos);
  EXPECT_NE(
    refusal("[libraries.shop]\npublic = \"some\"\n").find("\"exports\""),
    std::string::npos);
  EXPECT_NE(refusal("[libraries.shop]\nmin_tier = \"best\"\n").find("stub"),
            std::string::npos);
  EXPECT_NE(refusal("[libraries.shop]\ndepth = -1\n").find("0 or more"),
            std::string::npos);
  EXPECT_NE(refusal("strict = 1\n").find("true or false"), std::string::npos);
  EXPECT_NE(refusal("time = 1\n").find("no such setting"), std::string::npos);
}

TEST_F(Settings, SayWhichNamesThereAre) {
  auto all = manifest();
  auto settings = read("[libraries.shop]\nexclude = [\"*\"]\n"
                       "include = [\"till.*\"]\n");
  ASSERT_TRUE(cg::apply(*settings, all));
  EXPECT_EQ(names(all), std::vector<std::string>{"shop.till.open"});

  all = manifest();
  settings = read("[libraries.shop]\npublic = \"exports\"\n");
  ASSERT_TRUE(cg::apply(*settings, all));
  EXPECT_EQ(names(all),
            (std::vector<std::string>{"shop.sell", "shop.till.open"}));

  all = manifest();
  write("shop.json", R"({"objects": [{"name": "shop.buy"}]})");
  settings =
    read("[libraries.shop]\npublic = \"docs\"\ndocs = \"shop.json\"\n");
  ASSERT_TRUE(cg::apply(*settings, all));
  EXPECT_EQ(names(all), std::vector<std::string>{"shop.buy"});
}

TEST_F(Settings, WinOverWhatIsKnownOfTypes) {
  auto all = manifest();
  const auto settings =
    read("[libraries.shop]\nasync = [\"buy\"]\nstreaming = [\"till.open\"]\n"
         "types = {\"buy\" = \"sb::integer\", "
         "\"sell.x\" = \"dict[str, int | None]\"}\n");
  ASSERT_TRUE(settings) << settings.error();
  ASSERT_TRUE(cg::apply(*settings, all));
  const auto& shop = all.at("modules").at(0).at("symbols");
  EXPECT_EQ(shop.at(0).at("async"), true);
  EXPECT_EQ(shop.at(0).at("overloads").at(0).at("returns"), "sb::integer");
  EXPECT_EQ(shop.at(1).at("overloads").at(0).at("parameters").at(0).at("type"),
            json::parse(R"(["dict", "str", ["union", "int", "None"]])"));
  EXPECT_EQ(all.at("modules")
              .at(1)
              .at("symbols")
              .at(0)
              .at("overloads")
              .at(0)
              .at("returns"),
            json::parse(R"(["Iterator", "Any"])"));
}

TEST_F(Settings, OfNamesThatAreNotThereAreRefused) {
  auto all = manifest();
  for (const auto* each :
       {"async = [\"steal\"]", "types = {\"buy.y\" = \"int\"}",
        "streaming = [\"till.shut\"]"}) {
    const auto settings = read("[libraries.shop]\n" + std::string{each});
    const auto done = cg::apply(*settings, all);
    ASSERT_FALSE(done) << each;
    EXPECT_EQ(done.error().code(), errc::symbol_unknown) << each;
  }
  const auto settings = read("[libraries.shop]\ntypes = {\"buy\" = \"[\"}\n");
  EXPECT_EQ(cg::apply(*settings, all).error().code(), errc::config_invalid);
}

TEST_F(Settings, OfAnotherVersionAreRefused) {
  auto all = manifest();
  EXPECT_TRUE(
    cg::apply(*read("[libraries.shop]\nversion = \">=2,<3\"\n"), all));
  EXPECT_EQ(cg::apply(*read("[libraries.shop]\nversion = \"3.*\"\n"), all)
              .error()
              .code(),
            errc::environment_invalid);
}

TEST(Versions, AreComparedByTheirNumbers) {
  EXPECT_TRUE(cg::is_version("2.4.1", ""));
  EXPECT_TRUE(cg::is_version("2.4.1", ">=2.4, <3"));
  EXPECT_TRUE(cg::is_version("2.10", ">2.9"));
  EXPECT_TRUE(cg::is_version("2.4", "2.4.0"));
  EXPECT_TRUE(cg::is_version("2.4.1", "==2.4.*"));
  EXPECT_TRUE(cg::is_version("2.4.1", "~=2.3"));
  EXPECT_FALSE(cg::is_version("3.0", "~=2.3"));
  EXPECT_FALSE(cg::is_version("2.4.1", "!=2.4.*"));
  EXPECT_FALSE(cg::is_version("2.4.1", "<=2.4"));
}

TEST(Patterns, HaveStarsAndQuestionMarks) {
  EXPECT_TRUE(cg::fits("linalg.norm", "linalg.*"));
  EXPECT_TRUE(cg::fits("zeros_like", "*_like"));
  EXPECT_TRUE(cg::fits("abc", "a?c"));
  EXPECT_TRUE(cg::fits("", "*"));
  EXPECT_FALSE(cg::fits("linalg", "linalg.*"));
  EXPECT_FALSE(cg::fits("abcd", "a?c"));
}

} // namespace
