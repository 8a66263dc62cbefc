// make_node_corpus FOLDER: writes the seeds as files, as they lie in
// tests/fuzz/node/corpus. To be run when what nodes say to each other changes.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "tests/fuzz/node/node_seeds.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "make_node_corpus FOLDER\n";
    return 2;
  }
  for (const auto& [name, bytes] : snakebridge::fuzz::node_seeds()) {
    std::ofstream file{std::filesystem::path{argv[1]} / name, std::ios::binary};
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) {
      std::cerr << "cannot write " << name << '\n';
      return 1;
    }
  }
}
