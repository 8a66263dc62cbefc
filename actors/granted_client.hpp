#pragma once
// The client of another node in a session of this one: a hidden client as a
// thread has one, which ends with the capability that the other node holds, or
// with its link. It reads the calls that come, and makes them as any client
// does. Owned by the link; on the loop's thread, but for answers.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <unordered_map>

#include "actors/client.hpp"
#include "runtime/node/remote_session.hpp"

namespace snakebridge {

class granted_client final : public remote_client {
public:
  using on_counted = std::function<void(const result<std::size_t>&)>;
  /// `mine` owns the session. `release` ends that, and tells how many objects
  /// it had. `on_end` runs in its destructor.
  granted_client(std::unique_ptr<client> mine, session_ptr in,
                 std::size_t payload_bytes_max,
                 std::function<void(on_counted)> release,
                 std::function<void()> on_end);
  ~granted_client() override;

  void submit(std::uint64_t call, std::vector<word> request,
              steady_clock::time_point deadline, on_remote_reply done) override;
  void cancel(std::uint64_t call) override;

private:
  class read_stream;
  /// Interpreter, its epoch and the slot there: each incarnation numbers its
  /// own slots.
  using stream_place = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>;
  static stream_place place_of(const ref& named) {
    return {named.interpreter, named.epoch, named.slot};
  }
  void read(std::uint64_t call, operation asked, call_options options,
            on_remote_reply done);
  static void make_batch(const session_ptr& in,
                         const std::shared_ptr<read_stream>& of,
                         const operation& next, const call_options& options);
  void forget_streams(const operation& freed);
  void start(std::uint64_t call, call_options& options, cancel_source by = {});

  /// What cancels the calls that run.
  struct running {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, cancel_source> calls;

    std::optional<cancel_source> take(std::uint64_t call);
  };

  const std::unique_ptr<client> mine_;
  const session_ptr in_;
  const std::size_t payload_bytes_max_;
  const std::function<void(on_counted)> release_;
  const std::function<void()> on_end_;
  const std::shared_ptr<running> running_ = std::make_shared<running>();
  std::map<stream_place, std::shared_ptr<read_stream>> streams_;
};

} // namespace snakebridge
