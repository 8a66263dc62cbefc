#pragma once
// Who asked an actor for something, so that any thread can answer without that
// actor, also when it has ended.

#include <utility>

#include <caf/response_promise.hpp>

namespace snakebridge {

class requester {
public:
  explicit requester(const caf::response_promise& asked)
      : source_{asked.source()},
        id_{asked.id()} {}

  void answer(caf::message with) const {
    if (source_)
      source_->enqueue(nullptr, id_.response_id(), std::move(with), nullptr);
  }

private:
  caf::strong_actor_ptr source_;
  caf::message_id id_;
};

} // namespace snakebridge
