#pragma once
// The sessions of a bridge: who may join which, and who owns it. Opening,
// joining and leaving decide here, under one lock, so that a client never joins
// a session that is just ending. Each session is an actor, spawned here and
// handed to the sessions' supervisor as a temporary child; its lease takes it
// out again. Any thread.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <snakebridge/actors.hpp>

#include "actors/session_core.hpp"
#include "runtime/node/remote_session.hpp"

namespace snakebridge {

struct opened_session {
  session_ptr core;
  session_actor actor;
};

class sessions : public std::enable_shared_from_this<sessions> {
public:
  /// `program`: where the callbacks of one run; empty: on threads as they come.
  using program_maker =
    std::function<std::shared_ptr<const program_side>(const session_ptr&)>;
  sessions(caf::actor_system& system, std::shared_ptr<const pools> where,
           const session_rules& rules, program_maker program = {});

  /// Who takes charge of new sessions: their supervisor. It must not block.
  void adopt_with(std::function<void(caf::actor)> adopt);

  /// Joins the session of that id, or makes it; an empty id makes a private one
  /// named `prefix` and something random. `owner` owns it until it ends.
  /// Errors: shutting_down, config_invalid.
  result<opened_session> open(const session_options& wanted,
                              const caf::actor_addr& owner,
                              std::string_view prefix = "session_");
  /// Joins the session of that id if it is here and one of the cluster; null:
  /// there is none. Errors: shutting_down; config_invalid for one of this
  /// bridge alone.
  result<opened_session> join(const std::string& id,
                              const caf::actor_addr& owner);
  /// Joins the session of that id and home, or makes it: under its grant, or as
  /// a stand-in, whose calls go through `way`. Errors: as of `join` and
  /// `rules_of`; and node_down where another life of it has not ended yet: not
  /// session_closed, by which an owner says that its own has.
  result<opened_session> open_at(const std::string& id,
                                 const session_home& home,
                                 const caf::actor_addr& owner,
                                 const wanted_refs& refs = {},
                                 std::shared_ptr<const pools> way = {});
  /// What a session may hold that is made by who wants that. Errors:
  /// config_invalid for what is out of bounds.
  result<ref_rules> rules_of(const std::string& id,
                             const wanted_refs& refs) const;
  /// Ends a session: its clients hear why, and no one can join it any more.
  void end(const session_ptr& ended, const error& why);
  session_ptr find(const std::string& id) const;
  /// `owner`, who stands for a thread, is about to end: it must, for this end
  /// counts until the session's actor hears of it. No one can join the session
  /// any more if it was the last.
  void abandon(const session_ptr& left, const caf::actor_addr& owner);
  /// Threads may end sessions faster than the scheduler lets their actors hear
  /// of it. Waits until few have not, as long as the call may take for which a
  /// session is to be opened, and takes that off its timeout. Errors:
  /// overloaded, cancelled.
  result<void> await_room(call_options& of_call);
  /// For the session's actor: `owner` has ended. True if it was the last, and
  /// the session must end. No one can join it any more then.
  bool leave(const session_ptr& left, const caf::actor_addr& owner);
  /// The session's actor has ended and its objects are freed.
  void remove(const session_ptr& ended);
  /// The same on purpose: the session's own actor is told to end, and clients
  /// with that id are given a new one. Waits until its objects are freed, and
  /// answers how many there were. Errors: deadline_exceeded. `counted`: hears
  /// that before the session's clients do.
  result<std::size_t>
  release(const session_ptr& released,
          const std::function<void(const result<std::size_t>&)>& counted = {});
  /// Who is to be told of a session's end.
  std::set<caf::actor_addr> owners(const session_ptr& ended) const;
  /// No session opens any more.
  void close();
  std::size_t size() const;
  /// Of those one can still join.
  std::vector<std::string> ids() const;

  /// Tells all sessions to end; true when they have within `patience`.
  bool end_all(std::chrono::milliseconds patience);

private:
  result<opened_session>
  open_locked(const std::string& id, std::string_view prefix,
              const caf::actor_addr& owner, const ref_rules& refs,
              const session_home& home, std::shared_ptr<const pools> way);
  opened_session join_locked(const session_ptr& joined,
                             const caf::actor_addr& owner);
  void remove_locked(const session_ptr& ended);
  void count_end_locked(session_core& ending);
  void forget_ends_locked(session_core& ending, std::size_t heard);

  caf::actor_system& system_;
  const bool by_hand_; ///< so that it outlives the bridge
  const std::shared_ptr<const pools> where_;
  const session_rules rules_;
  const program_maker program_;

  mutable std::mutex mutex_;
  std::condition_variable none_left_;
  std::condition_variable_any room_; // waits with a cancel_token
  std::function<void(caf::actor)> adopt_;
  bool closed_ = false;
  std::uint64_t last_number_ = 0;
  std::map<std::string, session_ptr> by_id_; // those one can still join
  std::set<session_ptr> living_;             // those whose actor lives
  std::size_t unheard_ = 0;                  // ends, of all of these
};

} // namespace snakebridge
