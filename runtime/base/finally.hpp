#pragma once
// Does something at the end of its scope, however that is left.

#include <utility>

namespace snakebridge {

template <class Act>
class finally {
public:
  explicit finally(Act act) : act_{std::move(act)} {}
  ~finally() { act_(); }
  finally(const finally&) = delete;
  finally& operator=(const finally&) = delete;

private:
  Act act_;
};

} // namespace snakebridge
