#include "actors/pools.hpp"

#include <algorithm>
#include <tuple>

#include "config/tunables.hpp"

namespace snakebridge {

std::shared_ptr<call_queue> pool::least_busy() const {
  const auto rank = [this](const std::shared_ptr<call_queue>& queue) {
    return std::tuple{queue->serving_epoch() == 0, queue->is_due(),
                      queue->died_within(settings.restart.period),
                      queue->load(), queue->users()};
  };
  const auto candidates = in_service();
  return *std::min_element(candidates.begin(), candidates.end(),
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
             std::shared_ptr<timers> deadlines)
    : deadlines_{std::move(deadlines)} {
  for (const auto& settings : wanted) {
    pool made{.settings = settings,
              .interpreters = {},
              .service = std::make_shared<pool_service>(),
              .breaker = std::make_shared<circuit_breaker>(settings.name,
                                                           settings.breaker),
              .spares = settings.spares == 0 ? nullptr
                                             : std::make_shared<spare_workers>(
                                               settings.name, settings.spares)};
    made.service->size = settings.size;
    add(made, settings.size, pools_.size());
    pools_.push_back(std::move(made));
  }
  // Room to grow; the numbers of those that are there from the start come
  // first.
  for (std::size_t place = 0; place < pools_.size(); ++place) {
    auto& each = pools_[place];
    if (each.settings.placement == placement::embedded)
      continue;
    const auto first = each.interpreters.size();
    if (first < limits::resize_max)
      add(each, static_cast<std::uint32_t>(limits::resize_max - first), place);
    for (const auto& queue : std::span{each.interpreters}.subspan(first))
      queue->retire();
  }
}

void pools::add(pool& to, std::uint32_t count, std::size_t place) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto number = static_cast<std::uint32_t>(numbered_.size() + 1);
    auto made = std::make_shared<call_queue>(number, to.settings.queue_max,
                                             deadlines_, to.service);
    to.service->all.emplace_back(made);
    to.interpreters.push_back(made);
    numbered_.emplace_back(place, std::move(made));
  }
}

const pool* pools::find(std::string_view name) const {
  const auto place =
    std::find_if(pools_.begin(), pools_.end(),
                 [&](const pool& each) { return each.settings.name == name; });
  return place == pools_.end() ? nullptr : &*place;
}

const pool* pools::of(std::uint32_t number) const {
  return number == 0 || number > numbered_.size()
           ? nullptr
           : &pools_[numbered_[number - 1].first];
}

std::shared_ptr<call_queue> pools::interpreter(std::uint32_t number) const {
  return number == 0 || number > numbered_.size()
           ? nullptr
           : numbered_[number - 1].second;
}

} // namespace snakebridge
