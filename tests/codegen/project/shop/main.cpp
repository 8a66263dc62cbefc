// Buys something.
#include <iostream>

#include <snakebridge/py/prices.hpp>
#include <snakebridge/snakebridge.hpp>

#include "taxes.hpp"

namespace sb = snakebridge;
namespace prices = sb::py::prices;

int main() {
  sb::bridge bridge{sb::config{.pools = {{.size = 1, .path = {MODULES}}}}};
  const prices::Basket basket{bridge, "Ada", {.limit = 50.0}};
  basket.add(9.5);
  basket.add(0.5, {.count = 2});
  std::cout << basket.total() << ' ' << taxed(bridge, basket.total()) << ' '
            << or_throw(prices::in_words(bridge, 3, prices::Currency::EUR))
            << ' ' << sb::value{or_throw(prices::factorial(bridge, 25))}
            << '\n';
}
