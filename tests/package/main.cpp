#include <iostream>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;

int main() {
  sb::bridge bridge{sb::config{.pools = {{.size = 1}}}};
  const auto root = bridge.call("math", "sqrt", 16);
  if (!root) {
    std::cerr << root.error() << '\n';
    return 1;
  }
  std::cout << *root << '\n';
}
