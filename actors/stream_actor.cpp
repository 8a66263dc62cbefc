#include "actors/stream_actor.hpp"

#include <fmt/format.h>

#include "actors/errors.hpp"
#include "config/tunables.hpp"

namespace snakebridge {

namespace {

using stream_pointer = stream_actor::stateful_pointer<stream_state>;

// Takes the next batch if there is one; nothing: it will be told.
std::optional<stream_core::batch> take(stream_pointer self) {
  auto& state = self->state;
  // Weak: what nobody knows is to end.
  auto taken =
    state.items->take([weak = caf::actor_cast<caf::weak_actor_ptr>(self)] {
      if (const auto to = weak.lock())
        to->enqueue(nullptr, caf::make_message_id(),
                    caf::make_message(news_message{}), nullptr);
    });
  state.is_told = !taken;
  return taken;
}

// Answers those who have asked, as far as there are items.
void give(stream_pointer self) {
  auto& state = self->state;
  while (!state.asked.empty()) {
    items_message given;
    if (state.at == state.batch.size()) {
      if (state.is_told)
        return; // there is nothing yet
      auto taken = take(self);
      if (!taken)
        return;
      state.batch = std::move(taken->items);
      state.at = 0;
      if (taken->failed) {
        state.asked.front().first.answer(
          caf::make_message(to_caf_error(*taken->failed)));
        state.asked.pop_front();
        continue;
      }
      given.ended = state.batch.empty();
    }
    auto& [to, most] = state.asked.front();
    while (given.items.size() < most && state.at < state.batch.size())
      given.items.push_back(std::move(state.batch[state.at++]));
    to.answer(caf::make_message(std::move(given)));
    state.asked.pop_front();
  }
}

} // namespace

stream_state::~stream_state() {
  if (!items)
    return;
  // CAF leaves requests unanswered that wait when an actor ends.
  for (const auto& [to, most] : asked)
    to.answer(caf::make_message(to_caf_error(
      {errc::session_closed, "the stream has ended with who opened it"})));
  batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(at));
  items->let_go(batch);
  items->close([](const result<void>&) {});
}

stream_actor::behavior_type stream_of(stream_pointer self,
                                      std::shared_ptr<stream_core> items,
                                      caf::actor_addr client) {
  self->state.items = std::move(items);
  self->set_down_handler([self](const caf::down_msg&) { self->quit(); });
  self->set_exception_handler(crash_reason);
  watch(self, client);
  return {
    [self](const more_message& wanted) -> caf::result<items_message> {
      auto& asked = self->state.asked;
      if (asked.size() >= limits::stream_requests_max)
        return to_caf_error(
          {errc::overloaded,
           fmt::format("{} requests wait for items of this stream; ask for "
                       "more in one",
                       asked.size())});
      if (wanted.items == 0)
        return to_caf_error({errc::config_invalid,
                             "more_message asks for no items; ask for some"});
      asked.emplace_back(requester{self->make_response_promise()},
                         wanted.items);
      give(self);
      return caf::delegated<items_message>{};
    },
    [self](const news_message&) {
      self->state.is_told = false;
      give(self);
    },
  };
}

} // namespace snakebridge
