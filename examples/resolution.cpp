// What a name is (a function, a constant, a class, a module in a module) is
// known when the program is compiled.
#include <cmath>
#include <iostream>

#include <snakebridge/py/math.hpp>
#include <snakebridge/py/numpy.hpp>
#include <snakebridge/py/numpy/linalg.hpp>
#include <snakebridge/py/pathlib.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
namespace py = sb::py;

int main() {
  sb::bridge bridge{sb::config{.pools = {{.size = 1}}}};
  std::cout << "math.pi: " << py::math::pi << '\n';

  const py::pathlib::Path here{bridge, {"/tmp", "x.txt"}};
  std::cout << "pathlib.Path: " << here.name() << '\n';

  std::cout << std::boolalpha << "numpy.nan: " << std::isnan(py::numpy::nan)
            << '\n';
  const auto row = or_throw(py::numpy::array(bridge, sb::list{1, 2, 3}));
  std::cout << "numpy.ndarray.shape: " << row.attr("shape") << '\n'
            << "numpy.linalg.det: "
            << or_throw(py::numpy::linalg::det(
                          bridge, sb::list{sb::list{2, 0}, sb::list{0, 3}}))
                 .cast<double>()
            << '\n';
}
