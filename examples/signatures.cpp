// Functions with all kinds of parameters, those of wrappers.py and of C. No
// signature is needed to call one: Python checks what it gets.
#include <iostream>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace sb::literals;

int main() {
  sb::bridge bridge{
    sb::config{.pools = {{.size = 1, .path = {SNAKEBRIDGE_EXAMPLE_FOLDER}}}}};
  const sb::object ours = bridge.import("wrappers");

  // Parameters that may be left out.
  std::cout << ours.attr("optional")(1) << '\n'
            << ours.attr("optional")(1, 20, "third"_a = 30) << '\n';

  // One that must be given by its name, and what comes of it where it is not.
  std::cout << ours.attr("keyword_only")(21, "scale"_a = 2) << '\n';
  const auto missing = bridge.call("wrappers", "keyword_only", 21);
  if (missing || !missing.error().is("TypeError"))
    return 1;
  std::cout << missing.error().message() << '\n';

  // Any number of them. Functions of C, as `dict`, often tell no signature.
  std::cout << ours.attr("variadic")(1, 2, "three"_a = 3) << '\n'
            << bridge.import("builtins")
                 .attr("dict")(sb::list{sb::tuple{"one", 1}}, "three"_a = 3)
            << '\n';

  // A name that is a reserved word, there and here.
  std::cout << ours.attr("class")() << '\n';

  std::cout << bridge.import("math").attr("sqrt")(16) << '\n'
            << bridge.import("numpy").attr("sqrt")(sb::list{1, 4, 9}) << '\n';
}
