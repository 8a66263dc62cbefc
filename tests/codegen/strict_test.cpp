// What a strict build refuses, each by its own name.
#include <gtest/gtest.h>

#include "codegen/strict.hpp"

namespace {

namespace cg = snakebridge::codegen;
using json = nlohmann::json;
using cg::drift_kind;

json manifest() {
  const json function = {
    {"name", "buy"},
    {"kind", "function"},
    {"tier", "runtime"},
    {"overloads", {{{"parameters", json::array()}, {"returns", "int"}}}}};
  const json again = {
    {"name", "buy"}, {"kind", "reexport"}, {"of", "shop.till.buy"}};
  auto open = function, constructor = function;
  open.update({{"name", "open"}, {"kind", "method"}, {"owner", "shop.Till"}});
  constructor["tier"] = "stub";
  const json till = {{"name", "Till"},
                     {"kind", "class"},
                     {"mro", json::array()},
                     {"constructor", constructor},
                     {"members", {open}}};
  return {{"version", 1},
          {"python", "3.11.2"},
          {"platform", "linux"},
          {"libraries", {{"shop", "1.0"}}},
          {"modules",
           {{{"name", "shop"}, {"doc", ""}, {"symbols", {again, till}}},
            {{"name", "shop.till"}, {"doc", ""}, {"symbols", {function}}}}}};
}

std::vector<cg::drift> drifts(const char* source,
                              const cg::wrapper_settings& settings = {}) {
  const auto all = manifest();
  cg::emitter emits{all};
  for (const auto& each : emits.modules())
    static_cast<void>(emits.header(each));
  std::set<std::string> names;
  cg::add_names(source, names);
  return cg::drifts_of_uses(emits, all, settings,
                            {{"app.cpp", cg::paths_of(source), names}});
}

std::vector<drift_kind> kinds(const std::vector<cg::drift>& all) {
  std::vector<drift_kind> made;
  for (const auto& each : all)
    made.push_back(each.what);
  return made;
}

cg::lock locked() {
  return cg::lock_of(manifest(), "text", "settings", {{"shop.hpp", "header"}});
}

TEST(Strict, LetsWhatIsThere) {
  EXPECT_TRUE(drifts("sb::py::shop::till::buy(b);"
                     "namespace till = sb::py::shop::till;"
                     "till::buy_async(b); till::py__search__(\"b\");"
                     "namespace shop = snakebridge::py::shop;"
                     "py::module_::import(\"x\"); std::max(1, 2);")
                .empty());
  EXPECT_TRUE(cg::drifts_of_lock(locked(), locked()).empty());
}

TEST(Strict, RefusesNamesThatAreNotThere) {
  const auto found =
    drifts("\nnamespace till = sb::py::shop::till;\n till::steal(b);");
  EXPECT_EQ(kinds(found), std::vector{drift_kind::symbol_unknown});
  EXPECT_EQ(found.at(0).where, "app.cpp:3: sb::py::shop::till::steal: "
                               "shop.till has no such name");
  EXPECT_EQ(cg::error_of(found).code(), snakebridge::errc::symbol_unknown);
}

TEST(Strict, RefusesLibrariesThatAreNotThere) {
  const auto found = drifts("sb::py::numpy::mean(b);");
  EXPECT_EQ(kinds(found), std::vector{drift_kind::library_unknown});
  EXPECT_EQ(cg::error_of(found).code(), snakebridge::errc::library_unknown);
}

TEST(Strict, RefusesTiersBelowTheLeast) {
  cg::wrapper_settings settings;
  settings.libraries["shop"].min_tier = "runtime";
  EXPECT_TRUE(drifts("sb::py::shop::till::buy(b);", settings).empty());
  settings.libraries["shop"].min_tier = "stub";
  const auto found = drifts("sb::py::shop::till::buy(b);", settings);
  EXPECT_EQ(kinds(found), std::vector{drift_kind::tier_below});
  EXPECT_NE(cg::error_of(found).message().find("tier_below: app.cpp:1"),
            std::string::npos);
  EXPECT_EQ(cg::error_of(found).code(), snakebridge::errc::environment_invalid);
}

TEST(Strict, RefusesTiersOfWhatIsExportedAgainAndOfMembers) {
  cg::wrapper_settings settings;
  settings.libraries["shop"].min_tier = "stub";
  EXPECT_TRUE(drifts("sb::py::shop::Till{b};", settings).empty());
  const auto member = drifts("sb::py::shop::Till{b}.open();", settings);
  ASSERT_EQ(kinds(member), std::vector{drift_kind::tier_below});
  EXPECT_EQ(member[0].where, "app.cpp:1: sb::py::shop::Till: shop.Till.open is "
                             "of tier runtime, below stub");
  EXPECT_EQ(kinds(drifts("sb::py::shop::buy(b);", settings)),
            std::vector{drift_kind::tier_below});
}

TEST(Strict, RefusesWhatWasLockedOtherwise) {
  EXPECT_EQ(kinds(cg::drifts_of_lock(std::nullopt, locked())),
            std::vector{drift_kind::lock_missing});
  auto now = locked();
  now.generator = "another";
  EXPECT_EQ(kinds(cg::drifts_of_lock(locked(), now)),
            std::vector{drift_kind::generator_other});
  now = locked();
  now.manifest = "another";
  now.settings = "another";
  EXPECT_EQ(
    kinds(cg::drifts_of_lock(locked(), now)),
    (std::vector{drift_kind::manifest_drifted, drift_kind::settings_drifted}));
  now = locked();
  now.stubs["shop"] = "";
  EXPECT_TRUE(cg::drifts_of_lock(locked(), now).empty());
  now.stubs["shop"] = "another";
  const auto found = cg::drifts_of_lock(locked(), now);
  EXPECT_EQ(kinds(found), std::vector{drift_kind::stubs_drifted});
  EXPECT_EQ(found.at(0).where, "the stubs given for shop are not as they were");
  now = locked();
  now.headers["shop.hpp"] = "another";
  EXPECT_EQ(kinds(cg::drifts_of_lock(locked(), now)),
            std::vector{drift_kind::header_drifted});
}

TEST(Lock, IsReadAsItWasWritten) {
  EXPECT_EQ(cg::parse_lock(cg::to_text(locked())), locked());
  EXPECT_EQ(cg::parse_lock("{}"), std::nullopt);
  EXPECT_EQ(cg::parse_lock(R"({"version": 1})"), std::nullopt);
  EXPECT_EQ(cg::lock_beside("a/manifest.json"), "a/snakebridge.lock");
}

TEST(Lock, HasHashesOfTheStandard) {
  const auto made = cg::lock_of(manifest(), "", "abc", {});
  EXPECT_EQ(made.manifest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca4"
                           "95991b7852b855");
  EXPECT_EQ(made.settings, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9"
                           "cb410ff61f20015ad");
}

TEST(UsedPaths, AreNamesBelowPyInFullOrByAnAlias) {
  const auto found =
    cg::paths_of("namespace py = sb::py;\nnamespace la = py::numpy::linalg;\n"
                 "// sb::py::none\nla::norm(\"sb::py::none\");\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].names, (std::vector<std::string>{"numpy", "linalg"}));
  EXPECT_EQ(found[1].names,
            (std::vector<std::string>{"numpy", "linalg", "norm"}));
  EXPECT_EQ(found[1].line, 4U);
}

TEST(Includes, AreThoseInQuotesAndInBrackets) {
  EXPECT_EQ(cg::includes_of("#include <a/a.hpp>\n# include \"b.hpp\"\n"
                            "// #include \"c.hpp\"\nf(\"d.hpp\");\n"
                            "#include <e.hpp\n>"),
            (std::vector<cg::included>{{"a/a.hpp", false}, {"b.hpp", true}}));
}

TEST(UsedPaths, HaveLettersThatAreNoAscii) {
  const auto found = cg::paths_of("sb::py::shop::gr\u00f6\u00dfe();");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].names,
            (std::vector<std::string>{"shop", "gr\u00f6\u00dfe"}));
}

} // namespace
