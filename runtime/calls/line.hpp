#pragma once
// Calls that wait, taken out fairly: sessions in turn, one call each, and the
// calls of one session in order. So a session with a thousand calls keeps one
// with a single call from its turn no longer than any other; and where there is
// room for no more, it is the longest that gives way. Turns are numbered, so
// that several lines can be served as if they were one. Owned by a dispatcher,
// under its lock.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "runtime/calls/exchange.hpp"

namespace snakebridge {

/// The numbers of turns in all lines of a dispatcher: they ascend.
class turn_numbers {
public:
  std::int64_t next() { return ++last_; }
  /// One before all others.
  std::int64_t first() { return --first_; }

private:
  std::int64_t last_ = 0, first_ = 0;
};

class line {
public:
  explicit line(turn_numbers& numbers) : numbers_{numbers} {}

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  void push_back(exchange_ptr last);
  /// It is next, before all others: as if it had never been taken out.
  void push_front(exchange_ptr next);

  struct turn_of {
    std::uint64_t session;
    std::int64_t number;
  };
  /// Whose turn it is, of the sessions that fit; nothing: none does.
  template <class Fits>
  std::optional<turn_of> next(const Fits& fits) const {
    const auto place =
      std::find_if(turns_.begin(), turns_.end(),
                   [&](const turn_of& each) { return fits(each.session); });
    return place == turns_.end() ? std::nullopt : std::optional{*place};
  }
  std::optional<turn_of> next() const {
    return empty() ? std::nullopt : std::optional{turns_.front()};
  }
  /// The first call of a session that has one here.
  const exchange_ptr& front(std::uint64_t session) const;
  /// Takes it out; then it is another session's turn.
  void pop_front(std::uint64_t session);
  /// False when it is not there.
  bool erase(const exchange_ptr& gone);
  /// How many calls the session has here that has the most.
  std::size_t longest() const;
  /// Takes out the last call of the session with the most that lets no objects
  /// go, if another of `session` would not make it have as many; else null.
  exchange_ptr make_room(std::uint64_t session);
  /// Takes out all of a session, in order.
  std::vector<exchange_ptr> take(std::uint64_t session);
  /// Takes out all with refs to incarnations up to this one.
  std::vector<exchange_ptr> take_stale(std::uint32_t ended_epoch);
  /// Takes out all, in the order of their turns.
  std::vector<exchange_ptr> take_all();

private:
  using turns = std::list<turn_of>;
  struct queue {
    std::deque<exchange_ptr> calls;
    turns::iterator turn;
  };
  using queues = std::unordered_map<std::uint64_t, queue>;

  void forget(queues::iterator empty);
  queues::const_iterator longest_queue() const;

  turn_numbers& numbers_;
  queues queues_; // of sessions that have calls here; none is empty
  turns turns_;   // the same sessions: whose turn it is first
  std::size_t size_ = 0;
};

} // namespace snakebridge
