#pragma once
// A folder of the test's own, gone with it.

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace snakebridge::testing {

class scratch_folder {
public:
  scratch_folder() {
    std::string made = std::filesystem::temp_directory_path() / "sb-XXXXXX";
    if (::mkdtemp(made.data()) == nullptr)
      throw std::runtime_error{"no temporary folder " + made};
    path_ = made;
  }
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  std::filesystem::path operator/(const std::string& name) const {
    return path_ / name;
  }

  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

} // namespace snakebridge::testing
