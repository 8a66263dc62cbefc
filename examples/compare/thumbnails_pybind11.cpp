// Thumbnails of the pictures in a folder, by pillow; what is no picture is told
// of and left out.
#include <exception>
#include <filesystem>
#include <iostream>
#include <set>
#include <stdexcept>
#include <utility>

#include <pybind11/embed.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

namespace fs = std::filesystem;
namespace py = pybind11;

int main(int argc, char** argv) {
  const py::scoped_interpreter python;
  try {
    if (argc != 3)
      throw std::invalid_argument{"usage: thumbnails FROM TO"};
    const py::object pictures = py::module_::import("PIL.Image");
    const py::object no_picture =
      py::module_::import("PIL").attr("UnidentifiedImageError");
    const std::set<fs::path> files{fs::directory_iterator{argv[1]}, {}};
    for (const fs::path& file : files) {
      const fs::path name = file.filename();
      try {
        const py::object picture = pictures.attr("open")(file);
        picture.attr("thumbnail")(py::make_tuple(64, 64));
        picture.attr("save")(argv[2] / name);
        const auto [width, height] =
          picture.attr("size").cast<std::pair<int, int>>();
        std::cout << name << ": " << width << " x " << height << '\n';
      } catch (const py::error_already_set& raised) {
        if (!raised.matches(no_picture))
          throw;
        std::cout << name << ": no picture\n";
      }
    }
  } catch (const std::exception& failed) {
    std::cerr << failed.what() << '\n';
    return 1;
  }
}
