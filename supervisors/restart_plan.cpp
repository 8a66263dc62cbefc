#include "supervisors/restart_plan.hpp"

#include <caf/exit_reason.hpp>

#include <algorithm>

namespace snakebridge {

namespace {

// Whether another's restart starts the child at `which` as well.
bool returns_with_group(strategy how, std::span<const planned_child> children,
                        std::size_t which) {
  if (children[which].restart == restart_type::temporary)
    return false;
  if (how == strategy::rest_for_one)
    children = children.first(which);
  else if (how != strategy::one_for_all)
    return false;
  return std::any_of(children.begin(), children.end(),
                     [](const planned_child& one) { return one.restarting; });
}

// Whether the supervisor ends with the child at `ended`, which is not restarted
// for its own sake.
bool ends_with(strategy how, auto_shutdown when,
               std::span<const planned_child> children, std::size_t ended) {
  if (when == auto_shutdown::never || !children[ended].significant)
    return false;
  if (when == auto_shutdown::any_significant)
    return true;
  for (std::size_t i = 0; i < children.size(); ++i) {
    const auto& one = children[i];
    const bool is_there = i != ended && (one.running || one.restarting);
    if (one.significant && (is_there || returns_with_group(how, children, i)))
      return false;
  }
  return true;
}

bool is_pool(strategy how) {
  return how == strategy::simple_one_for_one;
}

} // namespace

bool comes_back(restart_type type, end_kind end) {
  switch (type) {
  case restart_type::permanent:
    return true;
  case restart_type::transient:
    return end == end_kind::killed || end == end_kind::crashed;
  case restart_type::temporary:
    break;
  }
  return false;
}

end_kind end_kind_of(const caf::error& reason) {
  if (!reason)
    return end_kind::normal;
  if (reason.category() != caf::atom("exit"))
    return end_kind::crashed;
  switch (static_cast<caf::exit_reason>(reason.code())) {
  case caf::exit_reason::user_shutdown:
    return end_kind::shutdown;
  case caf::exit_reason::kill:
    return end_kind::killed;
  default:
    return end_kind::crashed;
  }
}

restart_plan plan_restart(strategy how, std::span<const planned_child> children,
                          std::size_t ended, const caf::error& reason,
                          auto_shutdown when) {
  const auto& child = children[ended];
  if (comes_back(child.restart, end_kind_of(reason)))
    return plan_retry(how, children, ended);
  restart_plan plan;
  // A pool child has no id to be restarted by: it is kept for nobody.
  if (child.restart == restart_type::temporary || is_pool(how))
    plan.forget.push_back(ended);
  plan.ends = ends_with(how, when, children, ended);
  return plan;
}

restart_plan plan_retry(strategy how, std::span<const planned_child> children,
                        std::size_t failed) {
  restart_plan plan;
  plan.restarts = true;
  if (how == strategy::one_for_one || is_pool(how)) {
    plan.start.push_back(failed);
    return plan;
  }
  auto first = how == strategy::one_for_all ? std::size_t{0} : failed;
  for (auto i = children.size(); i-- > first;)
    if (i != failed && children[i].running)
      plan.stop.push_back(i);
  // Every kept spec of the group starts, also those that were not running.
  for (auto i = first; i < children.size(); ++i) {
    auto temporary = children[i].restart == restart_type::temporary;
    (temporary && i != failed ? plan.forget : plan.start).push_back(i);
  }
  return plan;
}

} // namespace snakebridge
