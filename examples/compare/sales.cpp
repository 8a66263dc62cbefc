// What large orders come to, by region: pandas groups a CSV file, C++ gets a
// map of structs.
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace sb::literals;

struct sales {
  int orders;
  int units;
  double revenue;
};
SNAKEBRIDGE_FIELDS(sales, orders, units, revenue);

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [&](sb::bridge& bridge) {
    if (argc != 2)
      throw std::invalid_argument{"usage: sales FILE.csv"};
    sb::object table = bridge.import("pandas").attr("read_csv")(argv[1]);
    table["revenue"] = table["qty"] * table["price"];
    const sb::object large = table[table["qty"] > 10];
    const sb::object sums = large.attr("groupby")("region").attr("agg")(
      "orders"_a = sb::tuple{"qty", "count"},
      "units"_a = sb::tuple{"qty", "sum"},
      "revenue"_a = sb::tuple{"revenue", "sum"});
    const auto by_region =
      sums.attr("to_dict")("index").as<std::map<std::string, sales>>();
    for (const auto& [region, sold] : by_region)
      std::cout << region << ": " << sold.orders << " orders of " << sold.units
                << " units, " << sold.revenue << '\n';
  });
}
