#include "wheels.hpp"

namespace snakebridge::cli {

result<wheel_selector> wheels_of(const config& settings, hardware machine) {
  const auto file =
    settings.environment_folder.parent_path() / "wheel_variants.json";
  std::error_code unknown;
  return std::filesystem::exists(file, unknown)
           ? wheel_selector::from_file(file, std::move(machine))
           : wheel_selector{std::move(machine)};
}

} // namespace snakebridge::cli
