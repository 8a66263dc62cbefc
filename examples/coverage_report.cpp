// How much is known of libraries, as JSON and as a page.
#include <filesystem>
#include <iostream>

#include <stdlib.h>

#include "command.hpp"

int main() {
  auto folder =
    (std::filesystem::temp_directory_path() / "coverage-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr)
    return 1;
  const auto page = folder + "/coverage.md", data = folder + "/coverage.json";
  int failures = 0;
  for (const auto& file : {page, data})
    failures += command("coverage --output " + file).second != 0;
  std::cout << "a page and JSON: " << std::filesystem::exists(page) << ' '
            << std::filesystem::exists(data) << '\n';
  const auto [table, code] =
    command("coverage | grep -E 'module|shop|stubbed'");
  std::cout << table;
  std::filesystem::remove_all(folder);
  return failures + code;
}
