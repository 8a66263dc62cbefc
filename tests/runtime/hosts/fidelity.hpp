#pragma once
// A host that has imported fidelity.py, for tests that compare values with what
// Python says of them.

#include <string>
#include <tuple>

#include "tests/runtime/hosts/conformance.hpp"

namespace snakebridge::testing {

template <class Parameter>
class fidelity_of : public hosted<Parameter> {
protected:
  using hosted<Parameter>::hosted;

  void SetUp() override {
    hosted<Parameter>::SetUp();
    this->exec("import sys\n"
               "if folder not in sys.path: sys.path.insert(0, folder)\n"
               "sys.dont_write_bytecode = True",
               "folder"_a = SNAKEBRIDGE_SOURCE_DIR "/tests/runtime/hosts");
  }

  /// A function of fidelity.py.
  template <class... Arguments>
  result<value> python(std::string function, Arguments&&... arguments) {
    return this->call("fidelity", std::move(function),
                      std::forward<Arguments>(arguments)...);
  }
};

class Fidelity : public fidelity_of<placement> {
protected:
  Fidelity() : fidelity_of{GetParam()} {}
};

} // namespace snakebridge::testing
