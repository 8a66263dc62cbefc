#include <iostream>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace snakebridge::literals;
using namespace std::chrono_literals;

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) {
    // A call answers a result: its value, or the error that says what to do.
    const sb::result<sb::value> root = bridge.call("math", "sqrt", 16);
    if (root)
      std::cout << *root << '\n'; // 4.0
    else
      std::cerr << root.error() << '\n';

    // or_throw turns an error into an exception, which ends this script.
    const auto path = sb::or_throw(bridge.call("pathlib", "Path", "/tmp"));
    std::cout << sb::or_throw(bridge.method(path, "exists")) << '\n'; // True
    std::cout << sb::or_throw(bridge.method("abc", "upper")) << '\n'; // 'ABC'
    const auto pi = bridge.call("builtins", "round", 3.14159, "ndigits"_a = 2);
    std::cout << sb::or_throw(pi) << '\n'; // 3.14

    const auto late = bridge.with({.timeout = 50ms}).call("time", "sleep", 60);
    if (!late)
      std::cout << late.error().code() << '\n'; // deadline_exceeded
  });
}
