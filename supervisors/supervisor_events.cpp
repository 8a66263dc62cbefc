// What happens to a supervisor: ends, timers, answers of starting children.
#include "runtime/base/log.hpp"
#include "supervisors/backoff.hpp"
#include "supervisors/supervisor_state.hpp"

#include <caf/sec.hpp>

#include <fmt/format.h>

#include <utility>

namespace snakebridge {

namespace {

using std::chrono::milliseconds;

std::string show(milliseconds time) {
  if (time.count() % 1000 == 0)
    return fmt::format("{} s", time.count() / 1000);
  return fmt::format("{} ms", time.count());
}

// It waits for its restart, or its end, not decided upon yet, leads to one.
bool returns(const child& one) {
  return one.retry != 0
         || (one.ended
             && comes_back(one.spec.restart, end_kind_of(*one.ended)));
}

// How a child that was told to stop may end. One that need not run for ever may
// just have come to its own end.
bool is_as_asked(const child_spec& spec, const caf::error& reason) {
  switch (end_kind_of(reason)) {
  case end_kind::normal:
    return spec.restart != restart_type::permanent;
  case end_kind::shutdown:
    return true;
  case end_kind::killed:
    return std::holds_alternative<brutal_kill_t>(shutdown_of(spec));
  case end_kind::crashed:
    break;
  }
  return false;
}

} // namespace

void supervisor_state::on_down(const caf::down_msg& down) {
  if (parent_ && down.source == parent_)
    return shut_down(down.reason);
  auto who = children_.find_address(down.source);
  if (!who)
    return; // A stranger, or one we no longer count as ours.
  children_.went_down(*who);
  auto& child = *children_.find(*who);
  if (wait_.what == wait::down && wait_.who == *who) {
    if (!wait_.failure) // that one is told where the start has failed
      log_unless_asked(child.spec, down.reason);
    end_of_wait();
  } else if (wait_.what == wait::up && wait_.who == *who) {
    wait_.failure = down.reason ? down.reason
                                : make_error(supervisor_errc::failed_to_start,
                                             "it ended before it was up");
    end_of_wait();
  } else if (wait_.what == wait::pool_down) {
    log_unless_asked(child.spec, down.reason);
    children_.forget(*who);
    if (children_.none_alive())
      end_of_wait();
  } else if (!ending_) {
    child.ended = down.reason;
    if (self_->clock().now() - child.up_since >= spec_.backoff.reset_after)
      child.restarts = 0;
    child.status = child_status::restarting;
    waiting_events_.push_back({[this, who = *who] { decide_end(who); }});
    pump();
  }
}

void supervisor_state::log_unless_asked(const child_spec& stopped,
                                        const caf::error& reason) const {
  if (!is_as_asked(stopped, reason))
    logger()->warn("{}: child '{}' was told to stop and ended with {}",
                   spec_.name, stopped.id, describe(reason));
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
  // What has children of its own is told to stop, or they would not in order.
  if (children_.find(who)->spec.type == child_type::supervisor) {
    stop_child(who);
  } else {
    await(wait::down, who);
    kill_awaited();
  }
  wait_.failure = std::move(failure);
}

void supervisor_state::on_try_again(key who, std::uint64_t token,
                                    bool is_counted) {
  waiting_events_.push_back({[this, who, token, is_counted] {
    auto child = children_.find(who);
    if (child == nullptr || child->retry != token)
      return; // Terminated, or restarted with its group.
    child->retry = 0;
    const auto decided =
      decide(who, is_group(), [this](auto children, auto position) {
        return plan_retry(spec_.strategy, children, position);
      });
    if (is_counted)
      begin_restart(decided);
    else
      restart(who, decided);
  }});
  pump();
}

void supervisor_state::decide_end(key who) {
  auto child = children_.find(who);
  if (child == nullptr || !child->ended)
    return; // Terminated, or restarted with its group.
  const auto reason = std::move(*child->ended);
  child->ended.reset();
  child->status = child_status::stopped;
  child->last_end =
    fmt::format("child '{}' ended with {}", child->spec.id, describe(reason));
  const auto last_counts = spec_.auto_shutdown == auto_shutdown::all_significant
                           && child->spec.significant;
  const auto decided =
    decide(who, is_group() || last_counts, [&](auto children, auto position) {
      return plan_restart(spec_.strategy, children, position, reason,
                          spec_.auto_shutdown);
    });
  if (decided.plan.restarts)
    return restart(who, decided);
  auto end = fmt::format("{}: significant {}", spec_.name, child->last_end);
  for (auto index : decided.plan.forget)
    children_.forget(decided.keys[index]);
  if (decided.plan.ends)
    shut_down(shutdown_because(std::move(end)));
}

// Not among all where only the child itself matters: a pool of thousands must
// not be walked for each end.
template <class MakePlan>
supervisor_state::decision supervisor_state::decide(key who, bool among_all,
                                                    MakePlan make_plan) {
  decision decided{{}, among_all ? children_.keys() : std::vector<key>{who}};
  std::vector<planned_child> planned;
  std::size_t position = 0;
  for (auto one : decided.keys) {
    if (one == who)
      position = planned.size();
    const auto& child = *children_.find(one);
    planned.push_back({child.spec.restart, static_cast<bool>(child.guard),
                       child.spec.significant, returns(child)});
  }
  decided.plan = make_plan(std::span<const planned_child>{planned}, position);
  return decided;
}

void supervisor_state::restart(key who, const decision& decided) {
  auto& cause = *children_.find(who);
  if (!window_.add(self_->clock().now()))
    return escalate(cause);
  if (spec_.backoff.minimum.count() == 0)
    return begin_restart(decided);
  const auto chance = std::uniform_real_distribution{}(chances_);
  wait_to_restart(who, decided,
                  wait_before_restart(spec_.backoff, cause.restarts++, chance));
}

void supervisor_state::begin_restart(const decision& decided) {
  const auto& [plan, keys] = decided;
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

// The group goes at once; who of it waits already comes back with `who`.
void supervisor_state::wait_to_restart(key who, const decision& decided,
                                       std::chrono::milliseconds time) {
  begin_restart(decided);
  for (auto one : std::exchange(procedure_->start, {})) {
    auto& child = *children_.find(one);
    child.ended.reset();
    child.retry = 0;
    if (!child.guard)
      child.status = child_status::stopped;
  }
  auto& cause = *children_.find(who);
  cause.status = child_status::restarting;
  cause.retry = ++last_token_;
  self_->delayed_send(self_, time, try_again_atom::value, who, cause.retry,
                      true);
}

void supervisor_state::escalate(const child& cause) {
  auto text = fmt::format(
    "{}: {} within {} the intensity of {}; last: {}", spec_.name,
    window_.count() == 1 ? "1 restart"
                         : fmt::format("{} restarts", window_.count()),
    show(spec_.period) + (window_.count() == 1 ? " exceeds" : " exceed"),
    spec_.intensity, cause.last_end);
  logger()->error("{}", text);
  shut_down(shutdown_because(std::move(text)));
}

} // namespace snakebridge
