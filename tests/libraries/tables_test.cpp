// Tables in columns, in files and by SQL: polars, pyarrow and DuckDB. The SQL
// of polars and DuckDB finds tables by their names in its caller's frame.
#include "tests/libraries/libraries_fixture.hpp"

#include "tests/support/scratch_folder.hpp"

namespace snakebridge::testing {

class Tables : public Libraries {
protected:
  void SetUp() override {
    run("columns = {'region': ['north', 'south', 'north', 'east'],\n"
        "           'qty': [12, 3, 5, 20],\n"
        "           'price': [1.5, 2.0, 4.0, 0.25]}\n");
  }

  /// The rows that DuckDB answers, asked by the session's caller.
  sb::result<sb::value> rows(const char* query) {
    return bridge.method(*bridge.call("duckdb", "sql", query), "fetchall");
  }

  const sb::list sums_{sb::tuple{"east", 20}, sb::tuple{"north", 17},
                       sb::tuple{"south", 3}};
};
SNAKEBRIDGE_IN_BOTH_PLACEMENTS(Tables);

TEST_P(Tables, WhenDuckDBReadsAPandasFrameThenItIsFoundByItsName) {
  run("import pandas as pd\n"
      "frame = pd.DataFrame(columns)\n");
  EXPECT_EQ(rows("SELECT region, sum(qty)::INT FROM frame "
                 "GROUP BY region ORDER BY region"),
            sums_);
  EXPECT_EQ(rows("SELECT max(price) FROM frame WHERE qty < 10"),
            (sb::list{sb::tuple{4.0}}));
}

TEST_P(Tables, WhenDuckDBJoinsFramesOfTwoLibrariesThenItFindsBoth) {
  run("import pandas as pd, polars as pl, pyarrow as pa\n"
      "frame = pd.DataFrame(columns)\n"
      "sales = pl.DataFrame(columns)\n"
      "cities = pa.table({'city': ['Ulm', 'Bonn', None], 'people': [126, 330, "
      "7]})\n");
  EXPECT_EQ(rows("SELECT f.region, s.price FROM frame f JOIN sales s "
                 "USING (region, qty) WHERE f.qty > 4 ORDER BY f.qty"),
            (sb::list{sb::tuple{"north", 4.0}, sb::tuple{"north", 1.5},
                      sb::tuple{"east", 0.25}}));
  EXPECT_EQ(rows("SELECT sum(people)::INT FROM cities WHERE city IS NOT NULL"),
            (sb::list{sb::tuple{456}}));
}

TEST_P(Tables, WhenDuckDBKnowsNoSuchTableThenItsErrorSaysSo) {
  const auto why = error_of(bridge.call("duckdb", "sql", "FROM nowhere"));
  EXPECT_TRUE(why.is("_duckdb.CatalogException"));
  EXPECT_THAT(why.python()->message,
              ::testing::HasSubstr("Table with name nowhere does not exist"));
}

TEST_P(Tables, WhenDuckDBAnswersARowThenEachTypeIsAValue) {
  const auto connection = *bridge.call("duckdb", "connect", ":memory:");
  const auto asked = *bridge.method(
    connection, "execute",
    "SELECT DATE '2024-02-29', 1.25::DECIMAL(4, 2), [1, 2], {'a': ?}, NULL, "
    "uuid '12345678-1234-5678-1234-567812345678', "
    "TIMESTAMP '2024-02-29 12:30:00', 170141183460469231731687303715884105727, "
    "'\\x00\\xff'::BLOB",
    sb::list{true});
  EXPECT_EQ(bridge.method(asked, "fetchone"),
            (sb::tuple{sb::date{2024, 2, 29}, sb::decimal{"1.25"},
                       sb::list{1, 2}, sb::dict{{"a", true}}, nullptr,
                       sb::uuid::parse("12345678-1234-5678-1234-567812345678"),
                       sb::datetime{.date = {2024, 2, 29},
                                    .time = {.hour = 12, .minute = 30}},
                       sb::integer{"170141183460469231731687303715884105727"},
                       sb::bytes{std::string_view{"\x00\xff", 2}}}));
  ASSERT_TRUE(bridge.method(connection, "close"));
}

TEST_P(Tables, WhenDuckDBCallsAFunctionOfTheSessionThenItsTypesAreRead) {
  run("def twice(number: int) -> int: return number * factor", {{"factor", 2}});
  const auto connection = *bridge.call("duckdb", "connect", ":memory:");
  ASSERT_TRUE(bridge.method(connection, "create_function", "twice",
                            *bridge.eval("twice")));
  EXPECT_EQ(bridge.method(*bridge.method(connection, "execute",
                                         "SELECT twice(n) FROM "
                                         "(VALUES (3), (4)) t(n)"),
                          "fetchall"),
            (sb::list{sb::tuple{6}, sb::tuple{8}}));
  ASSERT_TRUE(bridge.method(connection, "close"));
}

TEST_P(Tables, WhenPolarsIsAskedInSQLThenItFindsTheSessionsFrames) {
  run("import polars as pl\n"
      "sales = pl.DataFrame(columns)\n");
  const auto summed = *bridge.call("polars", "sql",
                                   "SELECT region, SUM(qty) AS qty FROM sales "
                                   "GROUP BY region ORDER BY region",
                                   "eager"_a = true);
  EXPECT_EQ(bridge.method(summed, "rows"), sums_);
}

TEST_P(Tables, WhenPolarsIsLazyThenItsPlanRunsAtCollect) {
  run("import polars as pl\n"
      "lazy = (pl.LazyFrame(columns)\n"
      "        .with_columns(total=pl.col('qty') * pl.col('price'))\n"
      "        .filter(pl.col('total') > 6)\n"
      "        .sort('total'))\n");
  const auto done = *bridge.method(*bridge.eval("lazy"), "collect");
  EXPECT_EQ(bridge.method(done, "rows"),
            (sb::list{sb::tuple{"north", 12, 1.5, 18.0},
                      sb::tuple{"north", 5, 4.0, 20.0}}));
}

// Polars reads the function's bytecode and its globals, to warn of what it
// could do faster.
TEST_P(Tables, WhenPolarsMapsAFunctionOfTheSessionThenItIsCalledForEach) {
  run("mark = '!'\n"
      "def shout(text): return text.upper() + mark\n");
  const auto series =
    *bridge.call("polars", "Series", "region", sb::list{"north", "east"});
  const auto mapped =
    *bridge.method(series, "map_elements", *bridge.eval("shout"),
                   "return_dtype"_a = *bridge.get("polars", "String"));
  EXPECT_EQ(bridge.method(mapped, "to_list"), (sb::list{"NORTH!", "EAST!"}));
}

TEST_P(Tables, WhenATableIsWrittenAsParquetThenPandasReadsItBack) {
  const scratch_folder folder;
  const auto file = (folder / "cities.parquet").string();
  const auto table =
    *bridge.call("pyarrow", "table",
                 sb::dict{{"city", sb::list{"Ulm", "Bonn", nullptr}},
                          {"people", sb::list{126, 330, 7}}});
  ASSERT_TRUE(bridge.call("pyarrow", "parquet.write_table", table, file));
  const auto back = *bridge.call("pandas", "read_parquet", file);
  EXPECT_EQ(bridge.method(*bridge.item(back, "people"), "tolist"),
            (sb::list{126, 330, 7}));
  const auto column = *bridge.call("pyarrow.parquet", "read_table", file,
                                   "columns"_a = sb::list{"city"});
  EXPECT_EQ(bridge.method(column, "to_pylist"),
            (sb::list{sb::dict{{"city", "Ulm"}}, sb::dict{{"city", "Bonn"}},
                      sb::dict{{"city", nullptr}}}));
}

TEST_P(Tables, WhenArrowComputesThenItsScalarsHaveValues) {
  const auto people =
    *bridge.call("pyarrow", "array", sb::list{126, 330, nullptr});
  EXPECT_EQ(bridge.attr(people, "null_count"), 1);
  const auto sum = *bridge.call("pyarrow", "compute.sum", people);
  EXPECT_EQ(bridge.method(sum, "as_py"), 456);
  EXPECT_EQ(bridge.str(*bridge.attr(people, "type")), "int64");
}

} // namespace snakebridge::testing
