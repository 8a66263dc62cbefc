#pragma once
// How many refs a session holds and may hold. Each interpreter keeps the
// session within its bound and tells with every reply how many it has; what
// they told is added up here, in the session's gate, so that the bound is the
// session's and not the interpreter's. Any thread.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include <snakebridge/config.hpp>

#include "runtime/values/origin.hpp"

namespace snakebridge {

/// What a reply told of a session.
struct refs_told {
  std::uint32_t interpreter = 0;
  std::uint32_t epoch = 0;
  std::uint64_t reply = 0; ///< they are numbered, for each incarnation
  std::uint32_t held = 0;
  bool names = false; ///< there are some in the session's namespace
};

class session_refs {
public:
  explicit session_refs(const ref_rules& rules) : rules_{rules} {}

  /// What holds for the session's next call there.
  ref_bounds bounds_in(std::uint32_t interpreter) const;
  /// What holds where nothing is held elsewhere.
  ref_bounds rules() const { return {.rules = rules_}; }
  /// No interpreter that keeps to the rules holds more.
  std::uint64_t max() const { return rules_.max; }
  /// Of several threads that read replies one may be late: what a reply before
  /// the last has told counts no more. `session`: its id, to warn of.
  void told(const refs_told& now, const std::string& session);
  /// The session would lose something if that interpreter were replaced.
  bool is_used(std::uint32_t interpreter) const;
  /// In all of them, as far as they have told.
  std::uint64_t held() const;
  /// Incarnations of it up to that one are over: what they held is gone.
  void forget_up_to(std::uint32_t interpreter, std::uint32_t epoch);

private:
  std::uint64_t sum() const;
  void counts_changed();

  const ref_rules rules_;
  // The one that has told; 0: none has. Most often it is the one to be called.
  std::atomic<std::uint32_t> only_ = 0;
  static constexpr std::uint32_t several = ~0U;

  mutable std::mutex mutex_;
  std::vector<refs_told> counts_; // by each interpreter, in its last reply
  bool warned_ = false;           // until it is below the threshold again
};

/// The refusal of a full session, with its id, which Python's side cannot know.
error naming_session(error refused, const std::string& session);

} // namespace snakebridge
