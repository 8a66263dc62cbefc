#pragma once
// What a machine has that builds of Python's packages differ by. Plain
// functions, on any thread.

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace snakebridge {

struct hardware {
  std::string accelerator = "cpu";    ///< "cuda", "rocm" or "cpu"
  std::vector<std::string> gpus = {}; ///< their names: "NVIDIA A100"
  std::string driver = {};            ///< of the accelerator: "550.54.15"
  std::string cuda = {};              ///< the newest it runs: "12.4"
  std::string rocm = {};              ///< "6.4"
  std::string os = {};                ///< "linux"
  std::string arch = {};              ///< "x86_64"
  std::string libc = {};              ///< "glibc 2.36"
  std::vector<std::string> cpu_features = {}; ///< "avx2", sorted

  bool operator==(const hardware&) const = default;
};

/// Where a probe looks; all of it is for tests but `runs_programs`.
struct hardware_probe {
  /// Asks nvidia-smi where files do not tell of a driver: up to `patience`.
  bool runs_programs = true;
  std::filesystem::path root = "/"; ///< of /proc, /dev, /opt
  std::string smi = "nvidia-smi";
  std::chrono::milliseconds patience{10'000};
};

/// What this machine has. What cannot be found out is empty, and what has no
/// driver is no accelerator. A few milliseconds, but for `runs_programs`.
hardware probe_hardware(const hardware_probe& how = {});

/// "12.4" of driver "550.54.15": the newest CUDA that its branch runs. Empty:
/// that is no driver that is known, or older than CUDA 11.
std::string cuda_of_driver(std::string_view driver);

} // namespace snakebridge
