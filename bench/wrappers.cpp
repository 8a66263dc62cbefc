// What calls by wrappers cost, beside the same by name: a function with an
// option, and a member of an object.
#include <snakebridge/py/math.hpp>
#include <snakebridge/py/pathlib.hpp>
#include <snakebridge/snakebridge.hpp>

#include "measure.hpp"

namespace sb = snakebridge;
namespace bench = snakebridge::bench;
using namespace sb::literals;

namespace {

constexpr int rounds = 20;
constexpr int times = 500;
constexpr double promised = 1.1;

void measure(const char* name, sb::placement where) {
  const sb::bridge bridge{
    sb::config{.pools = {{.size = 1, .placement = where}}}};
  const sb::py::pathlib::Path path{bridge, {"/tmp", "a.txt"}};
  const auto [typed, dynamic] = bench::in_turns(
    rounds, times,
    [&] {
      or_throw(sb::py::math::isclose(bridge, 1.0, 1.1, {.rel_tol = 0.2}));
    },
    [&] {
      or_throw(bridge.call("math", "isclose", 1.0, 1.1, "rel_tol"_a = 0.2))
        .as<bool>();
    });
  bench::print_row(std::string{name} + ", function", typed, "by name", dynamic,
                   promised);
  const auto [member, attribute] = bench::in_turns(
    rounds, times, [&] { static_cast<void>(path.name()); },
    [&] { static_cast<void>(path.attr("name").as<std::string>()); });
  bench::print_row(std::string{name} + ", member", member, "by name", attribute,
                   promised);
}

} // namespace

int main() {
  measure("worker", sb::placement::worker);
  measure("embedded", sb::placement::embedded);
}
