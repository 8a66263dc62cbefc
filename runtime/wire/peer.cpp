#include "runtime/wire/peer.hpp"

#include <poll.h>

#include "runtime/base/event.hpp"

namespace snakebridge {

void peer::call_leader() {
  if (call_ != nullptr)
    signal(*call_);
}

peer::news peer::sleep(steady_clock::time_point until) {
  if (doze())
    return news::readable;
  pollfd watched[] = {{channel_->poll_descriptor(), POLLIN, 0},
                      {call_ != nullptr ? call_->get() : -1, POLLIN, 0}};
  if (!poll_until(watched, until))
    return news::time;
  if (watched[1].revents != 0)
    drain(*call_);
  return watched[0].revents != 0 ? news::readable : news::called;
}

} // namespace snakebridge
