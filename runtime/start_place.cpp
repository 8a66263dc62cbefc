#include "runtime/start_place.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "runtime/python_environment.hpp"

namespace snakebridge {

namespace {

std::vector<std::string> variables_now() {
  std::vector<std::string> lines;
  for (const char* const* each = environ; *each != nullptr; ++each)
    lines.emplace_back(*each);
  return lines;
}

} // namespace

start_place::start_place()
    : environment_{variables_now()},
      folder_{::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)} {}

result<std::filesystem::path>
start_place::python(const std::filesystem::path& wanted) const {
  const std::lock_guard lock{mutex_};
  if (const auto known = pythons_.find(wanted); known != pythons_.end())
    return known->second;
  auto found = python_executable(wanted);
  if (found)
    pythons_.emplace(wanted, *found);
  return found;
}

} // namespace snakebridge
