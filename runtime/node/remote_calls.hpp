#pragma once
// The client's side of a remote session: the capability by which its owner
// keeps a client for it, and the calls it has in flight, each answered once.
// Owned by node_links as long as there is a handle to it; on the loop's thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <kj/async.h>
#include <kj/timer.h>

#include "runtime/node/link_parts.hpp"
#include "runtime/node/pending_answers.hpp"
#include "runtime/node/remote_session.hpp"

namespace snakebridge {

class remote_calls {
public:
  using on_reply = remote_session::on_reply;

  remote_calls(std::shared_ptr<link_parts> link, kj::Timer& timer)
      : link_{std::move(link)},
        timer_{timer},
        calls_{link_} {}
  /// Answers what is in flight with `session_closed`.
  ~remote_calls() noexcept;

  /// Its owner has opened it. `told`: of its end, which may have come.
  void opened(schema::RemoteSession::Client by, on_remote_end told);
  /// Its owner says that it has ended: once what was answered before has been
  /// taken.
  void ended_there(const error& why);
  /// It has ended, or its link has: what is in flight answers that, and what
  /// comes. The first reason stays.
  void end(const error& why);
  /// The same, but what is in flight is answered by `end`, which follows.
  void tell_end(const error& why);
  const std::shared_ptr<link_parts>& link() const { return link_; }

  void submit(std::uint64_t call, sent_request request,
              steady_clock::time_point deadline, on_reply done);
  void cancel(std::uint64_t call);

private:
  using outcome = pending_answers::outcome;
  class taking;

  std::optional<error> refused(message& request, std::size_t bytes) const;
  kj::Promise<outcome> send(sent_request request,
                            std::chrono::nanoseconds remaining);

  const std::shared_ptr<link_parts> link_;
  kj::Timer& timer_;
  on_remote_end told_;
  std::optional<error> ending_; // its owner has said so
  std::optional<error> ended_;
  /// Null once it is gone.
  const std::shared_ptr<remote_calls*> self_ =
    std::make_shared<remote_calls*>(this);
  std::size_t taking_ = 0; // large replies that come, or are read
  kj::Promise<void> end_comes_ = kj::READY_NOW;
  std::optional<schema::RemoteSession::Client> session_;
  pending_answers calls_;
};

} // namespace snakebridge
