#include "supervisors/child_table.hpp"

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <utility>

namespace snakebridge {

child_guard::child_guard(child_guard&& other) noexcept
    : child_(std::exchange(other.child_, caf::actor{})) {}

child_guard& child_guard::operator=(child_guard&& other) noexcept {
  std::swap(child_, other.child_);
  return *this;
}

child_guard::~child_guard() {
  if (child_)
    caf::anon_send_exit(child_, caf::exit_reason::kill);
}

child_table::key child_table::add(child_spec spec) {
  auto id = spec.id;
  auto which = add_copy(std::move(spec));
  by_id_.emplace(std::move(id), which);
  return which;
}

child_table::key child_table::add_copy(child_spec spec) {
  auto which = next_++;
  children_.emplace_hint(children_.end(), which, child{std::move(spec)});
  return which;
}

void child_table::forget(key which) {
  auto found = children_.find(which);
  if (found == children_.end())
    return;
  went_down(which);
  auto named = by_id_.find(found->second.spec.id);
  if (named != by_id_.end() && named->second == which)
    by_id_.erase(named);
  children_.erase(found);
}

void child_table::began(key which, caf::actor handle) {
  by_address_.emplace(handle.address(), which);
  children_.at(which).guard = child_guard{std::move(handle)};
}

void child_table::went_down(key which) {
  auto& gone = children_.at(which);
  if (gone.guard)
    by_address_.erase(gone.guard.get().address());
  gone.guard.release();
  gone.status = child_status::stopped;
}

child* child_table::find(key which) {
  auto found = children_.find(which);
  return found == children_.end() ? nullptr : &found->second;
}

std::optional<child_table::key>
child_table::find_id(const std::string& id) const {
  auto found = by_id_.find(id);
  if (found == by_id_.end())
    return std::nullopt;
  return found->second;
}

std::optional<child_table::key>
child_table::find_address(const caf::actor_addr& address) const {
  auto found = by_address_.find(address);
  if (found == by_address_.end())
    return std::nullopt;
  return found->second;
}

std::vector<child_table::key> child_table::keys() const {
  std::vector<key> all;
  all.reserve(children_.size());
  for (const auto& [which, one] : children_)
    all.push_back(which);
  return all;
}

std::vector<child_table::key> child_table::living() const {
  std::vector<key> alive;
  for (auto i = children_.rbegin(); i != children_.rend(); ++i)
    if (i->second.guard)
      alive.push_back(i->first);
  return alive;
}

std::vector<child_row> child_table::rows() const {
  std::vector<child_row> all;
  all.reserve(children_.size());
  for (const auto& [which, one] : children_) {
    auto is_up = one.status == child_status::running;
    all.push_back({one.spec.id, is_up ? one.guard.get() : caf::actor{},
                   one.status, one.spec.type, one.spec.restart});
  }
  return all;
}

child_counts child_table::counts() const {
  child_counts sums;
  sums.specs = children_.size();
  for (const auto& [which, one] : children_) {
    sums.active += one.status == child_status::running ? 1 : 0;
    ++(one.spec.type == child_type::worker ? sums.workers : sums.supervisors);
  }
  return sums;
}

} // namespace snakebridge
