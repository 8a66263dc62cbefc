#pragma once
// Which build of PyTorch a machine wants, and where that lies. A plain value,
// on any thread.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <snakebridge/hardware.hpp>
#include <snakebridge/result.hpp>

namespace snakebridge {

/// One build of one package.
struct wheel {
  std::string package;
  std::string version;   ///< "2.9.0"; empty: any
  std::string variant;   ///< "cu128"; empty: the package has but one
  std::string index_url; ///< where it lies; empty: the usual index
  bool operator==(const wheel&) const = default;
};

class wheel_selector {
public:
  /// For that machine, with the variants there are today.
  explicit wheel_selector(hardware on = probe_hardware());
  /// With those of a file instead: {"base_url": "https://…", "variants":
  /// ["cpu", "cu128"], "packages": ["torch"]}; what it leaves out is as today.
  /// Errors: config_invalid.
  static result<wheel_selector> from_file(const std::filesystem::path& file,
                                          hardware on = probe_hardware());

  /// "cu128", "rocm6.4" or "cpu": the newest that this machine's driver runs.
  std::string pytorch_variant() const;
  /// Of a variant; empty: of `pytorch_variant`.
  std::string pytorch_index_url(std::string_view variant = {}) const;
  /// For a shell: "pip install torch==2.9.0 --index-url https://…/cpu".
  std::string pip_install_command(std::string_view package,
                                  std::string_view version = {}) const;
  wheel select_wheel(std::string_view package,
                     std::string_view version = {}) const;
  /// Whether it has a build for each variant: torch, torchvision, …
  bool is_pytorch_package(std::string_view package) const;
  const std::vector<std::string>& pytorch_packages() const { return packages_; }
  const std::vector<std::string>& available_variants() const {
    return variants_;
  }
  /// The newest that needs no newer CUDA, "cu121" of "12.3"; "cpu": there is
  /// none, or that is no version.
  std::string best_cuda_variant(std::string_view cuda_version) const;
  /// "124" of "12.4.1", as variants are named; empty: that is no version.
  static std::string normalize_cuda_version(std::string_view cuda_version);

  const hardware& machine() const { return machine_; }

private:
  std::string best_rocm_variant() const;

  hardware machine_;
  std::string base_url_;
  std::vector<std::string> variants_;
  std::vector<std::string> packages_;
};

} // namespace snakebridge
