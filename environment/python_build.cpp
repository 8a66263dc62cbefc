#include <snakebridge/environment.hpp>

namespace snakebridge {

std::string_view python_built_for() {
  return SNAKEBRIDGE_PYTHON_VERSION;
}

std::filesystem::path python_built_with() {
  return SNAKEBRIDGE_PYTHON_EXECUTABLE;
}

} // namespace snakebridge
