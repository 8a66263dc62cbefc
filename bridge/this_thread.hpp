#pragma once
// What a bridge knows of the calling thread: its hidden client, the sessions it
// owns through it, and the scopes it is in. All of it ends with the thread.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <snakebridge/caller.hpp>

#include "actors/client.hpp"
#include "actors/sessions.hpp"

namespace snakebridge {

/// One thread as a client of one bridge.
class thread_client {
public:
  thread_client(caf::actor_system& system, std::shared_ptr<clients> known,
                std::shared_ptr<sessions> where)
      : self_{system, std::move(known), std::move(where)} {}

  /// The thread's own session, made on first use, for a call that may have to
  /// wait for it. Errors: shutting_down, overloaded, cancelled.
  result<session_ptr> own_session(call_options& of_call);
  /// The same if there is one, else null.
  const session_ptr& own_session_if_any() const { return own_; }
  void forget_own_session() { own_.reset(); }
  /// The session of that id, owned by this thread from now on. The same
  /// errors.
  result<session_ptr> join(const std::string& id, call_options& of_call);
  bool owns(const session_ptr& which) const { return self_.owns(which); }

  /// The thread's own session on another node, for calls that are placed there;
  /// null: there is none.
  session_ptr session_at(const std::string& node) const;
  void own_at(const std::string& node, const session_ptr& opened);
  /// They are its own no more.
  std::vector<session_ptr> take_elsewhere();
  /// By which that is opened for it.
  const caf::actor_addr& address() const { return self_.address(); }

private:
  client self_;
  session_ptr own_;
  std::map<std::string, session_ptr> elsewhere_; // by their nodes
};

class ref_scope;

/// The calling thread's state, for all bridges.
struct this_thread_state {
  struct membership {
    const bridge_core* of = nullptr;
    std::weak_ptr<const bridge_core> living; ///< tells bridges at one address
    std::shared_ptr<thread_client> client;
  };
  struct scope {
    bridge_core* of = nullptr;
    std::shared_ptr<session_core> calls;
  };

  std::vector<membership> memberships;
  std::vector<scope> scopes; ///< the innermost last
  call_options options;      ///< of the innermost runtime_scope
  ref_scope* refs = nullptr; ///< the innermost
  unsigned withs = 0;        ///< context managers it is in
  /// It was made for what runs after the thread's end: its client has gone, and
  /// there can be no other.
  bool is_late = false;
};

/// Destructors of statics and of other thread-locals may ask after the end of
/// the thread: they have one, too.
this_thread_state& this_thread();

/// What `inner` says wins over what `outer` does.
inline void overlay(call_options& outer, const call_options& inner) {
  if (!inner.pool.empty())
    outer.pool = inner.pool;
  if (!inner.session.empty())
    outer.session = inner.session;
  if (!inner.profile.empty())
    outer.profile = inner.profile;
  const auto take = [](auto& there, const auto& here) {
    if (here)
      there = here;
  };
  take(outer.timeout, inner.timeout);
  take(outer.affinity, inner.affinity);
  take(outer.idempotent, inner.idempotent);
  take(outer.keep_exception, inner.keep_exception);
  take(outer.leaves, inner.leaves);
  take(outer.awaits, inner.awaits);
  if (inner.cancel.stop_possible())
    outer.cancel = inner.cancel;
}

} // namespace snakebridge
