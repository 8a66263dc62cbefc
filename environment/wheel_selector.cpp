#include <snakebridge/wheel_selector.hpp>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace snakebridge {

namespace {

using json = nlohmann::json;

// No containers: a selector may be made before this file's would be.
constexpr const char* variants_today[] = {
  "cpu",     "cu118",   "cu121",   "cu124",   "cu126",   "cu128",
  "cu129",   "cu130",   "cu132",   "rocm5.7", "rocm6.2", "rocm6.3",
  "rocm6.4", "rocm7.0", "rocm7.1", "rocm7.2"};
constexpr const char* packages_today[] = {"torch", "torchaudio", "torchvision"};
constexpr auto base_url_today = "https://download.pytorch.org/whl/";

/// 12.4 is {12, 4}; what is no version is {0, 0}.
struct two_numbers {
  int major = 0;
  int minor = 0;
  auto operator<=>(const two_numbers&) const = default;
};

two_numbers version_of(std::string_view text) {
  two_numbers made;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, made.major);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.')
    return {};
  const auto second = std::from_chars(first.ptr + 1, end, made.minor);
  if (second.ec != std::errc{} || (second.ptr != end && *second.ptr != '.')
      || made.major < 0 || made.minor < 0)
    return {};
  return made;
}

// {12, 4} of "cu124", whose last digit is the minor.
two_numbers cuda_of(std::string_view variant) {
  if (!variant.starts_with("cu") || variant.size() < 4)
    return {};
  return version_of(fmt::format("{}.{}", variant.substr(2, variant.size() - 3),
                                variant.back()));
}

two_numbers rocm_of(std::string_view variant) {
  constexpr std::string_view word = "rocm";
  return variant.starts_with(word) ? version_of(variant.substr(word.size()))
                                   : two_numbers{};
}

// The newest that `number` says is at most that; "cpu": none is.
std::string best_of(const std::vector<std::string>& variants, two_numbers most,
                    two_numbers (*number)(std::string_view)) {
  std::string best = "cpu";
  two_numbers of_best;
  for (const auto& each : variants)
    if (const auto its = number(each); its <= most && its > of_best) {
      best = each;
      of_best = its;
    }
  return best;
}

error wrong(const std::filesystem::path& file, std::string_view why) {
  return {errc::config_invalid, fmt::format("{}: {}", file.string(), why)};
}

} // namespace

wheel_selector::wheel_selector(hardware on)
    : machine_{std::move(on)},
      base_url_{base_url_today},
      variants_{std::begin(variants_today), std::end(variants_today)},
      packages_{std::begin(packages_today), std::end(packages_today)} {}

result<wheel_selector>
wheel_selector::from_file(const std::filesystem::path& file, hardware on) {
  std::ifstream in{file, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in.is_open())
    return wrong(file, "cannot be read");
  const auto all = json::parse(text, nullptr, false);
  if (!all.is_object())
    return wrong(file, "must be a JSON object");
  wheel_selector made{std::move(on)};
  try {
    made.base_url_ = all.value("base_url", made.base_url_);
    made.variants_ = all.value("variants", made.variants_);
    made.packages_ = all.value("packages", made.packages_);
  } catch (const json::exception&) {
    return wrong(file, "base_url must be text, variants and packages names");
  }
  if (!made.base_url_.ends_with('/'))
    made.base_url_ += '/';
  return made;
}

std::string wheel_selector::pytorch_variant() const {
  if (machine_.accelerator == "cuda")
    return best_cuda_variant(machine_.cuda);
  return machine_.accelerator == "rocm" ? best_rocm_variant() : "cpu";
}

std::string wheel_selector::pytorch_index_url(std::string_view variant) const {
  return base_url_
         + (variant.empty() ? pytorch_variant() : std::string{variant});
}

std::string
wheel_selector::pip_install_command(std::string_view package,
                                    std::string_view version) const {
  const auto chosen = select_wheel(package, version);
  auto command = "pip install " + chosen.package;
  if (!chosen.version.empty())
    command += "==" + chosen.version;
  if (!chosen.index_url.empty())
    command += " --index-url " + chosen.index_url;
  return command;
}

wheel wheel_selector::select_wheel(std::string_view package,
                                   std::string_view version) const {
  wheel made{std::string{package}, std::string{version}, {}, {}};
  if (is_pytorch_package(package)) {
    made.variant = pytorch_variant();
    made.index_url = pytorch_index_url(made.variant);
  }
  return made;
}

bool wheel_selector::is_pytorch_package(std::string_view package) const {
  return std::find(packages_.begin(), packages_.end(), package)
         != packages_.end();
}

std::string
wheel_selector::best_cuda_variant(std::string_view cuda_version) const {
  return best_of(variants_, version_of(cuda_version), cuda_of);
}

std::string wheel_selector::best_rocm_variant() const {
  return best_of(variants_, version_of(machine_.rocm), rocm_of);
}

std::string
wheel_selector::normalize_cuda_version(std::string_view cuda_version) {
  const auto version = version_of(cuda_version);
  return version == two_numbers{}
           ? std::string{}
           : fmt::format("{}{}", version.major, version.minor);
}

} // namespace snakebridge
