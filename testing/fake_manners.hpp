#pragma once
// How a fake host behaves.

#include <cstddef>

namespace snakebridge::testing {

struct fake_manners {
  bool ready_at_once = true;   ///< else when the test says `ready`
  bool answers_at_once = true; ///< else all functions hold, as `fake.hold`
  bool ends_at_once = true;    ///< when told to; else at `end`
  std::size_t accepted_max = 4;
  bool holds_items = false;    ///< `next` runs until the test finishes it
  bool talks_nonsense = false; ///< answers all but functions with text
};

} // namespace snakebridge::testing
