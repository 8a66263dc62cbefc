#pragma once
// What the parts of this program promise each other at their boundaries. A
// promise that is broken is a bug of ours, and ends the process with a line
// that says which, in release builds too: what would come of it is worse. What
// comes from outside (a worker, a file, a caller) is never checked so: it is
// refused by name.

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace snakebridge {

/// `what`: that holds, in words.
inline void
ensure(bool holds, const char* what,
       std::source_location here = std::source_location::current()) {
  if (holds) [[likely]]
    return;
  std::fprintf(stderr, "snakebridge: %s:%u: it does not hold that %s\n",
               here.file_name(), static_cast<unsigned>(here.line()), what);
  std::abort();
}

} // namespace snakebridge
