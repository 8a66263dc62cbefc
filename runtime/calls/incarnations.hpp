#pragma once
// The lives of one interpreter: their numbers, and how they ended. Owned by an
// `interpreter`.

#include <cstdint>
#include <optional>

#include <snakebridge/error.hpp>

#include "runtime/base/timers.hpp"

namespace snakebridge {

class incarnations {
public:
  /// The present one, or the last; 0: there was none.
  std::uint32_t epoch() const { return epoch_; }
  std::uint32_t deaths() const { return deaths_; }
  std::uint32_t restarts() const { return restarts_; }
  std::uint32_t replaced() const { return replaced_; }
  const std::optional<error>& last_death() const { return last_death_; }
  bool died_since(steady_clock::time_point when) const {
    return last_death_at_ >= when;
  }

  /// The next one begins, when the last has ended: its number.
  std::uint32_t begin();
  /// The number of one that may take the place of the present one.
  std::uint32_t begin_successor() { return ++last_; }
  /// It has taken that place.
  void replace(std::uint32_t successor);
  /// One has ended, and with it its objects; the present one or not.
  void end(std::uint32_t epoch);
  void die(const error& why, steady_clock::time_point when);

  /// Refs to it are stale.
  bool is_over(std::uint32_t epoch) const {
    return epoch <= ended_ || epoch != epoch_;
  }
  std::uint32_t ended() const { return ended_; } ///< up to this one

  /// Deaths so far are no news: `has_died` tells of those to come, and the
  /// next to begin is no restart.
  void forget_deaths() { told_ = made_good_ = deaths_; }
  bool has_died() const { return deaths_ > told_; }

private:
  std::uint32_t epoch_ = 0;
  std::uint32_t last_ = 0; // number given to one
  std::uint32_t ended_ = 0;
  std::uint32_t deaths_ = 0, told_ = 0, made_good_ = 0;
  std::uint32_t restarts_ = 0, replaced_ = 0;
  std::optional<error> last_death_;
  steady_clock::time_point last_death_at_ = steady_clock::time_point::min();
};

} // namespace snakebridge
