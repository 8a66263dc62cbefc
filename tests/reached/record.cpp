// In every test program: at its end it writes down which tests have run, and
// how often they met each fault point and, those of the API, each errc, for
// check.py.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "runtime/base/fault_points.hpp"
#include "runtime/base/reached.hpp"

namespace snakebridge::testing {

namespace {

// "api" of the program api_tests.
std::string layer() {
  const auto program = std::filesystem::read_symlink("/proc/self/exe");
  const auto name = program.filename().string();
  return name.substr(0, name.find("_tests"));
}

void write_tests(std::ostream& out) {
  const auto& unit = *::testing::UnitTest::GetInstance();
  for (int i = 0; i < unit.total_test_suite_count(); ++i) {
    const auto& suite = *unit.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j)
      if (const auto& test = *suite.GetTestInfo(j); test.should_run()) {
        const auto name = layer() + '.' + suite.name() + '.' + test.name();
        out << "test " << name << '\n';
        if (test.result()->Skipped())
          out << "skipped " << name << '\n';
      }
  }
}

class record final : public ::testing::Environment {
public:
  void TearDown() override {
    // There is no such folder unless ctest runs: see tests/CMakeLists.txt.
    std::string path = SNAKEBRIDGE_REACHED "/XXXXXX";
    const int file = ::mkstemp(path.data());
    if (file < 0)
      return;
    ::close(file);
    std::ofstream out{path};
    write_tests(out);
    for (std::size_t i = 0; i < fault_point_count; ++i)
      out << "point " << fault_point_names[i] << ' '
          << fault_count(static_cast<fault_point>(i)) << '\n';
    // Fakes answer whatever a test makes up: only what real Python led to
    // counts.
    if (layer() != "api")
      return;
    for (unsigned i = 1; i < errors_answered.size(); ++i)
      if (const auto name = to_string(static_cast<errc>(i)); name != "unknown")
        out << "errc " << name << ' ' << errors_answered[i] << '\n';
  }
};

const auto* const added = ::testing::AddGlobalTestEnvironment(new record);

} // namespace

} // namespace snakebridge::testing
