// Pages of a manifest: docs, coverage, and what wrappers cost.
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "codegen/coverage.hpp"
#include "codegen/pages.hpp"
#include "codegen/plan.hpp"

namespace {

namespace cg = snakebridge::codegen;
using json = nlohmann::json;
using snakebridge::errc;

json manifest() {
  return json::parse(std::ifstream{SNAKEBRIDGE_GOLDEN "/inventory.json"});
}

TEST(Markdown, IsMadeOfReST) {
  EXPECT_EQ(cg::markdown_of("See :func:`~os.path.join` and ``x``, "
                            ":math:`a^2` or `here <http://x>`_."),
            "See `join` and `x`, $a^2$ or [here](http://x).\n");
  EXPECT_EQ(cg::markdown_of("Parameters\n----------\nx : int"),
            "**Parameters**\nx : int\n");
  EXPECT_EQ(cg::markdown_of("Args:\n  x: one"), "**Args**\n  x: one\n");
  EXPECT_EQ(cg::markdown_of(".. note:: so it is"), "**Note:** so it is\n");
  EXPECT_EQ(cg::markdown_of(">>> f(1)\n2\n\nafter"),
            "```python\n>>> f(1)\n2\n```\n\nafter\n");
  EXPECT_EQ(cg::markdown_of("a `b"), "a `b\n");
}

TEST(Docs, TellOfAName) {
  const auto all = manifest();
  const auto total = cg::page_of(all, "inventory.total");
  ASSERT_TRUE(total) << total.error();
  EXPECT_NE(total->find("# inventory.total"), std::string::npos);
  EXPECT_NE(total->find("<snakebridge/py/inventory.hpp>"), std::string::npos);
  EXPECT_NE(total->find("total(store, *, tax=0.0, currency='EUR', **more)"),
            std::string::npos);
  EXPECT_NE(total->find("The price of all."), std::string::npos);
  EXPECT_NE(cg::page_of(all, "inventory.Store.add")->find("add(*items"),
            std::string::npos);
  EXPECT_NE(cg::page_of(all, "inventory.Store")->find("- `find` (method)"),
            std::string::npos);
  EXPECT_NE(cg::page_of(all, "inventory")->find("- `Store` (class)"),
            std::string::npos);
}

TEST(Docs, RefuseNamesThatAreNotThere) {
  const auto all = manifest();
  EXPECT_EQ(cg::page_of(all, "numpy.mean").error().code(),
            errc::library_unknown);
  EXPECT_EQ(cg::page_of(all, "inventory.steal").error().code(),
            errc::symbol_unknown);
  EXPECT_EQ(cg::page_of(all, "inventory.Store.steal").error().code(),
            errc::symbol_unknown);
}

TEST(Search, FindsNamesFirst) {
  const auto found = cg::search(manifest(), "STORE");
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].name, "inventory.Store");
  EXPECT_EQ(found[0].summary, "A set of items.");
  EXPECT_EQ(cg::search(manifest(), "where a thing").at(0).name,
            "inventory.Place");
  EXPECT_TRUE(cg::search(manifest(), "no such words").empty());
}

TEST(Coverage, CountsWhatIsKnown) {
  const json all = {
    {"modules",
     {{{"name", "shop"},
       {"symbols",
        {{{"name", "a"},
          {"kind", "function"},
          {"tier", "stub"},
          {"doc", "It is."},
          {"overloads",
           {{{"parameters",
              {{{"name", "x"}, {"kind", "positional"}, {"type", "int"}},
               {{"name", "y"}, {"kind", "positional"}, {"type", nullptr}},
               {{"name", "z"}, {"kind", "more"}, {"type", "Any"}}}},
             {"returns", "Any"}}}}},
         {{"name", "b"},
          {"kind", "function"},
          {"tier", "variadic"},
          {"overloads",
           {{{"parameters", json::array()}, {"returns", nullptr}}}}}}}}}},
    {"notes",
     {{{"symbol", "shop.c"}, {"what", "hole"}, {"reason", "it is none"}}}}};
  const auto counted = cg::coverage_of(all);
  const auto& row = counted.at("modules").at(0);
  EXPECT_EQ(row.at("callables"), 2);
  EXPECT_EQ(row.at("named"), 50.0);
  EXPECT_EQ(row.at("typed_parameters"), 50.0);
  EXPECT_EQ(row.at("typed_returns"), 50.0);
  EXPECT_EQ(row.at("concrete"), 25.0);
  EXPECT_EQ(row.at("documented"), 50.0);
  EXPECT_EQ(row.at("tiers").at("variadic"), 1);
  EXPECT_EQ(counted.at("holes").at(0).at("symbol"), "shop.c");
  const auto page = cg::coverage_page(counted);
  EXPECT_NE(page.find("| shop | 2 | 50 | 50 | 50 | 25 | 50 | 1 |"),
            std::string::npos)
    << page;
  EXPECT_NE(page.find("- `shop.c`: it is none"), std::string::npos);
}

TEST(Plan, SaysWhatHeadersCost) {
  const auto rows = cg::plan_of(manifest());
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].module, "inventory");
  EXPECT_GT(rows[0].declarations, 50U);
  EXPECT_GT(rows[0].bytes, 10'000U);
  EXPECT_EQ(rows[1].symbols, rows[0].symbols);
  EXPECT_NE(cg::plan_table(rows).find("inventory"), std::string::npos);
  EXPECT_EQ(cg::plan_warning(rows), "");
  auto many = rows;
  many.back().seconds = 2 * cg::plan_seconds_max;
  EXPECT_NE(cg::plan_warning(many).find("2.0 s"), std::string::npos);
}

} // namespace
