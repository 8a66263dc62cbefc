// What objects cost: temporaries that C++ lets go, beside the same calls whose
// results stay in their session; and a chain of attributes and items, beside a
// call.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <snakebridge/snakebridge.hpp>

#include "measure.hpp"

namespace sb = snakebridge;
namespace bench = snakebridge::bench;

namespace {

constexpr int temporaries = 1'000'000;
constexpr int rounds = 20;
constexpr double promised = 1.2;

std::chrono::duration<double> since(bench::clock::time_point began) {
  return bench::clock::now() - began;
}

void measure(const char* name, sb::placement where) {
  const sb::bridge bridge{
    sb::config{.pools = {{.size = 1, .placement = where}}}};
  constexpr int each_round = temporaries / rounds;
  const auto make = bridge.import("builtins").attr("object");
  const sb::object thing = make;
  std::chrono::duration<double> ours{0}, calls{0};
  for (int round = 0; round < rounds; ++round) {
    auto began = bench::clock::now();
    for (int i = 0; i < each_round; ++i)
      static_cast<void>(thing());
    ours += since(began);
    const auto kept = bridge.open_session({.max_refs = 2 * each_round});
    const auto plain = or_throw(kept.get("builtins", "object"));
    const auto through = kept.with({.leaves = sb::leaves::all_refs});
    began = bench::clock::now();
    for (int i = 0; i < each_round; ++i)
      or_throw(through.call_object(plain));
    calls += since(began);
  }
  const double ratio = ours / calls;
  std::printf("%s: %d temporaries %.2f us each | calls alone %.2f us | ratio "
              "%.2f of %.1f: %s\n",
              name, temporaries, ours.count() * 1e6 / temporaries,
              calls.count() * 1e6 / temporaries, ratio, promised,
              ratio <= promised ? "holds" : "MISSED");

  or_throw(bridge.exec("class Box: pass\n"
                       "box = Box(); box.inner = {'k': [1, 2]}"));
  const auto box = bridge.adopt(or_throw(bridge.eval("box")));
  const auto method = or_throw(bridge.eval("lambda: 2"));
  bench::samples chains, single;
  for (int round = 0; round < rounds; ++round) {
    bench::sample(chains, 200, [&] {
      if (box.attr("inner")["k"][1].as<int>() != 2)
        std::abort();
    });
    bench::sample(single, 200, [&] {
      if (bridge.call_object(method) != sb::value{2})
        std::abort();
    });
  }
  bench::print_row(std::string{name} + ": a chain of three", chains.summary(),
                   "a call", single.summary(), promised);
  std::fflush(stdout);
}

} // namespace

int main() {
  measure("worker", sb::placement::worker);
  measure("embedded", sb::placement::embedded);
}
