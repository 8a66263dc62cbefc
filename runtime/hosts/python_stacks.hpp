#pragma once
// Where the threads of Python are, in this process.

#include <string>

namespace snakebridge {

/// The stacks of all of them, as faulthandler writes them; `current` is the
/// thread that is named as that. Empty where they cannot be told. With the GIL.
std::string stacks_of_all_threads(unsigned long current);

} // namespace snakebridge
