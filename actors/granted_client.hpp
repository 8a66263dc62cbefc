#pragma once
// The client of another node in a session of this one: a hidden client as a
// thread has one, which ends with the capability that the other node holds, or
// with its link. It reads the calls that come, and makes them as any client
// does. Owned by the link; on the loop's thread, but for answers and what is
// large.

#include <functional>
#include <memory>

#include "actors/client.hpp"
#include "runtime/node/remote_session.hpp"
#include "runtime/node/value_thread.hpp"

namespace snakebridge {

class granted_client final : public remote_client {
public:
  using on_counted = std::function<void(const result<std::size_t>&)>;
  /// `mine` owns the session. `values` reads and writes what is large.
  /// `release` ends the session, and tells how many objects it had. `on_end`
  /// runs in its destructor.
  granted_client(std::unique_ptr<client> mine, session_ptr in,
                 std::size_t payload_bytes_max,
                 std::shared_ptr<value_thread> values,
                 std::function<void(on_counted)> release,
                 std::function<void()> on_end);
  ~granted_client() override;

  void submit(std::uint64_t call, received_message request,
              steady_clock::time_point deadline, on_remote_reply done) override;
  void cancel(std::uint64_t call) override;

private:
  class read_stream;
  class visit;
  class calls;

  const std::unique_ptr<client> mine_;
  const std::shared_ptr<value_thread> values_;
  const std::function<void()> on_end_;
  const std::shared_ptr<calls> calls_; // those that are read may outlive it
};

} // namespace snakebridge
