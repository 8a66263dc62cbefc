#pragma once
// For threads of the program that wait for what may need the GIL: a program
// that embeds Python itself may call us with it.

namespace snakebridge {

/// This thread does not hold the GIL while the scope lasts.
class without_gil {
public:
  without_gil();
  ~without_gil();
  without_gil(const without_gil&) = delete;
  without_gil& operator=(const without_gil&) = delete;

private:
  void* held_; // null: it did not before
};

} // namespace snakebridge
