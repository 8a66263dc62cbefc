// Calls without any generated code: functions, objects and their methods by
// their names, known to the program only when it runs.
#include <iostream>
#include <string>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace sb::literals;

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) -> int {
    const std::string module = "math";
    for (const std::string function : {"sqrt", "isqrt"})
      std::cout << function << "(144) = "
                << sb::or_throw(bridge.call(module, function, 144)) << '\n';

    // What has no value form stays in Python, and is named by a ref.
    const auto path = sb::or_throw(bridge.call("pathlib", "Path", "/tmp"));
    std::cout << "/tmp exists: " << sb::or_throw(bridge.method(path, "exists"))
              << ", its name is " << sb::or_throw(bridge.attr(path, "name"))
              << '\n';

    // An attribute may be set where the object has it.
    const auto space = sb::or_throw(bridge.call("types", "SimpleNamespace"));
    sb::or_throw(bridge.set_attr(space, "answer", 42));
    std::cout << "the answer is " << sb::or_throw(bridge.attr(space, "answer"))
              << '\n';

    std::cout << "rounded: "
              << sb::or_throw(
                   bridge.call("builtins", "round", 3.14159, "ndigits"_a = 2))
              << '\n';

    // What is no object of Python's cannot be changed there, nor can an object
    // that is gone be used.
    const auto no_ref = bridge.set_attr("no ref", "x", 1);
    std::cout << no_ref.error().code() << ": " << no_ref.error().message()
              << '\n';
    sb::or_throw(bridge.release(path));
    const auto gone = bridge.method(path, "exists");
    std::cout << gone.error().code() << '\n';
    return no_ref.error().code() == sb::errc::ref_invalid
               && gone.error().code() == sb::errc::ref_released
             ? 0
             : 1;
  });
}
