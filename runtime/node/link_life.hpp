#pragma once
// Whether a link between two nodes lives, by when bytes came and went: any byte
// is life, an idle link carries beats, and one that is silent for too long is
// lost. And when a node that is lost is dialled again. No clock of its own: the
// time comes with each look. Owned by the link, on its loop's thread.

#include <chrono>
#include <cstdint>

#include "runtime/base/timers.hpp"

namespace snakebridge {

class link_life {
public:
  /// The link was dialled or accepted at `now`.
  link_life(std::chrono::milliseconds heartbeat_limit,
            steady_clock::time_point now);

  /// Bytes came, of a message or a part of one.
  void arrived(steady_clock::time_point now) { last_arrived_ = now; }
  /// Bytes went.
  void sent(steady_clock::time_point now) { last_sent_ = now; }
  /// The handshake is done: beats begin.
  void shaken(steady_clock::time_point now);

  enum class finding {
    nothing,
    beat,        ///< send one, and say `sent`
    silent,      ///< the other end: the link is lost
    not_in_time, ///< the handshake: the link is lost
  };
  finding look(steady_clock::time_point now);
  /// When the next look is due.
  steady_clock::time_point next_look() const;

private:
  steady_clock::time_point silent_at() const;

  std::chrono::milliseconds heartbeat_limit_;
  std::chrono::milliseconds beat_;
  steady_clock::time_point shaken_until_;
  bool is_shaken_ = false;
  steady_clock::time_point last_arrived_, last_sent_;
  /// We were held up ourselves: what came meanwhile has until then to be read.
  steady_clock::time_point heard_until_{};
};

/// When to dial again, each time later, and never two nodes in step.
class redial {
public:
  explicit redial(std::uint64_t seed) : random_{seed} {}

  /// When to dial: after between half a wait and all of it, drawn evenly. The
  /// wait doubles from one to the next.
  steady_clock::time_point next(steady_clock::time_point now);
  /// A link was made.
  void succeeded() { failed_ = 0; }

private:
  std::uint64_t random_;
  unsigned failed_ = 0;
};

} // namespace snakebridge
