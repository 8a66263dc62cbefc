// Tables: pandas and NumPy. What pandas calls by name it looks for in its
// caller's frame.
#include "tests/libraries/libraries_fixture.hpp"

#include <map>
#include <optional>
#include <vector>

namespace snakebridge::testing {

class Frames : public Libraries {
protected:
  static sb::dict sales() {
    return {{"region", sb::list{"north", "south", "north", "east"}},
            {"qty", sb::list{12, 3, 5, 20}},
            {"price", sb::list{1.5, 2.0, 4.0, 0.25}}};
  }

  sb::value frame(const sb::dict& columns = sales()) {
    return *bridge.call("pandas", "DataFrame", columns);
  }

  /// A column's items.
  sb::result<sb::value> items(const sb::value& table, const char* column) {
    return bridge.method(*bridge.item(table, column), "tolist");
  }
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Frames);

TEST_P(Frames, WhenAQueryNamesVariablesThenTheyAreTheSessions) {
  run("regions = ['north', 'east']", {{"limit", 10}});
  const auto table = frame();
  const auto large =
    *bridge.method(table, "query", "qty > @limit and region in @regions");
  EXPECT_EQ(items(large, "qty"), (sb::list{12, 20}));
  const auto some =
    *bridge.method(table, "query", "region == @regions[0] or qty < @limit / 3");
  EXPECT_EQ(items(some, "region"), (sb::list{"north", "south", "north"}));
}

TEST_P(Frames, WhenAQueryNamesWhatIsNotThereThenItsErrorSaysSo) {
  const auto why = error_of(bridge.method(frame(), "query", "qty > @nowhere"));
  EXPECT_TRUE(why.is("pandas.errors.UndefinedVariableError"));
  EXPECT_TRUE(why.is("NameError"));
  EXPECT_EQ(why.python()->message, "local variable 'nowhere' is not defined");
}

TEST_P(Frames, WhenColumnsAreComputedByEvalThenTheSessionsNamesCount) {
  run("tax = 2");
  const auto table =
    *bridge.method(frame(), "eval", "total = qty * price\nnet = total / @tax");
  EXPECT_EQ(items(table, "total"), (sb::list{18.0, 6.0, 20.0, 5.0}));
  EXPECT_EQ(items(table, "net"), (sb::list{9.0, 3.0, 10.0, 2.5}));
}

TEST_P(Frames, WhenPandasEvalNamesSeriesThenTheyAreTheSessions) {
  run("import pandas as pd\n"
      "a = pd.Series([1, 2, 3])\n"
      "b = pd.Series([10, 20, 30])\n"
      "rate = 2\n");
  EXPECT_EQ(
    bridge.method(*bridge.call("pandas", "eval", "a + b * rate"), "tolist"),
    (sb::list{21, 42, 63}));
  EXPECT_EQ(bridge.eval("pd.eval('b - a').tolist()"), (sb::list{9, 18, 27}));
}

TEST_P(Frames, WhenGroupsAreAggregatedThenByFunctionsOfTheSessionToo) {
  run("def spread(values): return values.max() - values.min()");
  const auto groups = *bridge.method(frame(), "groupby", "region");
  const auto qty = *bridge.item(groups, "qty");
  const auto sums = *bridge.method(*bridge.method(qty, "sum"), "to_dict");
  EXPECT_EQ(
    (sums.cast<std::map<std::string, double>>()),
    (std::map<std::string, double>{{"east", 20}, {"north", 17}, {"south", 3}}));
  const auto spreads = *bridge.method(qty, "agg", *bridge.eval("spread"));
  EXPECT_EQ(bridge.method(spreads, "to_dict"),
            (sb::dict{{"east", 0}, {"north", 7}, {"south", 0}}));
  const auto both =
    *bridge.method(groups, "agg", "total"_a = sb::tuple{"qty", "sum"},
                   "mean"_a = sb::tuple{"price", "mean"});
  EXPECT_EQ(bridge.method(both, "to_dict", "index"),
            (sb::dict{{"east", sb::dict{{"total", 20}, {"mean", 0.25}}},
                      {"north", sb::dict{{"total", 17}, {"mean", 2.75}}},
                      {"south", sb::dict{{"total", 3}, {"mean", 2.0}}}}));
}

TEST_P(Frames, WhenAJoinFindsNoPartnerThenItsNumberIsAnEmptyOptional) {
  const auto people =
    frame({{"id", sb::list{1, 2, 3}}, {"name", sb::list{"Ada", "Bob", "Cyd"}}});
  const auto scores =
    frame({{"id", sb::list{2, 3, 4}}, {"score", sb::list{0.5, 1.5, 2.5}}});
  const auto joined =
    *bridge.method(people, "merge", scores, "on"_a = "id", "how"_a = "left");
  EXPECT_EQ(items(joined, "name"), (sb::list{"Ada", "Bob", "Cyd"}));
  EXPECT_EQ(items(joined, "score")->cast<std::vector<std::optional<double>>>(),
            (std::vector<std::optional<double>>{{}, 0.5, 1.5}));
}

TEST_P(Frames, WhenDaysAreResampledThenTheLeapDayIsOneOfThem) {
  const auto days = *bridge.call("pandas", "date_range", "2024-02-27",
                                 "periods"_a = 4, "freq"_a = "D");
  const auto series =
    *bridge.call("pandas", "Series", sb::list{1, 2, 3, 4}, "index"_a = days);
  const auto pairs =
    *bridge.method(*bridge.method(series, "resample", "2D"), "sum");
  EXPECT_EQ(plain().call("builtins", "list", *bridge.method(pairs, "items")),
            (sb::list{sb::tuple{midnight(2024, 2, 27), 3},
                      sb::tuple{midnight(2024, 2, 29), 7}}));
}

TEST_P(Frames, WhenDatesAreMissingThenPlainResultsHaveNoneForThem) {
  const auto dates = *bridge.call("pandas", "to_datetime",
                                  sb::list{"2024-02-29", "2023-02-29", nullptr},
                                  "errors"_a = "coerce");
  EXPECT_EQ(plain().method(dates, "tolist"),
            (sb::list{midnight(2024, 2, 29), nullptr, nullptr}));
  EXPECT_EQ(plain().get("pandas", "NA"), nullptr);
  EXPECT_EQ(plain().get("pandas", "NaT"), nullptr);
}

TEST_P(Frames, WhenClocksGoForwardThenATimestampKnowsItsZone) {
  const auto before = *bridge.call("pandas", "Timestamp", "2024-03-31 01:30",
                                   "tz"_a = "Europe/Berlin");
  const auto after = *bridge.call("operator", "add", before,
                                  *bridge.call("pandas", "Timedelta", "1h"));
  EXPECT_EQ(bridge.method(after, "isoformat"), "2024-03-31T03:30:00+02:00");
  const auto moment = std::chrono::sys_days{std::chrono::year{2024} / 3 / 31}
                      + std::chrono::minutes{90};
  EXPECT_EQ((plain()
               .method(after, "tz_convert", "UTC")
               ->cast<std::chrono::sys_time<std::chrono::microseconds>>()),
            moment);
}

TEST_P(Frames, WhenAllResultsStayInPythonThenRecordsAreTakenOneByOne) {
  const auto kept = bridge.with({.leaves = sb::leaves::all_refs});
  const auto records = *kept.method(frame(), "to_dict", "records");
  ASSERT_TRUE(records.is_ref());
  EXPECT_EQ(bridge.len(records), 4U);
  EXPECT_EQ(bridge.item(records, -1),
            (sb::dict{{"region", "east"}, {"qty", 20}, {"price", 0.25}}));
}

TEST_P(Frames, WhenRowsAreIteratedThenTheirNamedTuplesAreTuples) {
  const auto rows =
    *bridge.method(frame(), "itertuples", "index"_a = false, "name"_a = "Sale");
  EXPECT_EQ(plain().call("builtins", "next", rows),
            (sb::tuple{"north", 12, 1.5}));
}

TEST_P(Frames, WhenArraysAreComputedThenTheirNumbersAreRight) {
  const auto solved =
    *plain().call("numpy", "linalg.solve",
                  sb::list{sb::list{3, 1}, sb::list{1, 2}}, sb::list{9, 8});
  const auto roots = solved.as<std::vector<double>>();
  ASSERT_EQ(roots.size(), 2U);
  EXPECT_NEAR(roots[0], 2.0, 1e-12);
  EXPECT_NEAR(roots[1], 3.0, 1e-12);
  EXPECT_EQ(bridge.call("numpy", "einsum", "ij,ij->",
                        sb::list{sb::list{1, 2}, sb::list{3, 4}},
                        sb::list{sb::list{1, 0}, sb::list{0, 1}}),
            5);
  EXPECT_EQ(plain().call("numpy", "histogram", sb::list{1, 2, 2, 3, 3, 3},
                         "bins"_a = sb::list{1, 2, 3, 4}),
            (sb::tuple{sb::list{1, 2, 3}, sb::list{1, 2, 3, 4}}));
}

TEST_P(Frames, WhenAFunctionOfTheSessionIsVectorizedThenItMapsAnArray) {
  run("import numpy as np\n"
      "@np.vectorize\n"
      "def clip(number): return min(max(number, low), 10)\n",
      {{"low", 0}});
  EXPECT_EQ(plain().call_object(*bridge.eval("clip"), sb::list{-3, 4, 99}),
            (sb::list{0, 4, 10}));
}

} // namespace snakebridge::testing
