#include <snakebridge/python_worker.hpp>

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include "runtime/hosts/python_environment.hpp"

namespace snakebridge {

result<python_worker> worker_for(const std::filesystem::path& python) {
  auto chosen = choose_python(python);
  if (!chosen)
    return tl::unexpected{chosen.error()};
  python_worker found{chosen->executable, chosen->version, {}};
  if (chosen->unlike.empty())
    return found;
  if (chosen->worker.empty())
    return tl::unexpected{worker_program(*chosen, {}).error()};
  found.program = chosen->worker;
  found.is_there = ::access(found.program.c_str(), X_OK) == 0;
  return found;
}

result<std::filesystem::path> worker_sources() {
  Dl_info here{};
  std::error_code unknown;
  std::filesystem::path library;
  if (::dladdr(reinterpret_cast<void*>(&worker_sources), &here) != 0)
    library = std::filesystem::canonical(here.dli_fname, unknown);
  // Where this is part of a program of the build tree, as of tests.
  for (const auto& folder :
       {library.parent_path(),
        library.parent_path().parent_path() / SNAKEBRIDGE_LIBRARY_FOLDER})
    if (auto place = folder / "snakebridge/worker";
        std::filesystem::exists(place / "CMakeLists.txt", unknown))
      return place;
  return error{errc::environment_invalid,
               fmt::format("there is nothing to build a worker of beside {}: "
                           "install all of SnakeBridge",
                           library.string())};
}

} // namespace snakebridge
