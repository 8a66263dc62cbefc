#include "actors/pools.hpp"

#include <algorithm>

namespace snakebridge {

std::shared_ptr<call_queue> pool::least_busy() const {
  return *std::min_element(interpreters.begin(), interpreters.end(),
                           [](const auto& left, const auto& right) {
                             return left->load() < right->load();
                           });
}

pools::pools(const std::vector<pool_config>& wanted,
             const std::shared_ptr<timers>& deadlines) {
  std::uint32_t number = 0;
  for (const auto& settings : wanted) {
    pool made{.settings = settings, .interpreters = {}};
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

std::shared_ptr<call_queue> pools::interpreter(std::uint32_t number) const {
  for (const auto& each : pools_) {
    const auto first = each.interpreters.front()->interpreter();
    if (number >= first && number < first + each.interpreters.size())
      return each.interpreters[number - first];
  }
  return nullptr;
}

} // namespace snakebridge
