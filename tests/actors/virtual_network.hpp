#pragma once
// Machines, processes and links between them on virtual time, for tests of what
// nodes decide. A link is as TCP makes it: in order, nothing lost while both
// ends live, held up where the network is cut, and an end is told if it can be.
// Whether an end gives its link up is decided by link_life. Of one test, on its
// thread; all that is random comes from its seed.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <utility>
#include <vector>

#include "runtime/node/link_life.hpp"

namespace snakebridge::testing {

using microseconds = std::chrono::microseconds;

/// All the chance in a run.
class dice {
public:
  explicit dice(std::uint64_t seed) : state_{seed} {}
  std::uint64_t next();
  /// 0 to `sides` - 1.
  std::uint64_t below(std::uint64_t sides) { return next() % sides; }
  bool percent(unsigned chance) { return below(100) < chance; }
  microseconds between(microseconds least, microseconds most);

private:
  std::uint64_t state_;
};

class virtual_network {
public:
  using action = std::function<void()>;
  using time_point = steady_clock::time_point;

  /// Why an end of a link has ended.
  enum class end { closed, silent, not_in_time, refused };
  /// One link; `side[0]` dialled. Processes are numbers, never used twice.
  struct link {
    struct end_of {
      std::size_t machine = 0;
      std::size_t process = 0;
      bool is_open = false;
      std::optional<link_life> life = {};
      std::function<void(end)> on_end = {};
      std::deque<action> sent = {}; ///< and not delivered
      time_point last_due = {};     ///< of these
      std::size_t stalled = 0;      ///< of these were due while it was cut
    } side[2];
  };
  using link_ptr = std::shared_ptr<link>;

  virtual_network(std::size_t machines, std::uint64_t seed);
  ~virtual_network();
  virtual_network(const virtual_network&) = delete;
  virtual_network& operator=(const virtual_network&) = delete;

  time_point now() const { return now_; }
  dice& chance() { return chance_; }
  /// Runs the next event; false: none is left before `until`.
  bool step(time_point until);

  /// What the world does, whatever becomes of the machines.
  void later(microseconds in, action what);
  /// What a process does: later if it is stopped, never if it is dead.
  void later(std::size_t process, microseconds in, action what);

  std::size_t start(std::size_t machine);
  /// Its ends of links are closed by its kernel, unless the power goes too.
  void kill(std::size_t machine, bool power_too);
  void stop(std::size_t machine) { machines_[machine].is_stopped = true; }
  void wake(std::size_t machine);
  bool is_running(std::size_t machine) const {
    return machines_[machine].process.has_value();
  }
  bool is_stopped(std::size_t machine) const {
    return machines_[machine].is_stopped;
  }
  bool is_alive(std::size_t process) const { return alive_.contains(process); }
  void cut(std::size_t from, std::size_t to) { cuts_.insert({from, to}); }
  void heal(std::size_t from, std::size_t to);

  /// `accepted` runs in the process that answers; `on_end` in the one that
  /// dials, if it ends.
  link_ptr dial(std::size_t process, std::size_t from, std::size_t to,
                std::function<void(const link_ptr&)> accepted,
                std::function<void(end)> on_end);
  /// Runs `arrived` at the other end, if this one and that are open by then.
  void send(const link_ptr& over, int from, action arrived);
  /// The handshake is done, for that end.
  void shaken(const link_ptr& over, int at) {
    over->side[at].life->shaken(now_);
  }
  /// Ends it for this end, which hears no more of it; the other is told.
  void close(const link_ptr& over, int at);

private:
  struct machine {
    bool has_power = true;
    bool is_stopped = false;
    std::optional<std::size_t> process = {};
    std::deque<action> deferred = {}; ///< while it is stopped
  };
  struct event {
    time_point when;
    std::uint64_t order;
    action what;

    bool operator<(const event& other) const {
      return std::tie(other.when, other.order) < std::tie(when, order);
    }
  };

  void transmit(const link_ptr& over, int from, action delivered);
  void deliver_later(const link_ptr& over, int from);
  void deliver(const link_ptr& over, int from);
  void run_or_defer(std::size_t on, action what);
  void finish(const link_ptr& over, int at, end why);
  void tell_end(const link_ptr& over, int from, end why);
  void look(const link_ptr& over, int at);
  void look_later(const link_ptr& over, int at);

  time_point now_{std::chrono::hours{1}};
  dice chance_;
  std::priority_queue<event> events_;
  std::uint64_t events_made_ = 0;
  std::vector<machine> machines_;
  std::size_t processes_made_ = 0;
  std::set<std::size_t> alive_;
  std::vector<std::size_t> machine_of_; ///< by process
  std::set<std::pair<std::size_t, std::size_t>> cuts_;
  std::vector<link_ptr> links_;
};

} // namespace snakebridge::testing
