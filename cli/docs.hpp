#pragma once
// `snakebridge docs` and `snakebridge docs-manifest`: what is known of a name,
// and which names a library's documentation has.

#include "command.hpp"

namespace snakebridge::cli {

int docs(const request& asked, console& out);
int docs_manifest(const request& asked, console& out);

} // namespace snakebridge::cli
