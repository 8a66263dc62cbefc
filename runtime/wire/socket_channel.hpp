#pragma once
// A channel over one end of a Unix stream socket pair.

#include <deque>
#include <mutex>

#include "runtime/base/descriptor.hpp"
#include "runtime/base/spinner.hpp"
#include "runtime/wire/channel.hpp"

namespace snakebridge {

class socket_channel final : public channel {
public:
  /// `frame_bytes_max` bounds what the other side may send at once.
  socket_channel(descriptor socket, std::size_t frame_bytes_max);

  void post(frame_header header, std::shared_ptr<message> content) override;
  bool flush() override;
  channel_state receive(std::vector<frame>& arrived, bool wait) override;
  bool spin() override;
  int poll_descriptor() const override { return socket_.get(); }
  void finish_sending() override;
  void close() override;

private:
  bool has_come();
  channel_state parse(std::vector<frame>& arrived);
  void grow_partial();

  snakebridge::descriptor socket_;
  const std::size_t frame_words_max_;

  /// A frame in the outbox.
  struct posted {
    frame_header header;
    std::shared_ptr<message> content;
    std::vector<message_part> parts;
    std::size_t sent = 0; // bytes
  };
  bool send_rest(posted& of) const;

  std::mutex posting_;
  std::deque<posted> outbox_;
  bool flushing_ = false; // by one thread: the first of the outbox is its

  spinner spin_; // the waiting thread's

  // The receiver's: what has arrived of frames, and the large frame that is
  // being read straight into its place.
  std::vector<word> staged_;
  std::size_t staged_bytes_ = 0;
  bool is_unparsed_ = false; // what `spin` has brought in
  frame partial_;
  std::size_t partial_bytes_ = 0;
  bool in_partial_ = false;
};

} // namespace snakebridge
