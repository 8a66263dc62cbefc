#include <iostream>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace snakebridge::literals;
using namespace std::chrono_literals;

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) {
    std::cout << *bridge.call("math", "sqrt", 16) << '\n'; // 4.0
    auto path = sb::or_throw(bridge.call("pathlib", "Path", "/tmp"));
    std::cout << *bridge.method(path, "exists") << '\n'; // True
    std::cout << *bridge.call("builtins", "round", 3.14159, "ndigits"_a = 2)
              << '\n'; // 3.14
    auto late = bridge.with({.timeout = 50ms}).call("time", "sleep", 60);
    std::cout << late.error().code() << '\n'; // deadline_exceeded
  });
}
