#include "runtime/base/build_mark.hpp"

#include "runtime/base/build_hash.hpp"

namespace snakebridge {

std::string_view build_mark() {
  return SNAKEBRIDGE_BUILD_MARK;
}

} // namespace snakebridge
