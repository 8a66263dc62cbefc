#pragma once
// What ThreadSanitizer does not let a test see.

#include <gtest/gtest.h>

namespace snakebridge::testing {

#ifdef __SANITIZE_THREAD__
inline constexpr bool under_tsan = true;
#else
inline constexpr bool under_tsan = false;
#endif

} // namespace snakebridge::testing

#define SKIP_WHERE_CHILDREN_HAVE_NO_THREADS()                                  \
  if (::snakebridge::testing::under_tsan)                                      \
  GTEST_SKIP() << "ThreadSanitizer lets a child that was forked make no "      \
                  "threads"

/// It keeps a signal back until the thread calls a function it knows: code of a
/// worker that only computes, in Python or in C, is neither interrupted nor
/// sampled.
#define SKIP_WHERE_SIGNALS_WAIT()                                              \
  if (::snakebridge::testing::under_tsan)                                      \
  GTEST_SKIP() << "ThreadSanitizer keeps signals back"
