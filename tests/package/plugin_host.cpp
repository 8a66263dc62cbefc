// Loads the plugin that its argument names, and knows nothing of Python.
#include <cstdio>

#include <dlfcn.h>

int main(int, char** argv) {
  void* const plugin = ::dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) {
    std::fprintf(stderr, "%s\n", ::dlerror());
    return 1;
  }
  reinterpret_cast<void (*)()>(::dlsym(plugin, "run"))();
}
