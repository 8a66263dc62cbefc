// What happens to a supervisor: ends, timers, answers of starting children.
#include "supervisors/supervisor_state.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace snakebridge {

namespace {

using std::chrono::milliseconds;

std::string show(milliseconds time) {
  if (time.count() % 1000 == 0)
    return fmt::format("{} s", time.count() / 1000);
  return fmt::format("{} ms", time.count());
}

} // namespace

void supervisor_state::on_down(const caf::down_msg& down) {
  auto who = children_.find_address(down.source);
  if (!who)
    return; // A stranger, or one we no longer count as ours.
  children_.went_down(*who);
  auto& child = *children_.find(*who);
  if (wait_.what == wait::down && wait_.who == *who) {
    end_of_wait();
  } else if (wait_.what == wait::up && wait_.who == *who) {
    wait_.failure = down.reason ? down.reason
                                : make_error(supervisor_errc::failed_to_start,
                                             "it ended before it was up");
    end_of_wait();
  } else if (wait_.what == wait::pool_down) {
    children_.forget(*who);
    if (children_.none_alive())
      end_of_wait();
  } else if (!ending_) {
    child.ended = down.reason;
    child.status = child_status::restarting;
    waiting_events_.push_back({[this, who = *who] { decide_end(who); }});
    pump();
  }
}

void supervisor_state::on_tick(std::uint64_t token) {
  if (wait_.token != token || wait_.what == wait::nothing)
    return;
  if (wait_.killed)
    abandon_awaited();
  else
    kill_awaited();
}

void supervisor_state::on_up(std::uint64_t token) {
  if (wait_.what != wait::up || wait_.token != token)
    return;
  is_up(wait_.who);
  end_of_wait();
}

void supervisor_state::on_not_up(std::uint64_t token, const caf::error& why) {
  if (wait_.what != wait::up || wait_.token != token)
    return;
  if (why == caf::sec::request_receiver_down)
    return; // Its down message is on its way and knows the reason.
  auto who = wait_.who;
  auto late = why == caf::sec::request_timeout;
  auto failure =
    late ? make_error(supervisor_errc::not_up_in_time,
                      fmt::format("not up within {}",
                                  show(children_.find(who)->spec.up_timeout)))
         : why;
  await(wait::down, who);
  wait_.failure = std::move(failure);
  kill_awaited();
}

void supervisor_state::on_try_again(key who, std::uint64_t token) {
  waiting_events_.push_back({[this, who, token] {
    auto child = children_.find(who);
    if (child == nullptr || child->retry != token)
      return; // Terminated, or restarted with its group.
    child->retry = 0;
    act_on(who, [this](auto children, auto position) {
      return plan_retry(spec_.strategy, children, position);
    });
  }});
  pump();
}

void supervisor_state::decide_end(key who) {
  auto child = children_.find(who);
  if (child == nullptr || !child->ended)
    return; // Terminated, or restarted with its group.
  auto reason = std::move(*child->ended);
  child->ended.reset();
  child->status = child_status::stopped;
  child->last_end =
    fmt::format("child '{}' ended with {}", child->spec.id, describe(reason));
  act_on(who, [this, &reason](auto children, auto position) {
    return plan_restart(spec_.strategy, children, position, reason);
  });
}

// Only strategies for groups look at the siblings: a pool of thousands must
// not be walked for each end.
template <class MakePlan>
void supervisor_state::act_on(key who, MakePlan make_plan) {
  auto is_group = spec_.strategy == strategy::one_for_all
                  || spec_.strategy == strategy::rest_for_one;
  auto keys = is_group ? children_.keys() : std::vector<key>{who};
  std::vector<planned_child> planned;
  std::size_t position = 0;
  for (auto one : keys) {
    if (one == who)
      position = planned.size();
    const auto& child = *children_.find(one);
    planned.push_back({child.spec.restart, static_cast<bool>(child.guard)});
  }
  auto plan = make_plan(std::span<const planned_child>{planned}, position);
  if (plan.restarts)
    restart(plan, keys, *children_.find(who));
  else
    for (auto index : plan.forget)
      children_.forget(keys[index]);
}

void supervisor_state::restart(const restart_plan& plan,
                               const std::vector<key>& keys, child& cause) {
  if (!window_.add(self_->clock().now())) {
    escalate(cause);
    return;
  }
  procedure group{aim::restart};
  for (auto index : plan.stop)
    group.stop.push_back(keys[index]);
  for (auto index : plan.forget)
    group.forget.push_back(keys[index]);
  for (auto index : plan.start) {
    group.start.push_back(keys[index]);
    auto& child = *children_.find(keys[index]);
    if (!child.guard)
      child.status = child_status::restarting;
  }
  procedure_ = std::move(group);
}

void supervisor_state::escalate(const child& cause) {
  auto text = fmt::format(
    "{}: {} within {} the intensity of {}; last: {}", spec_.name,
    window_.count() == 1 ? "1 restart"
                         : fmt::format("{} restarts", window_.count()),
    show(spec_.period) + (window_.count() == 1 ? " exceeds" : " exceed"),
    spec_.intensity, cause.last_end);
  spdlog::error("{}", text);
  shut_down({static_cast<std::uint8_t>(caf::exit_reason::user_shutdown),
             caf::atom("exit"), caf::make_message(std::move(text))});
}

} // namespace snakebridge
