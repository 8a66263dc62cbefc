// An actor that Python calls: the thread the callback runs on asks it, and
// waits for its answer.
#include <algorithm>

#include <caf/scoped_actor.hpp>

#include <snakebridge/actors.hpp>

#include "actors/manual_system.hpp"
#include "actors/system_visit.hpp"
#include "config/tunables.hpp"
#include "runtime/calls/callback_scope.hpp"

namespace snakebridge {

namespace {

// Until the call is over that Python makes it in.
std::chrono::milliseconds time_left() {
  const std::chrono::milliseconds most{limits::callback_ms_max};
  const auto* around = callback_scope::here();
  if (around == nullptr)
    return most;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
    around->of().deadline - steady_clock::now());
  return std::max(left, std::chrono::milliseconds{1});
}

class actor_callable final : public detail::callable {
public:
  explicit actor_callable(caf::actor to) : to_{std::move(to)} {}

  value call(detail::callback_arguments given) const override {
    callback_message asked;
    for (auto& each : given.positional)
      asked.args.push_back(std::move(each));
    for (auto& [name, item] : given.named)
      asked.kwargs.set(name, std::move(item));
    result<value> outcome;
    const system_visit visit;
    caf::scoped_actor self{to_.home_system()};
    auto answer = self->request(to_, time_left(), std::move(asked));
    run_by_hand(to_.home_system());
    answer.receive([&](value& told) { outcome = std::move(told); },
                   [&](const caf::error& failed) {
                     outcome = tl::unexpected{to_error(failed)};
                   });
    return or_throw(std::move(outcome));
  }

  std::string signature() const override { return "(*args, **kwargs) -> Any"; }

private:
  const caf::actor to_;
};

} // namespace

callback actor_callback(caf::actor to) {
  return callback{std::shared_ptr<const detail::callable>{
    std::make_shared<const actor_callable>(std::move(to))}};
}

} // namespace snakebridge
