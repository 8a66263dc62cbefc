// A program that uses NumPy as if it were its own library, loses its Python
// process in the middle, and finishes the job on the next one.
//
// It fits weight = a + b * height to women.csv (average heights and weights of
// American women aged 30 to 39, The World Almanac and Book of Facts, 1975).
#include <iostream>

#include <fmt/format.h>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace snakebridge::literals;

namespace {

struct line_fit {
  double intercept;
  double slope;
};

// Everything stays in Python as refs; only the two numbers come over.
sb::ref load(const sb::bridge& bridge, const std::string& file) {
  return sb::or_throw(bridge.call("numpy", "loadtxt", file, "delimiter"_a = ",",
                                  "skiprows"_a = 1))
    .as<sb::ref>();
}

line_fit fit(const sb::bridge& bridge, const sb::ref& table) {
  const auto columns = sb::or_throw(bridge.attr(table, "T"));
  const auto heights = sb::or_throw(bridge.item(columns, 0));
  const auto weights = sb::or_throw(bridge.item(columns, 1));
  const auto line =
    sb::or_throw(bridge.call("numpy", "polyfit", heights, weights, 1));
  const auto numbers =
    sb::or_throw(bridge.method(line, "tolist")).as<std::vector<double>>();
  return {.intercept = numbers[1], .slope = numbers[0]};
}

double predict(const line_fit& line, double height) {
  return line.intercept + line.slope * height;
}

// Kills the process our objects live in, as the kernel would when memory runs
// out: while it runs a call of ours.
void kill_python(const sb::bridge& bridge, const sb::ref& table) {
  const auto pid = sb::or_throw(bridge.call("os", "getpid"));
  fmt::print("\nkilling our own worker, pid {}\n", pid);
  const auto killed = bridge.call("os", "kill", pid, 9);
  fmt::print("  the call that was running: {}\n", killed.error().code());
  fmt::print("  post-mortem: {}\n", to_string(*killed.error().post_mortem()));
  const auto stale = bridge.attr(table, "shape");
  fmt::print("  an object made before: {}\n", to_string(stale.error()));
}

} // namespace

int main(int argc, char** argv) {
  const std::string file = argc > 1 ? argv[1] : SNAKEBRIDGE_EXAMPLE_DATA;
  return sb::run_as_script(argc, argv, [&](sb::bridge& bridge) {
    fmt::print("snakebridge {} with Python {}\n", sb::version(),
               sb::or_throw(bridge.get("sys", "version")).as<std::string>());
    auto table = load(bridge, file);
    fmt::print("{} rows of {}\n", sb::or_throw(bridge.len(table)), file);
    auto line = fit(bridge, table);
    fmt::print("weight = {:.2f} + {:.3f} * height; at 68.5 in: {:.1f} lb\n",
               line.intercept, line.slope, predict(line, 68.5));

    const auto wrong = bridge.call("numpy", "polyfit", "no", "numbers", 1);
    fmt::print("\nan error is a value: {}\n", wrong.error().message());
    fmt::print("  raised in {} ({} frames)\n",
               wrong.error().python()->frames.back().function,
               wrong.error().python()->frames.size());

    kill_python(bridge, table);

    table = load(bridge, file);
    line = fit(bridge, table);
    fmt::print("\nafter the restart: weight = {:.2f} + {:.3f} * height\n",
               line.intercept, line.slope);
    for (const auto& pool : bridge.stats().pools)
      fmt::print("pool {}: {} restart(s), {} objects held\n", pool.name,
                 pool.restarts(), pool.live_objects());
  });
}
