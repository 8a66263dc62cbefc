#pragma once
// Where what goes on with the answer of a future runs: on the callback threads
// of a bridge, in the session of the call that was answered. Shared by futures
// made of one call; may outlive the bridge.

#include <memory>

#include <snakebridge/future.hpp>

#include "bridge/bridge_core.hpp"

namespace snakebridge::detail {

class continuation_place {
public:
  /// `session`: null where none was found, and calls are the thread's own.
  explicit continuation_place(const std::shared_ptr<bridge_core>& of,
                              session_ptr session = nullptr)
      : core_{of},
        threads_{of->callback_threads()},
        clock_{of->clock()},
        session_{std::move(session)} {}

  /// Runs it on a callback thread, where its calls use the session.
  void run(std::function<void()> what) const;
  timers& clock() const { return *clock_; }
  const session_ptr& session() const { return session_; }

private:
  const std::weak_ptr<bridge_core> core_;
  const std::shared_ptr<background> threads_;
  const std::shared_ptr<timers> clock_;
  const session_ptr session_;
};

} // namespace snakebridge::detail
