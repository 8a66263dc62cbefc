// A module's wrappers tell which functions there are.
#include <iostream>

#include <snakebridge/py/math.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
namespace math = sb::py::math;

int main() {
  sb::bridge bridge{sb::config{.pools = {{.size = 1}}}};

  std::cout << "math has " << math::py__functions__().size()
            << " functions; with sq in their names:\n";
  for (const auto& each : math::py__search__("sq"))
    std::cout << "  " << each.signature << "  " << each.summary << '\n';

  std::cout << "sqrt(2) = " << *math::sqrt(bridge, 2) << '\n'
            << "sin(0) = " << *math::sin(bridge, 0) << '\n'
            << "cos(0) = " << *math::cos(bridge, 0) << '\n'
            << "pi = " << math::pi << '\n';

  const auto failed = math::sqrt(bridge, -1);
  if (failed || !failed.error().is("ValueError"))
    return 1;
  std::cout << failed.error().message() << '\n';
}
