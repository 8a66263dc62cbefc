#pragma once
// A callback runs on this thread, called by Python in a call that waits for it:
// what it calls in that session runs inside that call. On the thread that made
// it.

#include <memory>
#include <vector>

#include "runtime/calls/exchange.hpp"
#include "runtime/calls/interpreter_host.hpp"

namespace snakebridge {

class callback_scope {
public:
  /// Of the call that waits.
  struct outer_call {
    std::shared_ptr<interpreter_host> host;
    std::uint32_t interpreter = 0;
    std::uint32_t epoch = 0; ///< of that interpreter
    std::uint32_t executor = 0;
    std::uint64_t session = 0; ///< its number
    std::string session_id = {};
    steady_clock::time_point deadline = {};
    cancel_token cancel = {};
    const operation* asked = nullptr;        ///< null: it may be over
    std::weak_ptr<const exchange> call = {}; ///< where it is one
    /// What the callback throws is raised there.
    bool raises = true;
    /// Of Python on another node: what it calls names that.
    std::uint64_t visit = 0;
  };

  explicit callback_scope(outer_call of)
      : of_{std::move(of)},
        around_{std::exchange(innermost(), this)} {}
  ~callback_scope() { innermost() = around_; }
  callback_scope(const callback_scope&) = delete;
  callback_scope& operator=(const callback_scope&) = delete;

  const outer_call& of() const { return of_; }
  callback_scope* around() const { return around_; }
  /// The innermost; null where the thread runs none.
  static callback_scope* here() { return innermost(); }
  /// The innermost of that session.
  static callback_scope* in(const std::string& session) {
    auto* mine = here();
    while (mine != nullptr && mine->of_.session_id != session)
      mine = mine->around_;
    return mine;
  }

  /// Exceptions of calls it made, kept in Python so that they can be raised
  /// again.
  std::vector<ref> kept;
  /// While the callback waits for its program on another node: does what comes
  /// back of calls that are made here for that, on this thread. Else empty.
  job_taker takes_jobs;

private:
  static callback_scope*& innermost() {
    static thread_local callback_scope* scope = nullptr;
    return scope;
  }

  const outer_call of_;
  callback_scope* const around_;
};

} // namespace snakebridge
