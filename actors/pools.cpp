#include "actors/pools.hpp"

#include <algorithm>

#include "config/tunables.hpp"

namespace snakebridge {

pools::pools(const std::vector<pool_config>& wanted,
             std::shared_ptr<timers> clock, std::size_t payload_bytes_max,
             const std::function<void(const interpreter_event&)>& on_event)
    : clock_{std::move(clock)} {
  std::uint32_t next = 1;
  for (const auto& settings : wanted) {
    const bool encodes = settings.placement == placement::worker;
    pools_.push_back(
      {.settings = settings,
       .places = {.first = next, .from_the_start = settings.size},
       .calls = std::make_shared<dispatcher>(
         dispatcher_settings{.waiting_max = settings.queue_max,
                             .shy_of_deaths = settings.restart.period,
                             .payload_bytes_max =
                               encodes ? payload_bytes_max : 0,
                             .executors = settings.threads,
                             .pool = settings.name,
                             .on_event = on_event},
         clock_),
       .service = std::make_shared<pool_service>(),
       .breaker =
         std::make_shared<circuit_breaker>(settings.name, settings.breaker),
       .spares = settings.spares == 0 ? nullptr
                                      : std::make_shared<spare_workers>(
                                        settings.name, settings.spares)});
    next += settings.size;
  }
  for (auto& each : pools_) {
    auto& places = each.places;
    places.first_of_others = next;
    if (each.settings.placement == placement::worker
        && places.from_the_start < limits::resize_max)
      places.others =
        static_cast<std::uint32_t>(limits::resize_max) - places.from_the_start;
    next += places.others;
    for (std::uint32_t place = 0; place < places.from_the_start; ++place) {
      each.calls->add(places.number(place));
      each.calls->bring_back(places.number(place));
    }
  }
  default_ = find("default");
}

const pool* pools::find(std::string_view name) const {
  if (name.empty())
    return default_;
  const auto place =
    std::find_if(pools_.begin(), pools_.end(),
                 [&](const pool& each) { return each.settings.name == name; });
  return place == pools_.end() ? nullptr : &*place;
}

const pool* pools::of(std::uint32_t number) const {
  const auto place =
    std::find_if(pools_.begin(), pools_.end(), [&](const pool& each) {
      return number != 0 && each.places.has(number);
    });
  return place == pools_.end() ? nullptr : &*place;
}

} // namespace snakebridge
