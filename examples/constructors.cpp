// Classes with constructors of no, of two and of optional parameters.
#include <iostream>

#include <snakebridge/py/shop.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
namespace shop = sb::py::shop;

int main() {
  sb::bridge bridge{
    sb::config{.pools = {{.size = 1, .path = {SNAKEBRIDGE_EXAMPLE_FOLDER}}}}};
  std::cout << shop::EmptyClass{bridge}.name() << '\n'
            << shop::Point{bridge, 3, 4}.magnitude() << '\n'
            << shop::Config{bridge, {.readonly = true}}.summary() << '\n'
            << shop::Config{bridge, "/var", true}.summary() << '\n';
}
