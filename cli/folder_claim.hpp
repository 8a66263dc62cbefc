#pragma once
// A file that only one process at a time has locked: whoever has it may change
// the folder that it lies in.

#include <chrono>
#include <filesystem>

#include <snakebridge/result.hpp>

namespace snakebridge::cli {

/// While it lives, no other has it. It ends with its process, however that
/// ends.
class folder_claim {
public:
  /// Waits for another until then; of a moment that has passed it asks once.
  /// Errors: environment_invalid, deadline_exceeded.
  static result<folder_claim>
  take(const std::filesystem::path& file,
       std::chrono::steady_clock::time_point deadline);
  folder_claim(folder_claim&& other) noexcept;
  folder_claim& operator=(folder_claim&&) = delete;
  ~folder_claim();

private:
  explicit folder_claim(int descriptor) : descriptor_{descriptor} {}
  int descriptor_;
};

} // namespace snakebridge::cli
