#include "runtime/hosts/worker_environment.hpp"

#include <algorithm>
#include <string_view>

namespace snakebridge {

namespace {

constexpr std::string_view patterns[] = {
  // Who and where we are.
  "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "XDG_*",
  // Language and time.
  "LANG", "LANGUAGE", "LC_*", "TZ", "TZDIR",
  // Python, and how libraries are found.
  "PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "ASAN_OPTIONS",
  "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS",
  // The network.
  "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
  "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy",
  "https_proxy", "all_proxy", "no_proxy",
  // Processors.
  "CUDA_*", "NVIDIA_*", "HIP_*", "ROCR_*", "OMP_*", "KMP_*", "GOMP_*", "MKL_*",
  "OPENBLAS_*", "NUMEXPR_*",
  // Where models and settings lie.
  "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_CACHE",
  "TORCH_HOME", "MPLCONFIGDIR", "MPLBACKEND"};

bool fits(std::string_view name, std::string_view pattern) {
  if (!pattern.ends_with('*'))
    return name == pattern;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

template <class Patterns>
bool fits_any(std::string_view name, const Patterns& all) {
  return std::any_of(std::begin(all), std::end(all),
                     [name](const auto& each) { return fits(name, each); });
}

} // namespace

std::vector<std::string>
worker_environment(const std::vector<std::string>& ours,
                   const std::vector<std::string>& passed,
                   const std::map<std::string, std::string>& set) {
  std::vector<std::string> lines;
  for (const std::string_view line : ours) {
    const auto name = line.substr(0, line.find('='));
    if (!set.contains(std::string{name})
        && (fits_any(name, patterns) || fits_any(name, passed)))
      lines.emplace_back(line);
  }
  for (const auto& [name, content] : set)
    lines.push_back(name + "=" + content);
  return lines;
}

} // namespace snakebridge
