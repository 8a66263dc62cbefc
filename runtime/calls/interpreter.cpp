#include "runtime/calls/interpreter.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace snakebridge {

std::size_t interpreter::users() const {
  return std::accumulate(
    executors.begin(), executors.end(), std::size_t{0},
    [](std::size_t all, const executor& each) { return all + each.users; });
}

std::size_t interpreter::waiting() const {
  return std::accumulate(executors.begin(), executors.end(), std::size_t{0},
                         [](std::size_t all, const executor& each) {
                           return all + each.waiting.size();
                         });
}

std::uint32_t interpreter::least_busy_executor() const {
  std::uint32_t least = 0;
  const auto rank = [this](std::uint32_t which) {
    return std::tuple{load(which), executors[which].users};
  };
  for (std::uint32_t each = 1; each < executors.size(); ++each)
    if (rank(each) < rank(least))
      least = each;
  return least;
}

std::vector<exchange_ptr> interpreter::take_waiting() {
  std::vector<exchange_ptr> all;
  for (auto& each : executors)
    for (auto& call : each.waiting.take_all())
      all.push_back(std::move(call));
  return all;
}

interpreter_facts interpreter::facts() const {
  interpreter_facts now{.epoch = lives.epoch(),
                        .ready = is_up(),
                        .retired = retired,
                        .waiting = waiting() + homeless,
                        .calls = calls,
                        .deaths = lives.deaths(),
                        .restarts = lives.restarts(),
                        .recycled = lives.replaced(),
                        .due = due,
                        .last_death = lives.last_death(),
                        .host = {}};
  if (host) {
    now.host = host->stats();
    now.host.running = running();
  }
  return now;
}

} // namespace snakebridge
