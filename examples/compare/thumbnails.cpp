// Thumbnails of the pictures in a folder, by pillow; what is no picture is told
// of and left out.
#include <filesystem>
#include <iostream>
#include <set>
#include <stdexcept>
#include <utility>

#include <snakebridge/snakebridge.hpp>

namespace fs = std::filesystem;
namespace sb = snakebridge;

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [&](sb::bridge& bridge) {
    if (argc != 3)
      throw std::invalid_argument{"usage: thumbnails FROM TO"};
    const sb::object pictures = bridge.import("PIL.Image");
    const std::set<fs::path> files{fs::directory_iterator{argv[1]}, {}};
    for (const fs::path& file : files) {
      const fs::path name = file.filename();
      try {
        const sb::object picture = pictures.attr("open")(file);
        picture.attr("thumbnail")(sb::tuple{64, 64});
        picture.attr("save")(argv[2] / name);
        const auto [width, height] =
          picture.attr("size").as<std::pair<int, int>>();
        std::cout << name << ": " << width << " x " << height << '\n';
      } catch (const sb::python_exception& raised) {
        if (!raised.error().is("PIL.UnidentifiedImageError"))
          throw;
        std::cout << name << ": no picture\n";
      }
    }
  });
}
