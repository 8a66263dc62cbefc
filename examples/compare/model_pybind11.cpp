// A tree learns the irises with scikit-learn, goes into a file as a pickle,
// comes back and tells the kinds of two flowers.
#include <exception>
#include <iostream>
#include <stdexcept>
#include <vector>

#include <pybind11/embed.h>
#include <pybind11/stl.h>

namespace py = pybind11;
using namespace py::literals;

int main(int argc, char** argv) {
  const py::scoped_interpreter python;
  try {
    if (argc != 2)
      throw std::invalid_argument{"usage: model FILE.pickle"};
    const py::object irises =
      py::module_::import("sklearn.datasets").attr("load_iris")();
    const py::object trees = py::module_::import("sklearn.tree");
    const py::object tree =
      trees.attr("DecisionTreeClassifier")("random_state"_a = 0);
    tree.attr("fit")(irises["data"], irises["target"]);

    const py::object pickle = py::module_::import("pickle");
    const py::object file =
      py::module_::import("pathlib").attr("Path")(argv[1]);
    file.attr("write_bytes")(pickle.attr("dumps")(tree));
    const py::object model = pickle.attr("loads")(file.attr("read_bytes")());

    const std::vector<std::vector<double>> flowers = {{5.1, 3.5, 1.4, 0.2},
                                                      {6.3, 3.3, 6.0, 2.5}};
    const auto kinds = model.attr("predict")(flowers).cast<std::vector<int>>();
    for (const int kind : kinds)
      std::cout << kind << '\n';
  } catch (const std::exception& failed) {
    std::cerr << failed.what() << '\n';
    return 1;
  }
}
