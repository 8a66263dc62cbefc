// A function of a library whose results come one after the other: each is here
// as soon as Python has produced it.
#include <iostream>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace sb::literals;

int main() {
  sb::bridge bridge{
    sb::config{.pools = {{.size = 1, .path = {SNAKEBRIDGE_EXAMPLE_FOLDER}}}}};

  std::cout << or_throw(bridge.call("generation", "generate", "hello"))
                 .as<std::string>()
            << "\n";

  for (sb::result<sb::value> chunk :
       bridge.stream("generation", "generate_stream", "hello", "count"_a = 3))
    std::cout << or_throw(std::move(chunk)) << "\n";

  // The same with a function for each; `stop` closes the generator.
  const auto outcome =
    bridge.stream("itertools", "count").as<int>().for_each([](int number) {
      std::cout << number << " ";
      return number < 4 ? sb::flow::next : sb::flow::stop;
    });
  std::cout << (outcome ? "ok" : outcome.error().message()) << "\n";
  return outcome ? 0 : 1;
}
