#include "runtime/calls/line.hpp"

#include <algorithm>

#include "runtime/base/ensure.hpp"

namespace snakebridge {

void line::forget(queues::iterator empty) {
  turns_.erase(empty->second.turn);
  queues_.erase(empty);
}

void line::push_back(exchange_ptr last) {
  const auto session = last->session->number;
  const auto [place, is_new] = queues_.try_emplace(session);
  if (is_new)
    place->second.turn =
      turns_.insert(turns_.end(), {session, numbers_.next()});
  place->second.calls.push_back(std::move(last));
  ++size_;
}

void line::push_front(exchange_ptr next) {
  const auto session = next->session->number;
  const auto [place, is_new] = queues_.try_emplace(session);
  auto& mine = place->second;
  if (is_new)
    mine.turn = turns_.insert(turns_.begin(), {session, 0});
  else
    turns_.splice(turns_.begin(), turns_, mine.turn);
  mine.turn->number = numbers_.first();
  mine.calls.push_front(std::move(next));
  ++size_;
}

const exchange_ptr& line::front(std::uint64_t session) const {
  return queues_.at(session).calls.front();
}

void line::pop_front(std::uint64_t session) {
  const auto place = queues_.find(session);
  ensure(place != queues_.end(), "the session has a call in the line");
  auto& mine = place->second;
  mine.calls.pop_front();
  --size_;
  if (mine.calls.empty()) {
    forget(place);
    return;
  }
  turns_.splice(turns_.end(), turns_, mine.turn);
  mine.turn->number = numbers_.next();
}

bool line::erase(const exchange_ptr& gone) {
  const auto place = queues_.find(gone->session->number);
  if (place == queues_.end())
    return false;
  auto& calls = place->second.calls;
  const auto found = std::find(calls.begin(), calls.end(), gone);
  if (found == calls.end())
    return false;
  calls.erase(found);
  --size_;
  if (calls.empty())
    forget(place);
  return true;
}

line::queues::const_iterator line::longest_queue() const {
  return std::max_element(
    queues_.begin(), queues_.end(), [](const auto& left, const auto& right) {
      return left.second.calls.size() < right.second.calls.size();
    });
}

std::size_t line::longest() const {
  return empty() ? 0 : longest_queue()->second.calls.size();
}

exchange_ptr line::make_room(std::uint64_t session) {
  if (empty())
    return nullptr;
  const auto mine = queues_.find(session);
  const auto length = mine == queues_.end() ? 0 : mine->second.calls.size();
  const auto gives = queues_.find(longest_queue()->first);
  auto& calls = gives->second.calls;
  if (length + 1 >= calls.size())
    return nullptr;
  const auto place =
    std::find_if(calls.rbegin(), calls.rend(), [](const exchange_ptr& each) {
      return !frees_objects(each->asked.what);
    });
  if (place == calls.rend())
    return nullptr;
  auto last = std::move(*place);
  calls.erase(std::next(place).base()); // not its only one
  --size_;
  return last;
}

std::vector<exchange_ptr> line::take(std::uint64_t session) {
  const auto place = queues_.find(session);
  if (place == queues_.end())
    return {};
  std::vector<exchange_ptr> taken{place->second.calls.begin(),
                                  place->second.calls.end()};
  size_ -= taken.size();
  forget(place);
  return taken;
}

std::vector<exchange_ptr> line::take_stale(std::uint32_t ended_epoch) {
  std::vector<exchange_ptr> stale;
  for (const auto& [session, mine] : queues_)
    for (const auto& each : mine.calls)
      if (each->to.epoch != 0 && each->to.epoch <= ended_epoch)
        stale.push_back(each);
  for (const auto& each : stale)
    erase(each);
  return stale;
}

std::vector<exchange_ptr> line::take_all() {
  std::vector<exchange_ptr> taken;
  while (const auto turn = next()) {
    taken.push_back(front(turn->session));
    pop_front(turn->session);
  }
  return taken;
}

} // namespace snakebridge
