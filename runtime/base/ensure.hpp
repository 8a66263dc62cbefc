#pragma once
// What the parts of this program promise each other at their boundaries. A
// promise that is broken is a bug of ours, and ends the process with a line
// that says which, in release builds too: what would come of it is worse. What
// comes from outside (a worker, a file, a caller) is never checked so: it is
// refused by name.

#include <cstdio>
#include <cstdlib>

namespace snakebridge {

/// `what`: that holds, in words. The rest is the place: clang 14 has no
/// std::source_location.
inline void ensure(bool holds, const char* what,
                   const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  if (holds) [[likely]]
    return;
  std::fprintf(stderr, "snakebridge: %s:%d: it does not hold that %s\n", file,
               line, what);
  std::abort();
}

} // namespace snakebridge
