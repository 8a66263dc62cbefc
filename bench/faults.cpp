// What faults cost: how late a caller hears that its time is over, beside a
// wait that does nothing else.
#include <poll.h>

#include <snakebridge/snakebridge.hpp>

#include "measure.hpp"

namespace sb = snakebridge;
using namespace std::chrono_literals;

namespace {

constexpr auto time_of_call = 100ms;

// A call that would sleep for a minute; afterwards its worker must serve the
// next. Only what goes beyond the call's time is sampled.
bool sample_overshoot(sb::bench::samples& ours, sb::bench::samples& next,
                      const sb::bridge& bridge) {
  const auto begin = sb::bench::clock::now();
  const auto late =
    bridge.with({.timeout = time_of_call}).call("time", "sleep", 60);
  const auto told = sb::bench::clock::now();
  const bool usable = bridge.eval("1").has_value();
  next.add(sb::bench::clock::now() - told);
  ours.add(told - begin - time_of_call);
  return usable && !late && late.error().code() == sb::errc::deadline_exceeded;
}

void sample_poll(sb::bench::samples& theirs) {
  const timespec wait{0, std::chrono::nanoseconds{time_of_call}.count()};
  const auto begin = sb::bench::clock::now();
  ::ppoll(nullptr, 0, &wait, nullptr);
  theirs.add(sb::bench::clock::now() - begin - time_of_call);
}

} // namespace

int main() {
  const sb::bridge bridge{sb::config{.pools = {{.size = 1}}}};
  sb::or_throw(bridge.eval("1"));
  constexpr int rounds = 50;
  sb::bench::samples ours, next, theirs;
  bool well = true;
  for (int round = 0; round < rounds; ++round) {
    well = sample_overshoot(ours, next, bridge) && well;
    sample_poll(theirs);
  }
  const auto baseline = theirs.summary();
  sb::bench::print_row("deadline overshoot", ours.summary(), "ppoll overshoot",
                       baseline);
  sb::bench::print_row("next call after that", next.summary(),
                       "ppoll overshoot", baseline);
  const auto pool = bridge.stats().pools.at(0);
  std::printf("restarts: %u; every call answered in time: %s\n",
              pool.restarts(), well ? "yes" : "NO");
  return well && pool.restarts() == 0 ? 0 : 1;
}
