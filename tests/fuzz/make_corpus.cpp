// make_corpus FOLDER: writes the seeds as files, as they lie in
// tests/fuzz/corpus. To be run when a message changes.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "tests/fuzz/seeds.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "make_corpus FOLDER\n";
    return 2;
  }
  const auto seeds = snakebridge::fuzz::seeds();
  for (const auto& [name, bytes] : seeds) {
    std::ofstream file{std::filesystem::path{argv[1]} / name, std::ios::binary};
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) {
      std::cerr << "cannot write " << name << '\n';
      return 1;
    }
  }
}
