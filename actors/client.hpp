#pragma once
// The hidden client: the actor that stands for a plain thread, or for the
// handles of an explicit session, and owns sessions for them. It ends when its
// `client` is destroyed, or with the bridge, whichever is first; the end of a
// session does not end it.

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <caf/actor.hpp>

#include "actors/sessions.hpp"
#include "runtime/base/process_mark.hpp"

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
  const process_mark process_;
  bool closed_ = false;
  std::set<client*> living_;
};

/// One thread at a time.
class client {
public:
  client(caf::actor_system& system, std::shared_ptr<clients> known,
         std::shared_ptr<sessions> where);
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  /// Opens or joins a session, to own it until both end. Waits as
  /// `sessions::await_room` does. Errors: those of `sessions::open`;
  /// overloaded, cancelled.
  result<session_ptr> open(const session_options& wanted, call_options& of_call,
                           std::string_view prefix = "session_");
  result<session_ptr> open(const session_options& wanted) {
    call_options as_configured;
    return open(wanted, as_configured);
  }
  /// The session of that id, if this owns it and it is open; else null.
  session_ptr find(const std::string& id) const;
  bool owns(const session_ptr& which) const;

  /// By which a session may be opened for it elsewhere, which it then owns.
  const caf::actor_addr& address() const { return address_; }
  void own(const session_ptr& opened);

private:
  friend class clients;

  const std::shared_ptr<clients> known_;
  const std::shared_ptr<sessions> where_;
  caf::actor actor_;        // null once ended; under the lock of `clients`
  caf::actor_addr address_; // what sessions know it by
  std::map<std::string, session_ptr> owned_; // by their ids
};

} // namespace snakebridge
