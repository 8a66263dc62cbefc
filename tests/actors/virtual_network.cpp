#include "virtual_network.hpp"

#include <algorithm>

namespace snakebridge::testing {

using namespace std::chrono_literals;

namespace {

constexpr auto heartbeat_limit = 5s;

} // namespace

std::uint64_t dice::next() {
  state_ += 0x9e3779b97f4a7c15U;
  auto mixed = state_;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
  return mixed ^ (mixed >> 31U);
}

microseconds dice::between(microseconds least, microseconds most) {
  const auto span = static_cast<std::uint64_t>((most - least).count()) + 1;
  return least + microseconds{below(span)};
}

virtual_network::virtual_network(std::size_t machines, std::uint64_t seed)
    : chance_{seed},
      machines_(machines) {}

virtual_network::~virtual_network() {
  for (const auto& each : links_) // what is on its way holds them
    for (auto& side : each->side) {
      side.sent.clear();
      side.on_end = {};
    }
}

bool virtual_network::step(time_point until) {
  if (events_.empty() || events_.top().when > until) {
    now_ = std::max(now_, until);
    return false;
  }
  // The queue's top is const; what runs is about to be popped.
  auto next = std::move(const_cast<event&>(events_.top()));
  events_.pop();
  now_ = next.when;
  next.what();
  return true;
}

void virtual_network::later(microseconds in, action what) {
  events_.push({now_ + in, ++events_made_, std::move(what)});
}

void virtual_network::later(std::size_t process, microseconds in, action what) {
  later(in, [this, process, what = std::move(what)] {
    if (!is_alive(process))
      return;
    run_or_defer(machine_of_[process], [this, process, what] {
      if (is_alive(process))
        what();
    });
  });
}

void virtual_network::run_or_defer(std::size_t on, action what) {
  if (machines_[on].is_stopped)
    machines_[on].deferred.push_back(std::move(what));
  else
    what();
}

std::size_t virtual_network::start(std::size_t machine) {
  const auto process = processes_made_++;
  machine_of_.push_back(machine);
  alive_.insert(process);
  auto& mine = machines_[machine];
  mine.has_power = true;
  mine.process = process;
  return process;
}

void virtual_network::kill(std::size_t machine, bool power_too) {
  auto& mine = machines_[machine];
  if (!mine.process)
    return;
  const auto process = *mine.process;
  mine.process.reset();
  mine.has_power = !power_too;
  mine.is_stopped = false;
  mine.deferred.clear();
  alive_.erase(process);
  for (const auto& each : links_)
    for (const int at : {0, 1}) {
      auto& side = each->side[at];
      if (!side.is_open || side.process != process)
        continue;
      side.is_open = false;
      side.on_end = {};
      if (!power_too)
        tell_end(each, at, end::closed);
    }
}

void virtual_network::wake(std::size_t machine) {
  auto& mine = machines_[machine];
  if (!mine.is_stopped)
    return;
  mine.is_stopped = false;
  // Its timers and what its kernel has kept for it, as they became due.
  for (const auto& each : std::exchange(mine.deferred, {}))
    each();
}

void virtual_network::heal(std::size_t from, std::size_t to) {
  if (cuts_.erase({from, to}) == 0)
    return;
  for (const auto& each : links_)
    for (const int at : {0, 1}) {
      auto& side = each->side[at];
      if (side.machine != from || each->side[1 - at].machine != to)
        continue;
      // The kernel tries again when its own patience, which doubles, is over.
      if (chance_.percent(50))
        side.last_due = now_ + chance_.between(0ms, 3s);
      for (auto left = std::exchange(side.stalled, 0); left > 0; --left)
        deliver_later(each, at);
    }
}

virtual_network::link_ptr
virtual_network::dial(std::size_t process, std::size_t from, std::size_t to,
                      std::function<void(const link_ptr&)> accepted,
                      std::function<void(end)> on_end) {
  std::erase_if(links_, [](const link_ptr& each) {
    return !each->side[0].is_open && !each->side[1].is_open
           && each->side[0].sent.empty() && each->side[1].sent.empty();
  });
  auto made = std::make_shared<link>();
  links_.push_back(made);
  made->side[0].machine = from;
  made->side[0].process = process;
  made->side[0].is_open = true;
  made->side[0].life.emplace(heartbeat_limit, now_);
  made->side[0].on_end = std::move(on_end);
  made->side[1].machine = to;
  look_later(made, 0);
  transmit(made, 0, [this, made, to, accepted = std::move(accepted)] {
    const auto& there = machines_[to];
    if (!there.has_power)
      return;
    if (!there.process)
      return tell_end(made, 1, end::refused);
    made->side[1].process = *there.process;
    made->side[1].is_open = true;
    run_or_defer(to, [this, made, accepted] {
      if (!made->side[1].is_open)
        return;
      made->side[1].life.emplace(heartbeat_limit, now_);
      look_later(made, 1);
      accepted(made);
    });
  });
  return made;
}

void virtual_network::transmit(const link_ptr& over, int from,
                               action delivered) {
  over->side[from].sent.push_back(std::move(delivered));
  deliver_later(over, from);
}

void virtual_network::deliver_later(const link_ptr& over, int from) {
  auto& side = over->side[from];
  const auto delay = chance_.percent(5) ? chance_.between(5ms, 400ms)
                                        : chance_.between(100us, 5ms);
  side.last_due = std::max(side.last_due, now_ + delay);
  later(std::chrono::duration_cast<microseconds>(side.last_due - now_),
        [this, over, from] { deliver(over, from); });
}

// The oldest of what was sent.
void virtual_network::deliver(const link_ptr& over, int from) {
  auto& side = over->side[from];
  if (cuts_.contains({side.machine, over->side[1 - from].machine})) {
    ++side.stalled;
    return;
  }
  const auto delivered = std::move(side.sent.front());
  side.sent.pop_front();
  delivered();
}

void virtual_network::send(const link_ptr& over, int from, action arrived) {
  if (!over->side[from].is_open)
    return;
  over->side[from].life->sent(now_);
  transmit(over, from, [this, over, from, arrived = std::move(arrived)] {
    const auto& other = over->side[1 - from];
    if (!machines_[other.machine].has_power)
      return;
    if (!is_alive(other.process) || !other.is_open)
      return tell_end(over, 1 - from, end::closed);
    run_or_defer(other.machine, [this, over, from, arrived] {
      auto& mine = over->side[1 - from];
      if (!mine.is_open)
        return;
      mine.life->arrived(now_);
      arrived();
    });
  });
}

void virtual_network::close(const link_ptr& over, int at) {
  if (!std::exchange(over->side[at].is_open, false))
    return;
  over->side[at].on_end = {};
  tell_end(over, at, end::closed);
}

// The kernel of side `from` tells the other that it is no longer there.
void virtual_network::tell_end(const link_ptr& over, int from, end why) {
  transmit(over, from, [this, over, from, why] {
    const auto& other = over->side[1 - from];
    if (other.is_open)
      run_or_defer(other.machine,
                   [this, over, from, why] { finish(over, 1 - from, why); });
  });
}

void virtual_network::finish(const link_ptr& over, int at, end why) {
  auto& side = over->side[at];
  if (!std::exchange(side.is_open, false))
    return;
  if (why != end::closed && why != end::refused)
    tell_end(over, at, end::closed);
  if (const auto told = std::exchange(side.on_end, {}))
    told(why);
}

void virtual_network::look_later(const link_ptr& over, int at) {
  const auto due = over->side[at].life->next_look();
  const auto in = std::chrono::ceil<microseconds>(due - now_);
  later(over->side[at].process, std::max(in, 0us),
        [this, over, at] { look(over, at); });
}

void virtual_network::look(const link_ptr& over, int at) {
  auto& side = over->side[at];
  if (!side.is_open)
    return;
  switch (side.life->look(now_)) {
  case link_life::finding::silent:
    return finish(over, at, end::silent);
  case link_life::finding::not_in_time:
    return finish(over, at, end::not_in_time);
  case link_life::finding::beat:
    send(over, at, [] {});
    break;
  case link_life::finding::nothing:
    break;
  }
  look_later(over, at);
}

} // namespace snakebridge::testing
