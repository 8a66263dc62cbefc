#pragma once
// The actor that a `stream_message` is answered with: gives out the items of
// one stream as they are asked for. It ends with its client, or when nobody
// knows it any more, and the stream with it.

#include <deque>
#include <vector>

#include <caf/typed_event_based_actor.hpp>

#include <snakebridge/actors.hpp>

#include "actors/requester.hpp"
#include "actors/stream_core.hpp"

namespace snakebridge {

struct stream_state {
  explicit stream_state(caf::local_actor* self) : self{self} {}
  stream_state(const stream_state&) = delete;
  stream_state& operator=(const stream_state&) = delete;
  ~stream_state();

  static inline const char* name = "stream";
  caf::local_actor* const self;
  std::shared_ptr<stream_core> items;
  /// Who has asked, and for how many, in order.
  std::deque<std::pair<requester, std::size_t>> asked;
  std::vector<value> batch; ///< taken and not given out, from `at`
  std::size_t at = 0;
  bool is_told = false; ///< of the next
};
static_assert(!std::is_aggregate_v<stream_state>);

stream_actor::behavior_type
stream_of(stream_actor::stateful_pointer<stream_state> self,
          std::shared_ptr<stream_core> items, caf::actor_addr client);

} // namespace snakebridge
