// How arguments are given: by position, by name, unpacked from what the program
// has at hand; and a call that may be run twice.
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace sb::literals;

int main() {
  sb::bridge bridge{
    sb::config{.pools = {{.size = 1, .path = {SNAKEBRIDGE_EXAMPLE_FOLDER}}}}};

  // By name: numpy.mean([[1, 2], [3, 4]], axis=0)
  const std::vector<std::vector<int>> table{{1, 2}, {3, 4}};
  const auto means = bridge.import("numpy")
                       .attr("mean")(table, "axis"_a = 0)
                       .cast<std::vector<double>>();
  std::cout << sb::value{means} << '\n'; // [2.0, 3.0]

  // Unpacked, as f(*words, **options) does in Python.
  const sb::object join = bridge.import("wrappers").attr("join_values");
  const std::vector<std::string> words{"snake", "bridge"};
  const std::map<std::string, std::string> options{{"separator", "_"}};
  std::cout << join(sb::args_of(words)) << '\n' // snake-bridge
            << join("a", sb::args_of(words), sb::kwargs_of(options))
            << '\n'; // a_snake_bridge

  // A call that may be run twice is, when the worker dies that runs it. Another
  // is interpreter_died, for nobody knows how far it came.
  int runs = 0;
  or_throw(bridge.tool("run", sb::callback([&runs] { return ++runs; })));
  const std::string code = "import os, snakebridge\n"
                           "if snakebridge.call('run') == 1: os._exit(1)";
  const auto once = bridge.call("builtins", "exec", code);
  std::cout << "once: " << once.error().code() << '\n';
  runs = 0;
  or_throw(bridge.with({.idempotent = true}).call("builtins", "exec", code));
  std::cout << "idempotent: run " << runs << " times\n";
  return once.error().code() == sb::errc::interpreter_died && runs == 2 ? 0 : 1;
}
