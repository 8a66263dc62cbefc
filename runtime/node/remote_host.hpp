#pragma once
// The host of a session that is on another node: its Python runs there, and its
// calls go over a link. It serves the stand-in of that session alone, through a
// dispatcher of its own, so that all above it is as it is for a worker. Its end
// is that of the remote client, with which the owner releases what it held.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "runtime/calls/interpreter_host.hpp"
#include "runtime/node/remote_session.hpp"
#include "runtime/node/value_thread.hpp"

namespace snakebridge {

class remote_host final : public interpreter_host,
                          public std::enable_shared_from_this<remote_host> {
public:
  /// `values`: reads what is large.
  remote_host(std::unique_ptr<remote_session> over,
              std::shared_ptr<value_thread> values,
              std::size_t payload_bytes_max);

  /// It is ready from the start, and never says `on_end`: the links tell who
  /// made it.
  void start(host_events events) override;
  void stop() override;
  void kill(std::string reason) override;
  bool accept(const exchange_ptr& taken) override;
  bool accept_inside(const exchange_ptr& taken) override;
  void flush() override;
  call_stage abandon(exchange& given_up) override;
  void withdraw(std::uint64_t session) override;
  void release(std::uint64_t session, std::size_t executor) override;
  std::size_t running() const override;
  bool has_ended() const override;
  host_stats stats() const override { return {.running = running()}; }

private:
  class given;

  /// Null: it is answered.
  exchange_ptr find(std::uint64_t call) const;
  bool take_in(const exchange_ptr& taken, std::uint64_t visit);
  sent_request request_of(const exchange& made, std::uint64_t visit);
  void send(const exchange_ptr& made);
  void take(std::uint64_t call, result<received_message> replied);
  void finish(std::uint64_t call, result<received_message> replied);

  /// A call that is on its way.
  struct sent_call {
    exchange_ptr made;
    std::uint64_t visit = 0;  ///< of the callback that makes it; 0: none
    std::uint64_t number = 0; ///< the link's own; 0: it has not got it yet
  };

  const std::shared_ptr<value_thread> values_;
  const std::size_t payload_bytes_max_;
  mutable std::mutex mutex_;
  std::shared_ptr<remote_session> over_; ///< null: it has ended
  std::function<void()> on_room_;
  std::uint64_t last_ = 0;
  std::deque<exchange_ptr> outbox_;
  bool is_sending_ = false; ///< a thread empties the outbox
  std::unordered_map<std::uint64_t, sent_call> calls_; ///< by exchange::id
};

} // namespace snakebridge
