#pragma once
// `snakebridge lock` and `snakebridge verify`: what environments and the
// machine are, recorded and compared.

#include "command.hpp"

namespace snakebridge::cli {

int lock(const request& asked, console& out);
/// 1 where anything is not as it was locked, or (`strict`) may work otherwise.
int verify(const request& asked, console& out);

} // namespace snakebridge::cli
