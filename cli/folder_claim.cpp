#include "folder_claim.hpp"

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace snakebridge::cli {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds looked_again_after{100};

error cannot(std::string_view what, const std::filesystem::path& file,
             int why) {
  return {
    errc::environment_invalid,
    fmt::format("cannot {} {}: {}", what, file.string(), std::strerror(why))};
}

} // namespace

result<folder_claim> folder_claim::take(const std::filesystem::path& file,
                                        clock::time_point deadline) {
  folder_claim made{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
  if (made.descriptor_ < 0)
    return cannot("write", file, errno);
  while (::flock(made.descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return cannot("lock", file, errno);
    if (clock::now() >= deadline)
      return error{errc::deadline_exceeded,
                   fmt::format("another set-up is still at work in {}",
                               file.parent_path().string())};
    std::this_thread::sleep_for(looked_again_after);
  }
  return made;
}

folder_claim::folder_claim(folder_claim&& other) noexcept
    : descriptor_{std::exchange(other.descriptor_, -1)} {}

folder_claim::~folder_claim() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

} // namespace snakebridge::cli
