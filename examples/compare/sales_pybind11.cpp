// What large orders come to, by region: pandas groups a CSV file, C++ gets a
// map of structs.
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

#include <pybind11/embed.h>
#include <pybind11/stl.h>

namespace py = pybind11;
using namespace py::literals;

struct sales {
  int orders;
  int units;
  double revenue;
};

int main(int argc, char** argv) {
  const py::scoped_interpreter python;
  try {
    if (argc != 2)
      throw std::invalid_argument{"usage: sales FILE.csv"};
    py::object table = py::module_::import("pandas").attr("read_csv")(argv[1]);
    // Not table["revenue"] = …: newer pandas looks for its caller's frame then,
    // and an embedding program has none.
    table = table.attr("assign")("revenue"_a = table["qty"] * table["price"]);
    const py::object large = table[table["qty"].attr("gt")(10)];
    const py::object sums = large.attr("groupby")("region").attr("agg")(
      "orders"_a = py::make_tuple("qty", "count"),
      "units"_a = py::make_tuple("qty", "sum"),
      "revenue"_a = py::make_tuple("revenue", "sum"));
    std::map<std::string, sales> by_region;
    for (const py::handle row : sums.attr("itertuples")())
      by_region[row.attr("Index").cast<std::string>()] = {
        .orders = row.attr("orders").cast<int>(),
        .units = row.attr("units").cast<int>(),
        .revenue = row.attr("revenue").cast<double>()};
    for (const auto& [region, sold] : by_region)
      std::cout << region << ": " << sold.orders << " orders of " << sold.units
                << " units, " << sold.revenue << '\n';
  } catch (const std::exception& failed) {
    std::cerr << failed.what() << '\n';
    return 1;
  }
}
