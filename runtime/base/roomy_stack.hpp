#pragma once
// Values nest, and so do the functions that read and write them. A thread of
// the program may have a small stack: what may not fit there runs on another.

#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace snakebridge {

/// Whether so many bytes of this thread's stack are left. Where nobody knows
/// (the stack is none of the thread's own) it is taken for granted.
bool has_stack(std::size_t bytes);

/// Runs `work` on a thread made for it, with room for the deepest value, and
/// waits for its end. Throws what it throws, and std::bad_alloc when there is
/// no memory for a thread.
void run_on_roomy_stack(const std::function<void()>& work);

/// What `ask` answers or throws; it may need so many bytes of stack.
template <class Ask>
auto with_stack(std::size_t bytes, Ask ask) -> decltype(ask()) {
  if (has_stack(bytes))
    return ask();
  if constexpr (std::is_void_v<decltype(ask())>) {
    run_on_roomy_stack(ask);
  } else {
    std::optional<decltype(ask())> answer;
    run_on_roomy_stack([&] { answer.emplace(ask()); });
    return *std::move(answer);
  }
}

} // namespace snakebridge
