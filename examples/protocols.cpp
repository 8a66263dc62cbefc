// Python's protocols as C++ has them: what an object prints, its length, its
// items, its operators, and its exceptions.
#include <iostream>
#include <vector>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) -> int {
    const sb::object builtins = bridge.import("builtins");
    const sb::object range = builtins.attr("range")(5);

    // __repr__ and __str__ ask Python. (The original prints "#Python<range(0,
    // 5)>": so it asks Python wherever a ref is printed, in a log too.)
    std::cout << range.repr() << '\n' << range << '\n'; // range(0, 5)
    // A value that is a ref is printed without asking.
    std::cout << range.held().type_name() << '\n'; // range

    // __iter__
    std::vector<int> doubled;
    for (const sb::object& number : range)
      doubled.push_back(number.as<int>() * 2);
    std::cout << sb::value{doubled} << '\n'; // [0, 2, 4, 6, 8]

    // __len__, __contains__, __getitem__, __eq__, __bool__
    std::cout << sb::len(range) << '\n'; // 5
    std::cout << std::boolalpha << range.contains(3) << ' ' << range.contains(7)
              << '\n'; // true false
    std::cout << range[-1] << ' ' << range[sb::slice(1, 3)]
              << '\n'; // 4 range(1, 3)
    std::cout << bool(range == builtins.attr("range")(0, 5)) << '\n'; // true

    // __add__, __mul__, __lt__: of fractions, which C++ has not.
    const sb::object fraction = bridge.import("fractions").attr("Fraction");
    const sb::object half = fraction(1, 2);
    std::cout << half + fraction(1, 3) << ' ' << half * 3 << ' '
              << bool(half < 1) << '\n'; // 5/6 3/2 true

    // An exception of any Python type is one C++ type, which tells the other.
    try {
      static_cast<void>(builtins.attr("int")("not a number"));
    } catch (const sb::python_exception& raised) {
      const auto& python = *raised.error().python();
      std::cout << "Caught " << python.type << ": " << python.message << '\n';
      return raised.error().is("ValueError") ? 0 : 1;
    }
    return 1;
  });
}
