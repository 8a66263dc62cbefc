#pragma once
// Where code of the program runs that goes on with an answer, or that Python
// calls: in the session of the call, on the callback threads of its bridge
// where no thread waits for it. May outlive both; any thread.

#include <memory>
#include <optional>

#include <snakebridge/future.hpp>

#include "bridge/bridge_core.hpp"
#include "runtime/calls/callback_scope.hpp"

namespace snakebridge::detail {

class continuation_place final
    : public program_side,
      public std::enable_shared_from_this<continuation_place> {
public:
  /// `session`: null where none was found, and calls are the thread's own.
  /// `around`: the callback that goes on there; null: none.
  explicit continuation_place(const std::shared_ptr<bridge_core>& of,
                              const session_ptr& session = nullptr,
                              const callback_scope* around = nullptr)
      : core_{of},
        threads_{of->callback_threads()},
        clock_{of->clock()},
        tools_{of->tools_callback()},
        session_{session} {
    if (around != nullptr) {
      around_ = around->of();
      around_->raises = false;
      around_->asked = nullptr;
    }
  }

  void run_here(const std::function<void()>& what) const override;
  void run_later(std::function<void()> what) const override;
  std::optional<callback> tools() const override { return tools_; }
  timers& clock() const { return *clock_; }

private:
  const std::weak_ptr<bridge_core> core_;
  const std::shared_ptr<background> threads_;
  const std::shared_ptr<timers> clock_;
  const callback tools_;
  const std::weak_ptr<session_core> session_; // which has this
  // Of a future that was made in a callback.
  std::optional<callback_scope::outer_call> around_;
};

} // namespace snakebridge::detail
