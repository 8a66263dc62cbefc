#include "actors/pools.hpp"

#include <algorithm>
#include <tuple>

namespace snakebridge {

std::shared_ptr<call_queue> pool::least_busy() const {
  const auto rank = [since = steady_clock::now() - settings.restart.period](
                      const std::shared_ptr<call_queue>& queue) {
    return std::tuple{queue->is_due(), queue->died_since(since), queue->load(),
                      queue->users()};
  };
  return *std::min_element(interpreters.begin(), interpreters.end(),
                           [&rank](const auto& left, const auto& right) {
                             return rank(left) < rank(right);
                           });
}

std::shared_ptr<call_queue>
pool::any_free(const std::shared_ptr<call_queue>& home) const {
  if (home->is_free())
    return home;
  const auto other = least_busy();
  return other->is_free() ? other : home;
}

pools::pools(const std::vector<pool_config>& wanted,
             const std::shared_ptr<timers>& deadlines) {
  std::uint32_t number = 0;
  for (const auto& settings : wanted) {
    pool made{.settings = settings,
              .interpreters = {},
              .choosing = std::make_shared<std::mutex>(),
              .breaker = std::make_shared<circuit_breaker>(settings.name,
                                                           settings.breaker),
              .spares = settings.spares == 0
                          ? nullptr
                          : std::make_shared<spare_workers>(settings.spares)};
    for (std::uint32_t i = 0; i < settings.size; ++i)
      made.interpreters.push_back(
        std::make_shared<call_queue>(++number, settings.queue_max, deadlines));
    pools_.push_back(std::move(made));
  }
}

const pool* pools::find(std::string_view name) const {
  const auto place =
    std::find_if(pools_.begin(), pools_.end(),
                 [&](const pool& each) { return each.settings.name == name; });
  return place == pools_.end() ? nullptr : &*place;
}

const pool* pools::of(std::uint32_t number) const {
  const auto place =
    std::find_if(pools_.begin(), pools_.end(), [&](const pool& each) {
      return number >= each.interpreters.front()->interpreter()
             && number <= each.interpreters.back()->interpreter();
    });
  return place == pools_.end() ? nullptr : &*place;
}

std::shared_ptr<call_queue> pools::interpreter(std::uint32_t number) const {
  const auto* const in = of(number);
  return in == nullptr
           ? nullptr
           : in->interpreters[number - in->interpreters.front()->interpreter()];
}

} // namespace snakebridge
