#include <snakebridge/testing.hpp>

#include <thread>

#include <fmt/format.h>

#include "bridge/bridge_core.hpp"
#include "testing/actor_timers.hpp"
#include "testing/fake_interpreter.hpp"
#include "testing/scripted_cluster.hpp"

namespace snakebridge::testing {

namespace {

std::unique_ptr<bridge> started(const std::shared_ptr<fake_state>& state,
                                config wanted, caf::actor_system* users) {
  bridge_parts parts;
  parts.hosts = [state](caf::actor_system& system) -> pool_host_factory {
    return [state, &system](const pool& of) -> host_factory {
      return [state, &system,
              start_timeout = of.settings.start_timeout](incarnation self) {
        const std::lock_guard lock{state->mutex};
        auto made = std::make_shared<fake_interpreter>(
          std::move(self), state, system, state->next_start, start_timeout);
        state->hosts.push_back(made);
        return made;
      };
    };
  };
  if (const auto nodes = state->cluster_of_next())
    parts.as_node = [nodes](const config& settings, node_surroundings around) {
      return join_scripted(nodes, settings, std::move(around));
    };
  if (users)
    parts.clock = std::make_shared<actor_timers>(*users);
  return bridge_access::wrap(
    or_throw(bridge_core::start(std::move(wanted), users, std::move(parts))));
}

std::string left_in(const bridge& of) {
  std::string left;
  const auto name = of.node_name();
  for (const auto& pool : of.stats().pools)
    for (const auto& each : pool.interpreters)
      if (each.live_objects > 0)
        left += fmt::format("{}{} objects in interpreter {} of pool '{}'{}",
                            left.empty() ? "" : ", ", each.live_objects,
                            each.id, pool.name,
                            name.empty() ? "" : fmt::format(" on {}", name));
  if (left.empty())
    return left;
  const auto open = bridge_access::core(of).all_sessions().ids();
  return fmt::format("{}; open sessions: {}", left,
                     open.empty() ? "none"
                                  : fmt::format("{}", fmt::join(open, ", ")));
}

} // namespace

fake_answer fake_answer::raises(std::string type, std::string message) {
  python_error told;
  told.type = std::move(type);
  told.module = "builtins";
  told.message = std::move(message);
  return error{std::move(told)};
}

fake_answer fake_answer::yields(list items, std::chrono::nanoseconds each) {
  fake_answer made{value{std::move(items)}};
  made.each_ = each;
  return made;
}

fake_answer fake_answer::awaits(result<value> answer) {
  fake_answer made{std::move(answer)};
  made.awaits_ = true;
  return made;
}

fake_answer
fake_answer::calls(callback called, list args,
                   std::function<result<value>(result<value>)> then) {
  fake_answer made;
  made.callback_ = std::move(called);
  made.callback_args_ = std::move(args);
  made.then_ = std::move(then);
  return made;
}

fake_answer fake_answer::crash(std::string why) {
  fake_answer made;
  made.crash_ = why.empty() ? "it crashed" : std::move(why);
  return made;
}

fake_answer fake_answer::after(std::chrono::nanoseconds delay) && {
  delay_ = delay;
  return std::move(*this);
}

fake_python::fake_python() : state_{std::make_shared<fake_state>()} {}
fake_python::~fake_python() = default;

fake_python& fake_python::on(std::string function, script how) {
  const std::lock_guard lock{state_->mutex};
  state_->scripts.insert_or_assign(std::move(function), std::move(how));
  return *this;
}

fake_python& fake_python::in(const fake_cluster& nodes) {
  const std::lock_guard lock{state_->mutex};
  state_->cluster = nodes.state_;
  return *this;
}

fake_python& fake_python::starts_after(std::chrono::nanoseconds delay) {
  const std::lock_guard lock{state_->mutex};
  state_->next_start.failure.clear();
  state_->next_start.delay = delay;
  return *this;
}

fake_python& fake_python::fails_to_start(std::string why) {
  const std::lock_guard lock{state_->mutex};
  state_->next_start.failure =
    why.empty() ? "it does not start" : std::move(why);
  return *this;
}

fake_python& fake_python::takes_calls(std::size_t calls_max) {
  const std::lock_guard lock{state_->mutex};
  state_->next_start.calls_max = std::max<std::size_t>(calls_max, 1);
  return *this;
}

std::unique_ptr<bridge> fake_python::start(config wanted) const {
  return started(state_, std::move(wanted), nullptr);
}

std::unique_ptr<bridge> fake_python::start(caf::actor_system& on,
                                           config wanted) const {
  return started(state_, std::move(wanted), &on);
}

std::vector<std::string> fake_python::running() const {
  std::vector<std::string> names;
  for (const auto& each : state_->living())
    if (auto name = each->runs(); !name.empty())
      names.push_back(std::move(name));
  return names;
}

bool fake_python::finish(std::string_view function,
                         result<value> answer) const {
  for (const auto& each : state_->living())
    if (each->runs() == function)
      return each->finish_as(std::move(answer));
  return false;
}

void fake_python::crash(const std::string& why) const {
  for (const auto& each : state_->living())
    each->die(why);
}

std::string leaked_refs(const bridge& of, std::chrono::milliseconds patience) {
  return leaked_refs(
    std::initializer_list<std::reference_wrapper<const bridge>>{of}, patience);
}

std::string
leaked_refs(std::initializer_list<std::reference_wrapper<const bridge>> of,
            std::chrono::milliseconds patience) {
  for (const bridge& each : of)
    static_cast<void>(each.release_auto_session());
  const auto left_now = [&] {
    std::vector<std::string> left;
    for (const bridge& each : of)
      if (auto here = left_in(each); !here.empty())
        left.push_back(std::move(here));
    return fmt::format("{}", fmt::join(left, "\n"));
  };
  const auto until = steady_clock::now() + patience;
  auto left = left_now();
  while (!left.empty() && steady_clock::now() < until) {
    // Somebody else has to run: a session's actor, or a worker.
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    left = left_now();
  }
  return left;
}

} // namespace snakebridge::testing
