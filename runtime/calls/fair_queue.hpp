#pragma once
// Calls that wait, taken out fairly: sessions in turn, one call each, and the
// calls of one session in order. So a session with a thousand calls keeps one
// with a single call from its turn no longer than any other; and where there is
// room for no more, it is the longest line that gives way. Owned by a
// call_queue, under its lock.

#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <unordered_map>
#include <vector>

#include "runtime/calls/call.hpp"

namespace snakebridge {

class fair_queue {
public:
  /// `movable` counts those that another interpreter may run; null: nobody
  /// wants to know. Any thread may read it.
  explicit fair_queue(std::atomic<std::size_t>* movable = nullptr)
      : movable_{movable} {}

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  void push_back(call_ptr last);
  /// It is next, before all others: as if it had never been taken out.
  void push_front(call_ptr next);
  /// The call whose turn it is. There must be one.
  const call_ptr& front() const;
  /// Takes it out; then it is another session's turn.
  void pop_front();
  /// The first that another interpreter may run, of a session that lives, and
  /// not answered; null: there is none.
  call_ptr first_movable() const;
  bool contains(const call_ptr& one) const;
  /// False when it is not there.
  bool erase(const call_ptr& gone);
  /// Takes out the last call of the longest line that lets no objects go, if
  /// another call of `session` would not make its line as long; else null.
  call_ptr make_room(std::uint64_t session);
  /// Takes out all of a session, in order.
  std::vector<call_ptr> take(std::uint64_t session);
  /// Takes out all with refs to incarnations up to this one.
  std::vector<call_ptr> take_stale(std::uint32_t ended_epoch);
  /// Takes out all, in the order of their turns.
  std::vector<call_ptr> take_all();

private:
  using turns = std::list<std::uint64_t>;
  struct line {
    std::deque<call_ptr> calls;
    turns::iterator turn;
  };
  using lines = std::unordered_map<std::uint64_t, line>;

  line& line_of(std::uint64_t session, turns::const_iterator turn_if_new);
  void forget(lines::iterator empty);
  void came(const call& one);
  void went(const call& one);

  lines lines_; // of sessions that have calls here; none is empty
  turns turns_; // the same sessions: whose turn it is first
  std::size_t size_ = 0;
  std::size_t movable_here_ = 0;
  std::atomic<std::size_t>* const movable_;
};

} // namespace snakebridge
