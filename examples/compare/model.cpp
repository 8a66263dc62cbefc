// A tree learns the irises with scikit-learn, goes into a file as a pickle,
// comes back and tells the kinds of two flowers.
#include <iostream>
#include <stdexcept>
#include <vector>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace sb::literals;

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [&](sb::bridge& bridge) {
    if (argc != 2)
      throw std::invalid_argument{"usage: model FILE.pickle"};
    const sb::object irises =
      bridge.import("sklearn.datasets").attr("load_iris")();
    const sb::object trees = bridge.import("sklearn.tree");
    const sb::object tree =
      trees.attr("DecisionTreeClassifier")("random_state"_a = 0);
    tree.attr("fit")(irises["data"], irises["target"]);

    const sb::object pickle = bridge.import("pickle");
    const sb::object file = bridge.import("pathlib").attr("Path")(argv[1]);
    file.attr("write_bytes")(pickle.attr("dumps")(tree));
    const sb::object model = pickle.attr("loads")(file.attr("read_bytes")());

    const std::vector<std::vector<double>> flowers = {{5.1, 3.5, 1.4, 0.2},
                                                      {6.3, 3.3, 6.0, 2.5}};
    const auto kinds = model.attr("predict")(flowers).cast<std::vector<int>>();
    for (const int kind : kinds)
      std::cout << kind << '\n';
  });
}
