#pragma once
// An owned file descriptor: closed with its owner.

#include <cerrno>
#include <utility>

#include <unistd.h>

namespace snakebridge {

class descriptor {
public:
  descriptor() = default;
  explicit descriptor(int number) : number_{number} {}
  descriptor(descriptor&& other) noexcept
      : number_{std::exchange(other.number_, -1)} {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() { reset(); }

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  void reset() {
    if (number_ >= 0)
      ::close(std::exchange(number_, -1));
  }

private:
  int number_ = -1;
};

/// What the system has too little of now, it may have later.
inline bool is_shortage(int number) {
  return number == EMFILE || number == ENFILE || number == EAGAIN
         || number == ENOMEM;
}

} // namespace snakebridge
