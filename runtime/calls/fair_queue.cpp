#include "runtime/calls/fair_queue.hpp"

#include <algorithm>

namespace snakebridge {

fair_queue::line& fair_queue::line_of(std::uint64_t session,
                                      turns::const_iterator turn_if_new) {
  const auto [place, is_new] = lines_.try_emplace(session);
  if (is_new)
    place->second.turn = turns_.insert(turn_if_new, session);
  return place->second;
}

void fair_queue::forget(lines::iterator empty) {
  turns_.erase(empty->second.turn);
  lines_.erase(empty);
}

void fair_queue::came(const call& one) {
  ++size_;
  if (!one.join)
    return;
  ++movable_here_;
  if (movable_)
    ++*movable_;
}

void fair_queue::went(const call& one) {
  --size_;
  if (!one.join)
    return;
  --movable_here_;
  if (movable_)
    --*movable_;
}

void fair_queue::push_back(call_ptr last) {
  auto& mine = line_of(last->session->number, turns_.end());
  came(*last);
  mine.calls.push_back(std::move(last));
}

void fair_queue::push_front(call_ptr next) {
  auto& mine = line_of(next->session->number, turns_.begin());
  turns_.splice(turns_.begin(), turns_, mine.turn);
  came(*next);
  mine.calls.push_front(std::move(next));
}

const call_ptr& fair_queue::front() const {
  return lines_.at(turns_.front()).calls.front();
}

void fair_queue::pop_front() {
  const auto place = lines_.find(turns_.front());
  auto& mine = place->second;
  went(*mine.calls.front());
  mine.calls.pop_front();
  if (mine.calls.empty())
    forget(place);
  else
    turns_.splice(turns_.end(), turns_, mine.turn);
}

bool fair_queue::contains(const call_ptr& one) const {
  const auto place = lines_.find(one->session->number);
  if (place == lines_.end())
    return false;
  const auto& calls = place->second.calls;
  return std::find(calls.begin(), calls.end(), one) != calls.end();
}

call_ptr fair_queue::first_movable() const {
  if (movable_here_ == 0)
    return nullptr;
  for (const auto session : turns_)
    for (const auto& each : lines_.at(session).calls)
      if (each->join && !each->answered() && !each->session->closed)
        return each;
  return nullptr;
}

bool fair_queue::erase(const call_ptr& gone) {
  const auto place = lines_.find(gone->session->number);
  if (place == lines_.end())
    return false;
  auto& calls = place->second.calls;
  const auto found = std::find(calls.begin(), calls.end(), gone);
  if (found == calls.end())
    return false;
  went(*gone);
  calls.erase(found);
  if (calls.empty())
    forget(place);
  return true;
}

call_ptr fair_queue::make_room(std::uint64_t session) {
  const auto longest = std::max_element(
    lines_.begin(), lines_.end(), [](const auto& left, const auto& right) {
      return left.second.calls.size() < right.second.calls.size();
    });
  const auto mine = lines_.find(session);
  const auto length = mine == lines_.end() ? 0 : mine->second.calls.size();
  if (longest == lines_.end() || length + 1 >= longest->second.calls.size())
    return nullptr;
  auto& calls = longest->second.calls; // not its only one
  const auto place =
    std::find_if(calls.rbegin(), calls.rend(), [](const call_ptr& each) {
      return !frees_objects(each->asked.what);
    });
  if (place == calls.rend())
    return nullptr;
  auto last = std::move(*place);
  calls.erase(std::next(place).base());
  went(*last);
  return last;
}

std::vector<call_ptr> fair_queue::take(std::uint64_t session) {
  const auto place = lines_.find(session);
  if (place == lines_.end())
    return {};
  std::vector<call_ptr> taken{place->second.calls.begin(),
                              place->second.calls.end()};
  for (const auto& each : taken)
    went(*each);
  forget(place);
  return taken;
}

std::vector<call_ptr> fair_queue::take_stale(std::uint32_t ended_epoch) {
  std::vector<call_ptr> stale;
  for (const auto& [session, mine] : lines_)
    for (const auto& each : mine.calls)
      if (each->epoch != 0 && each->epoch <= ended_epoch)
        stale.push_back(each);
  for (const auto& each : stale)
    erase(each);
  return stale;
}

std::vector<call_ptr> fair_queue::take_all() {
  std::vector<call_ptr> taken;
  for (; !empty(); pop_front())
    taken.push_back(front());
  return taken;
}

} // namespace snakebridge
