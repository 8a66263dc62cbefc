#pragma once
// Taxes: a header of the project's own, which uses wrappers too.

#include <snakebridge/py/prices.hpp>

inline double taxed(const snakebridge::caller& python, double price) {
  return or_throw(snakebridge::py::prices::with_tax(python, price));
}
