// A plugin that is loaded for itself alone, as hosts of plugins do, with Python
// in the host's process: extension modules find Python's symbols all the same.
#include <iostream>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;

extern "C" void run() {
  const sb::bridge bridge{
    sb::config{.pools = {{.size = 1, .placement = sb::placement::embedded}}}};
  for (const auto* name : {"decimal", "ctypes", "_sqlite3"})
    or_throw(bridge.call("importlib", "import_module", name));
  std::cout << or_throw(bridge.call("math", "sqrt", 16)) << std::endl;
}
