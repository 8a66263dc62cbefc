// A strict build refuses functions whose types are known less well than
// `min_tier` says; nothing of Python runs for that.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include <stdlib.h>

#include <snakebridge/py/shop.hpp>
#include <snakebridge/snakebridge.hpp>

#include "command.hpp"

namespace sb = snakebridge;
namespace fs = std::filesystem;

namespace {

// Of a program that calls shop.mystery, whose parameters nobody has named.
int build(const fs::path& folder, const std::string& tier) {
  const auto settings = (folder / "snakebridge.toml").string();
  std::ofstream{folder / "main.cpp"} << "auto n = sb::py::shop::mystery(b);\n";
  std::ofstream{settings} << "[libraries.shop]\nmin_tier = \"" << tier
                          << "\"\n";
  const auto manifest = (folder / "manifest.json").string();
  const auto more = " --config " + settings + " --manifest " + manifest;
  auto [printed, code] =
    command("generate shop --path . --output " + folder.string() + more);
  if (code != 0) {
    std::cout << printed;
    return code;
  }
  std::tie(printed, code) =
    command("generate shop --strict --output " + folder.string() + more
            + " --source " + (folder / "main.cpp").string());
  const auto found = printed.find("tier_below");
  std::cout << "min_tier " << tier << ": "
            << (found == std::string::npos ? "passes" : "refused, ")
            << (found == std::string::npos ? "" : printed.substr(found, 10))
            << '\n';
  return code;
}

} // namespace

int main() {
  sb::bridge bridge{
    sb::config{.pools = {{.size = 1, .path = {SNAKEBRIDGE_EXAMPLE_FOLDER}}}}};
  std::cout << "add: " << or_throw(sb::py::shop::add(bridge, 2, 3)) << '\n'
            << "multiply: " << or_throw(sb::py::shop::multiply(bridge, 4, 5))
            << '\n';
  auto folder = (fs::temp_directory_path() / "strict-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr)
    return 1;
  const int refused = build(folder, "stub");
  const int passed = build(folder, "variadic");
  fs::remove_all(folder);
  return refused == 1 && passed == 0 ? 0 : 1;
}
