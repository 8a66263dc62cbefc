#include <snakebridge/hardware.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <set>
#include <sstream>

#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <fmt/format.h>

#include "environment/files.hpp"
#include "runtime/base/asked_program.hpp"

namespace snakebridge {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t answer_bytes_max = std::size_t{64} << 10U;

// Those that builds of packages ask for.
constexpr std::array known_features{
  "amx_bf16", "amx_int8", "amx_tile",    "asimd",    "asimddp",
  "avx",      "avx2",     "avx512bw",    "avx512cd", "avx512dq",
  "avx512f",  "avx512vl", "avx512_bf16", "bf16",     "bmi2",
  "f16c",     "fma",      "sse4_2",      "sve",      "sve2"};

struct branch {
  int driver; ///< from that on
  std::string_view cuda;
};
// NVIDIA's release notes of CUDA: the first branch of drivers for each.
constexpr std::array branches{
  branch{450, "11.0"}, branch{455, "11.1"}, branch{460, "11.2"},
  branch{465, "11.3"}, branch{470, "11.4"}, branch{495, "11.5"},
  branch{510, "11.6"}, branch{515, "11.7"}, branch{520, "11.8"},
  branch{525, "12.0"}, branch{530, "12.1"}, branch{535, "12.2"},
  branch{545, "12.3"}, branch{550, "12.4"}, branch{555, "12.5"},
  branch{560, "12.6"}, branch{565, "12.7"}, branch{570, "12.8"},
  branch{575, "12.9"}, branch{580, "13.0"}, branch{590, "13.1"},
  branch{595, "13.2"}};

bool is_version(std::string_view word) {
  return !word.empty() && std::isdigit(static_cast<unsigned char>(word[0])) != 0
         && word.find('.') != std::string_view::npos
         && word.find_first_not_of("0123456789.") == std::string_view::npos;
}

// The first word that is one: "550.54.15".
std::string version_in(const std::string& text) {
  std::istringstream words{text};
  for (std::string word; words >> word;)
    if (is_version(word))
      return word;
  return {};
}

// "NVIDIA A100" of "Model: \t\t NVIDIA A100"; empty: there is no such line.
std::string value_of(const std::string& text, std::string_view name) {
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    if (!line.starts_with(name) || colon == std::string::npos)
      continue;
    const auto from = line.find_first_not_of(" \t", colon + 1);
    return from == std::string::npos ? "" : line.substr(from);
  }
  return {};
}

std::vector<std::string> features_of(const std::string& cpuinfo) {
  auto line = value_of(cpuinfo, "flags");
  if (line.empty())
    line = value_of(cpuinfo, "Features");
  std::istringstream words{line};
  std::set<std::string> found;
  for (std::string word; words >> word;)
    if (std::find(known_features.begin(), known_features.end(), word)
        != known_features.end())
      found.insert(word);
  return {found.begin(), found.end()};
}

std::vector<std::string> gpus_below(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code unknown;
  for (fs::directory_iterator each{folder, unknown}, end;
       !unknown && each != end; each.increment(unknown))
    if (auto name = value_of(file_text(each->path() / "information"), "Model");
        !name.empty())
      names.push_back(std::move(name));
  std::sort(names.begin(), names.end());
  return names;
}

// The files of a driver are there in a container without devices too, and where
// there are devices those below /dev may be made as late as they are used.
bool has_nvidia_device(const fs::path& root) {
  std::error_code unknown;
  if (fs::directory_iterator{root / "proc/driver/nvidia/gpus", unknown}
      != fs::directory_iterator{})
    return true;
  constexpr std::string_view word = "nvidia";
  for (fs::directory_iterator each{root / "dev", unknown}, end;
       !unknown && each != end; each.increment(unknown))
    if (const auto name = each->path().filename().string();
        name.size() > word.size() && name.starts_with(word)
        && name.find_first_not_of("0123456789", word.size())
             == std::string::npos)
      return true;
  return false;
}

// "NAME, DRIVER" in each line.
void ask_smi(const hardware_probe& how, hardware& found) {
  const auto until = steady_clock::now() + how.patience;
  auto smi = asked_program::start(
    {how.smi, "--query-gpu=name,driver_version", "--format=csv,noheader"});
  const auto told = smi ? smi->read(answer_bytes_max, until) : std::nullopt;
  if (!told || !smi->ends_well(until))
    return;
  std::istringstream lines{*told};
  for (std::string line; std::getline(lines, line);) {
    const auto comma = line.rfind(", ");
    if (comma == std::string::npos || !is_version(line.substr(comma + 2)))
      continue;
    found.gpus.push_back(line.substr(0, comma));
    found.driver = line.substr(comma + 2);
  }
  std::sort(found.gpus.begin(), found.gpus.end());
}

void look_for_cuda(const hardware_probe& how, hardware& found) {
  if (has_nvidia_device(how.root))
    found.driver =
      version_in(file_text(how.root / "proc/driver/nvidia/version"));
  if (!found.driver.empty())
    found.gpus = gpus_below(how.root / "proc/driver/nvidia/gpus");
  else if (how.runs_programs)
    ask_smi(how, found);
  if (found.driver.empty())
    return;
  found.accelerator = "cuda";
  found.cuda = cuda_of_driver(found.driver);
}

void look_for_rocm(const hardware_probe& how, hardware& found) {
  std::error_code unknown;
  if (!fs::exists(how.root / "dev/kfd", unknown))
    return;
  const auto told = file_text(how.root / "opt/rocm/.info/version");
  const auto version = told.substr(0, told.find_first_not_of("0123456789."));
  if (!is_version(version))
    return;
  found.accelerator = "rocm";
  found.rocm = version;
  found.driver = version_in(file_text(how.root / "sys/module/amdgpu/version"));
}

} // namespace

std::string cuda_of_driver(std::string_view driver) {
  int number = 0;
  const auto [end, wrong] =
    std::from_chars(driver.data(), driver.data() + driver.size(), number);
  std::string_view cuda;
  if (wrong == std::errc{} && is_version(driver))
    for (const auto& each : branches)
      if (number >= each.driver)
        cuda = each.cuda;
  return std::string{cuda};
}

hardware probe_hardware(const hardware_probe& how) {
  hardware found;
  utsname names{};
  if (::uname(&names) == 0)
    found.arch = names.machine;
  found.os = "linux";
  found.libc = fmt::format("glibc {}", ::gnu_get_libc_version());
  found.cpu_features = features_of(file_text(how.root / "proc/cpuinfo"));
  look_for_cuda(how, found);
  if (found.accelerator == "cpu")
    look_for_rocm(how, found);
  return found;
}

} // namespace snakebridge
