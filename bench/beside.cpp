// What the calls of some cost those of others: a GiB that one session sends
// beside the small calls of another, and calls that wait side by side in the
// threads of their workers, each beside the same alone.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include <snakebridge/actors.hpp>
#include <snakebridge/snakebridge.hpp>

#include "ask.hpp"

namespace sb = snakebridge;
namespace bench = snakebridge::bench;

namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

double seconds_since(steady::time_point began) {
  return std::chrono::duration<double>(steady::now() - began).count();
}

/// Small calls, until it is over.
template <class Over>
bench::figures small_calls(const sb::session& from, Over over) {
  bench::samples took;
  while (!over())
    bench::sample(took, 100, [&] { or_throw(from.call("math", "sqrt", 16)); });
  return took.summary();
}

void large_beside_small() {
  constexpr std::size_t part = std::size_t{256} << 20U;
  sb::bridge bridge{sb::config{.pools = {{.size = 2}},
                               .payload_bytes_max = std::size_t{5} * part}};
  auto large = bridge.open_session({.id = "large"});
  auto small = bridge.open_session({.id = "small"});
  or_throw(large.eval("1")); // they have their workers
  or_throw(small.eval("1"));
  const auto until = steady::now() + 3s;
  const auto alone = small_calls(small, [&] { return steady::now() > until; });
  std::atomic<bool> sent = false;
  double took_s = 0;
  std::thread sender{[&] {
    const sb::value gib = sb::list{
      sb::bytes{std::string(part, 'a')}, sb::bytes{std::string(part, 'b')},
      sb::bytes{std::string(part, 'c')}, sb::bytes{std::string(part, 'd')}};
    const auto began = steady::now();
    or_throw(large.call("builtins", "len", gib));
    took_s = seconds_since(began);
    sent = true;
  }};
  const auto beside = small_calls(small, [&] { return sent.load(); });
  sender.join();
  bench::print_row("calls beside a GiB", beside, "the same alone", alone);
  std::printf("  the GiB took %.2f s\n", took_s);
  std::fflush(stdout);
}

/// The same of actors: results of a GiB for one, which nobody waits for, beside
/// small ones for another. Each worker's replies are read by a thread of its
/// own; by one thread for all, those would wait for this.
void large_results_beside_small() {
  constexpr std::size_t gib = std::size_t{1} << 30U;
  sb::bridge bridge{
    sb::config{.pools = {{.size = 2}}, .payload_bytes_max = gib + (1U << 20U)}};
  const auto large = bridge.open_session({.id = "large"});
  const auto small = bridge.open_session({.id = "small"});
  or_throw(large.eval("1")); // they have their workers
  or_throw(small.eval("1"));
  const auto ask = [&](const char* session, sb::call_message what, int times) {
    return bench::ask_in_turn<sb::value>(
      bridge.system(),
      [&bridge, session, mine = std::make_shared<sb::session_actor>()](
        caf::event_based_actor* self) {
        if (!*mine)
          *mine = sb::open_session(self, bridge, {.id = session});
        return *mine;
      },
      [what] { return what; }, times);
  };
  const auto small_ones = [&] {
    return ask("small", {"math", "sqrt", {16}}, 2'000).get();
  };
  const auto alone = small_ones().summary();
  auto results = ask(
    "large", {"builtins", "eval", {"[bytes(1 << 28) for _ in range(4)]"}}, 3);
  bench::samples beside;
  while (results.wait_for(0s) != std::future_status::ready)
    beside.add(small_ones());
  bench::print_row("actors beside GiBs", beside.summary(), "the same alone",
                   alone);
  std::printf("  a GiB took %.2f s\n", results.get().summary().p50_us / 1e6);
}

/// How long `callers` sessions take for one nap of 50 ms each.
double naps(std::uint32_t threads, std::size_t callers) {
  sb::bridge bridge{sb::config{.pools = {{.size = 2, .threads = threads}}}};
  std::vector<sb::session> sessions;
  for (std::size_t i = 0; i < callers; ++i) {
    sessions.push_back(bridge.open_session({.id = std::to_string(i)}));
    or_throw(sessions.back().eval("1"));
  }
  std::vector<std::thread> all;
  const auto began = steady::now();
  for (auto& each : sessions)
    all.emplace_back([&each] { or_throw(each.call("time", "sleep", 0.05)); });
  for (auto& each : all)
    each.join();
  return 1e3 * seconds_since(began);
}

} // namespace

int main() {
  large_beside_small();
  large_results_beside_small();
  const auto one = naps(1, 2), eight = naps(4, 16);
  std::printf("16 naps of 50 ms on 2 workers of 4 threads %8.2f ms | 2 naps on "
              "2 workers %8.2f ms | ratio %5.2f\n",
              eight, one, eight / one);
}
