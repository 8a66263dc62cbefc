#include "runtime/hosts/start_place.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace snakebridge {

namespace {

std::vector<std::string> variables_now() {
  std::vector<std::string> lines;
  if (environ == nullptr) // after clearenv()
    return lines;
  for (const char* const* each = environ; *each != nullptr; ++each)
    lines.emplace_back(*each);
  return lines;
}

} // namespace

start_place::start_place()
    : environment_{variables_now()},
      folder_{::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)} {}

bool start_place::may_be_entered() const {
  return folder_ && ::faccessat(folder_.get(), ".", X_OK, AT_EACCESS) == 0;
}

result<chosen_python>
start_place::python(const std::filesystem::path& wanted) const {
  const std::lock_guard lock{mutex_};
  if (const auto known = pythons_.find(wanted); known != pythons_.end())
    return known->second;
  auto found = choose_python(wanted);
  if (found)
    pythons_.emplace(wanted, *found);
  return found;
}

} // namespace snakebridge
