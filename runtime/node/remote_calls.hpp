#pragma once
// The client's side of a remote session: the capability by which its owner
// keeps a client for it, and the calls it has in flight, each answered once.
// Owned by node_links as long as there is a handle to it; on the loop's thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include <kj/async.h>
#include <kj/timer.h>

#include "runtime/node/remote_session.hpp"
#include "runtime/node/served_session.hpp"

namespace snakebridge {

class remote_calls final : private kj::TaskSet::ErrorHandler {
public:
  using on_reply = remote_session::on_reply;

  remote_calls(std::shared_ptr<link_parts> link, kj::Timer& timer)
      : link_{std::move(link)},
        timer_{timer} {}
  /// Answers what is in flight with `session_closed`.
  ~remote_calls() noexcept;

  /// Its owner has opened it. `told`: of its end, which may have come.
  void opened(schema::RemoteSession::Client by, on_remote_end told);
  /// It has ended, or its link has: what is in flight answers that, and what
  /// comes. The first reason stays.
  void end(const error& why);
  const std::shared_ptr<link_parts>& link() const { return link_; }

  void submit(std::uint64_t call, std::shared_ptr<message> request,
              steady_clock::time_point deadline, on_reply done);
  void cancel(std::uint64_t call);

private:
  using outcome = result<received_message>;
  struct in_flight {
    on_reply done;
    kj::Own<kj::PromiseFulfiller<outcome>> gives_up;
  };

  std::optional<error> refused(message& request, std::size_t bytes) const;
  kj::Promise<outcome> send(std::shared_ptr<message> request,
                            std::chrono::nanoseconds remaining);
  void answer(std::uint64_t call, outcome with);
  void answer_all(const error& why);
  void taskFailed(kj::Exception&& failed) override;

  const std::shared_ptr<link_parts> link_;
  kj::Timer& timer_;
  on_remote_end told_;
  std::optional<error> ended_;
  std::optional<schema::RemoteSession::Client> session_;
  std::unordered_map<std::uint64_t, in_flight> calls_;
  kj::TaskSet tasks_{*this};
};

} // namespace snakebridge
