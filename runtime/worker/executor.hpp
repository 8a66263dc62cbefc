#pragma once
// One thread of a worker that runs Python: it takes calls, one after the other,
// and answers each. Used on that thread, with the GIL.

#include <memory>

#include "runtime/python/running_call.hpp"
#include "runtime/wire/messages.hpp"
#include "runtime/worker/executors.hpp"

namespace [[gnu::visibility("hidden")]] snakebridge {

class executor {
public:
  executor(executors& all, std::size_t number) : all_{all}, number_{number} {}

  /// That of this thread; null: it is none.
  static executor* here();
  std::size_t number() const { return number_; }
  /// Serves one frame; false when the host speaks another language.
  bool take(const frame& received);
  /// Until nothing more will come. On its thread, with the GIL.
  void serve() noexcept;

private:
  using message = std::unique_ptr<wire::outgoing>;

  static executor*& of_this_thread();
  void end_if_forked() const;
  void answer(const frame& received);
  static std::shared_ptr<wire::room> new_room();
  message perform_call(const frame& received, const running_call& running);

  executors& all_;
  const std::size_t number_;
  static constexpr std::size_t room_words = std::size_t{1} << 17U;
  std::shared_ptr<wire::room> room_; // of the last reply
};

} // namespace gnu::visibility("hidden")]]snakebridge
