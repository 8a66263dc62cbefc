#pragma once
// The hidden client: the actor that stands for a plain thread, or for the
// handles of an explicit session, and owns sessions for them. It ends when its
// `client` is destroyed, or with the bridge, whichever is first; the end of a
// session does not end it.

#include <memory>
#include <mutex>
#include <set>

#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>
#include <caf/fwd.hpp>

namespace snakebridge {

class client;

/// The living clients of one bridge. Any thread.
class clients {
public:
  /// Ends them all; those made later are born ended.
  void end_all();

private:
  friend class client;

  std::mutex mutex_;
  bool closed_ = false;
  std::set<client*> living_;
};

class client {
public:
  client(caf::actor_system& system, std::shared_ptr<clients> known);
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  /// What sessions know it by.
  const caf::actor_addr& address() const { return address_; }

private:
  friend class clients;

  const std::shared_ptr<clients> known_;
  caf::actor actor_; // null once ended; under the lock of `clients`
  caf::actor_addr address_;
};

} // namespace snakebridge
