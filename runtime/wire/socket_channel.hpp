#pragma once
// A channel over one end of a Unix stream socket pair, and, between a bridge
// and its worker, over memory they share: what fits into the ring goes that
// way, without the kernel, and what does not, or has descriptors, through the
// socket. At any time one of the two is in use in each direction; `moved` is
// the last frame on the one before the other is. The socket also wakes a
// reader that sleeps, and its end tells that the other side is gone.

#include <deque>
#include <mutex>
#include <optional>

#include <sys/uio.h>

#include "runtime/base/descriptor.hpp"
#include "runtime/base/fault_points.hpp"
#include "runtime/base/spinner.hpp"
#include "runtime/wire/channel.hpp"
#include "runtime/wire/ring.hpp"

namespace snakebridge {

class socket_channel final : public channel {
public:
  /// `frame_bytes_max` bounds what the other side may send at once.
  socket_channel(descriptor socket, std::size_t frame_bytes_max);
  /// The rings outlive it.
  socket_channel(descriptor socket, std::size_t frame_bytes_max, ring& to,
                 ring& from);

  void post(frame_header header, std::shared_ptr<message> content) override;
  bool flush() override;
  channel_state receive(std::vector<frame>& arrived, bool wait) override;
  bool spin() override;
  bool doze() override { return is_unparsed_ || (from_ring_ && in_->doze()); }
  int poll_descriptor() const override { return socket_.get(); }
  void finish_sending() override;
  void close() override;

private:
  /// What is to happen to a frame on purpose.
  struct frame_fault {
    fault_point where;
    testing::fault what;
  };
  static std::optional<frame_fault> fault_of(frame_kind kind);
  std::optional<ssize_t> send_with(const frame_fault& fault,
                                   std::span<const iovec> parts) const;

  /// A frame in the outbox.
  struct posted {
    frame_header header;
    std::shared_ptr<message> content = nullptr;
    std::span<const message_part> parts = {};
    std::optional<frame_fault> fault = {};
    std::size_t sent = 0; // bytes, through the socket
  };

  // Of the sender.
  bool fits_ring(const posted& next) const;
  bool send_posted(posted& next);
  bool send_through_socket(posted& of) const;
  void write_to_ring(const posted& from);

  // Of the receiver.
  bool has_come();
  channel_state read_ring(std::vector<frame>& arrived);
  ssize_t read_socket(std::vector<frame>& arrived, bool sleeps, bool& is_empty);
  ssize_t receive_some(void* into, std::size_t bytes, int flags);
  channel_state parse(std::vector<frame>& arrived);
  bool is_valid(const frame_header& header) const;
  bool take_own(const frame_header& header);
  bool claim_descriptors(frame& next);
  void grow_partial();

  snakebridge::descriptor socket_;
  const std::size_t frame_words_max_;

  std::mutex posting_;
  std::deque<posted> outbox_;
  bool flushing_ = false; // by one thread: the first of the outbox is its, and
  std::optional<ring_writer> out_; // these are
  bool to_ring_ = false;

  spinner spin_; // the waiting thread's

  // The receiver's: what has arrived of frames, and the large frame that is
  // being read straight into its place.
  std::optional<ring_reader> in_;
  bool from_ring_ = false;
  std::vector<word> staged_;
  std::size_t staged_bytes_ = 0;
  bool is_unparsed_ = false; // there is more in there than was looked at
  frame partial_;
  std::size_t partial_bytes_ = 0;
  bool in_partial_ = false;
  bool skips_partial_ = false;       // there is no memory for it
  std::deque<descriptor> unclaimed_; // of frames whose header is still to come
  bool lost_descriptors_ = false;    // more came than we take
};

} // namespace snakebridge
