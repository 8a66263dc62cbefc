#pragma once
// How frames get from one process to the other. A frame is a fixed header, one
// encoded message, and descriptors where it has any. Sending never blocks and
// copies no large message: what does not fit stays in the outbox, and `flush`
// goes on with it when the channel is writable. Receiving gives whole frames
// only. Any thread may send, while one receives.

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "runtime/base/descriptor.hpp"

namespace snakebridge {

/// What messages consist of: Cap'n Proto's word, as an integer that can be
/// copied.
using word = std::uint64_t;

enum class frame_kind : std::uint16_t {
  request = 1,
  release,
  reply,
  start,
  ready,
  failed,
  cancel,
  sample,
  sampled,
  // Of the channel itself, without a message.
  bell,  ///< there is something in the ring
  moved, ///< what follows is on the other way, the ring or the socket
  // To the host.
  items,   ///< of a stream, before the reply of their call
  called,  ///< a callback is
  dropped, ///< and is not there any more
  // To the worker.
  returned, ///< has a callback
  // To the host.
  awaiting, ///< is a call, on the event loop
};
inline constexpr auto last_frame_kind = frame_kind::awaiting;

struct frame_header {
  std::uint32_t words = 0; ///< of the message that follows, 8 bytes each
  frame_kind kind = frame_kind::request;
  std::uint16_t descriptors = 0; ///< that come with it
  std::uint64_t call = 0;
  /// When the call must have started: CLOCK_MONOTONIC of this machine.
  std::int64_t deadline_ns = 0;
};
static_assert(sizeof(frame_header) == 24);

struct frame {
  frame_header header;
  std::vector<word> message;
  std::vector<descriptor> descriptors = {}; ///< closed, unless they are taken

  /// False where there was no memory for its message, which is empty then.
  bool is_whole() const { return !message.empty() || header.words == 0; }
};

enum class channel_state {
  open,
  closed,    ///< the other side is gone
  malformed, ///< what it sent is no frame: close it
};

using message_part = std::span<const word>;

/// An encoded message.
class message {
public:
  virtual ~message() = default;
  /// What it consists of; they live as long as this does.
  virtual std::span<const message_part> parts() = 0;
  /// What goes with it, at most limits::frame_descriptors_max; they stay its
  /// own, and the other side gets copies.
  virtual std::span<const descriptor> descriptors() { return {}; }
};

class channel {
public:
  virtual ~channel() = default;

  /// Puts a frame into the outbox, in constant time; `flush` sends it. Its
  /// content, null for none, is not changed any more.
  virtual void post(frame_header header, std::shared_ptr<message> content) = 0;
  /// Sends what is in the outbox, as far as there is room for it: false when
  /// something is left. Another thread that is at it sends all.
  virtual bool flush() = 0;
  bool send(frame_header header, std::shared_ptr<message> content = nullptr) {
    post(header, std::move(content));
    return flush();
  }
  /// Appends the frames that have arrived; waits for one when told to.
  virtual channel_state receive(std::vector<frame>& arrived, bool wait) = 0;
  /// Looks for a moment whether `receive` has something to tell, without
  /// sleeping. As `receive`, for one thread at a time.
  virtual bool spin() = 0;
  /// The thread that receives is about to sleep until `poll_descriptor` is
  /// readable: true when there is something for `receive` already.
  virtual bool doze() = 0;
  /// Becomes readable when `receive` has something to tell, after `doze`.
  virtual int poll_descriptor() const = 0;
  /// Tells the other side that nothing more will be sent.
  virtual void finish_sending() = 0;
  /// Ends it both ways; whoever waits in `receive` or polls wakes up.
  virtual void close() = 0;
};

} // namespace snakebridge
