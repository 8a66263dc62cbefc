// What Python itself says nothing of, a stub does: typings/stubbed.pyi has the
// types of stubbed.py.
#include <iostream>

#include <snakebridge/py/stubbed.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;

int main() {
  sb::bridge bridge{
    sb::config{.pools = {{.size = 1, .path = {SNAKEBRIDGE_EXAMPLE_FOLDER}}}}};
  const auto sum = or_throw(sb::py::stubbed::stubbed(bridge, 10, 5));
  static_assert(std::is_same_v<decltype(sum), const std::int64_t>);
  std::cout << "stubbed(10, 5) = " << sum << '\n';
  for (const auto& each : sb::py::stubbed::py__functions__())
    std::cout << each.signature << ": " << each.summary << '\n';
}
