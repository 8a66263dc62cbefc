// Python's idioms from C++: a generator that never ends, a context manager,
// functions of C++ that Python calls, a coroutine.
#include <iostream>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace sb::literals;

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) {
    // A generator is a range. To leave the loop closes it, in Python too.
    sb::list counted;
    for (sb::result<sb::value> number :
         bridge.stream("itertools", "count", 1)) {
      counted.push_back(or_throw(std::move(number)));
      if (counted.size() == 5)
        break;
    }
    std::cout << sb::value{counted} << '\n'; // [1, 2, 3, 4, 5]

    // A context manager is entered for a function, and left however that ends.
    const sb::object file =
      bridge.import("builtins").attr("open")("/dev/null", "w");
    const auto written = sb::with(file, [](const sb::object& inside) {
      return inside.attr("write")("hello").as<int>();
    });
    std::cout << written << ", closed: " << file.attr("closed")
              << '\n'; // 5, closed: True

    // Any function of C++ is one that Python can call. A `map` object has no
    // value form: it is a ref, and `list` takes its items.
    const auto doubled = or_throw(
      bridge.call("builtins", "map", sb::callback([](int x) { return x * 2; }),
                  sb::list{1, 2, 3}));
    std::cout << or_throw(bridge.call("builtins", "list", doubled))
              << '\n'; // [2, 4, 6]

    // A tool is one that Python code finds by its name, in every session.
    or_throw(bridge.tool("price", sb::callback(
                                    [](const std::string& fruit, int count) {
                                      return (fruit == "fig" ? 3 : 2) * count;
                                    },
                                    "fruit"_a, "count"_a = 1)));
    or_throw(bridge.exec(R"(
import snakebridge

def bill(**fruits):
    return sum(snakebridge.call("price", name, count=count)
               for name, count in fruits.items())
)"));
    std::cout << or_throw(bridge.eval("bill(fig=4, pear=5)")) << '\n'; // 22

    // A coroutine is awaited, and the call answers what it returns.
    const auto slept =
      or_throw(bridge.call("asyncio", "sleep", 0.01, "result"_a = "slept"));
    std::cout << slept << '\n'; // 'slept'
  });
}
