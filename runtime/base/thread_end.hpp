#pragma once
// Whether this thread still has its thread-locals: destructors of statics run
// after those, and whatever finds one by then finds what was destroyed.

namespace snakebridge {

/// Must have been asked before on this thread, by who uses thread-locals there.
inline bool thread_locals_are_gone() {
  static thread_local bool are_gone = false; // can be read after its end
  struct end {
    ~end() { are_gone = true; }
  };
  static thread_local const end mine;
  static_cast<void>(&mine);
  return are_gone;
}

} // namespace snakebridge
