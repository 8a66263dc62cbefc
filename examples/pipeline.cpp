// Three libraries in a row: shop makes numbers of texts, NumPy solves for them,
// and math verifies it.
#include <iostream>

#include <snakebridge/py/math.hpp>
#include <snakebridge/py/numpy.hpp>
#include <snakebridge/py/numpy/linalg.hpp>
#include <snakebridge/py/shop.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
namespace math = sb::py::math;
namespace np = sb::py::numpy;
namespace shop = sb::py::shop;

int main() {
  sb::bridge bridge{
    sb::config{.pools = {{.size = 1, .path = {SNAKEBRIDGE_EXAMPLE_FOLDER}}}}};

  const auto sum = or_throw(shop::add(bridge, 2, 3));
  std::cout << "1. x + y = " << sum << '\n';
  const auto difference = or_throw(shop::multiply(bridge, 1, -1));
  std::cout << "2. x - y = " << difference << '\n';
  const auto sides =
    or_throw(np::array(bridge, sb::list{sb::list{1, 1}, sb::list{1, -1}}));
  std::cout << "3. sides of shape " << sides.attr("shape") << '\n';
  const auto det = or_throw(np::linalg::det(bridge, sides));
  std::cout << "4. determinant " << det.cast<double>() << '\n';
  const auto solved =
    or_throw(np::linalg::solve(bridge, sides, sb::list{sum, difference}));
  std::cout << "5. x, y = " << solved << '\n';
  const auto x = solved[0].as<double>(), y = solved[1].as<double>();
  std::cout << "6. x + y again: " << x + y << '\n';
  const bool is_so =
    or_throw(math::isclose(bridge, x + y, static_cast<double>(sum)));
  std::cout << "7. verified: " << std::boolalpha << is_so << '\n';
  return is_so ? 0 : 1;
}
