#pragma once
// `snakebridge node`: a node of a cluster until it is told to end, what nodes
// there are, and what an operator says of them.

#include "command.hpp"

namespace snakebridge::cli {

/// What follows `node`; throws CLI::ValidationError for what is none.
void check_node(const request& asked);
int node(const request& asked, console& out);

} // namespace snakebridge::cli
