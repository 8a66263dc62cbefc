#pragma once
// What the tests of conversions share.

#include <string>

#include <gtest/gtest.h>

#include <snakebridge/value.hpp>

namespace snakebridge::testing {

/// Why a value is no T; "converted" when it is one.
template <class T>
std::string refusal(const value& from) {
  const auto outcome = from.to<T>();
  if (outcome)
    return "converted";
  EXPECT_EQ(outcome.error().code(), errc::not_convertible);
  return outcome.error().message();
}

/// The item becomes that value, and comes back from it.
template <class T>
void expect_round_trip(const T& item, const value& form) {
  EXPECT_EQ(value{item}, form);
  EXPECT_EQ(repr(value{item}), repr(form));
  EXPECT_EQ(value{item}.template as<T>(), item);
  EXPECT_EQ(form.template as<T>(), item);
}

} // namespace snakebridge::testing
