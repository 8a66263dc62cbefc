#pragma once
// The Python objects that refs name, by session. One table per incarnation of
// an interpreter; used with the GIL held. Slots are never used twice, so a ref
// that outlives its object finds nothing, and never another object. Here a
// session is kept within its bounds: this is the place that sees every use.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include <snakebridge/config.hpp>

#include "runtime/python/callback_proxy.hpp"
#include "runtime/python/helper_registry.hpp"
#include "runtime/python/names.hpp"
#include "runtime/python/session_module.hpp"
#include "runtime/values/origin.hpp"
#include "runtime/wire/status_page.hpp"

// Hidden, as all of pybind11 is.
namespace [[gnu::visibility("hidden")]] snakebridge {

class object_table;
using time_of_use = std::chrono::steady_clock::time_point;

/// One session's objects, and the module its calls stand in.
class session_objects {
public:
  session_objects(object_table& table, std::uint64_t number,
                  std::string_view id, std::uint64_t epoch)
      : table_{table},
        number_{number},
        id_{id},
        epoch_{epoch} {}
  ~session_objects();
  session_objects(const session_objects&) = delete;
  session_objects& operator=(const session_objects&) = delete;

  /// What holds for the call that begins, perhaps inside another. Until its end
  /// nothing expires, though another executor may look.
  void begin_call(const ref_bounds& bounds);
  /// Keeps the object, under a slot of its own.
  std::uint64_t keep(py::object kept);
  /// Keeps an object beside a result: nothing when the session is full and must
  /// not prune.
  std::optional<std::uint64_t> keep_if_allowed(py::object kept);
  /// A result is whole: what the session holds is brought within the bounds, by
  /// letting go what was not used for the longest. Throws quota_exceeded where
  /// that must not or cannot be; then the caller forgets what it kept.
  void settle();
  /// How many it may hold, other interpreters included.
  std::size_t refs_max() const { return bounds_.rules.max; }
  /// Throws ref_released when nothing is there.
  py::handle find(std::uint64_t slot) const;
  /// False when it was gone already.
  bool forget(std::uint64_t slot);
  std::size_t forget_all();
  /// The same while a call of the session runs; the rest goes with that.
  std::size_t end_in_call();

  /// A new proxy of a callback.
  py::object proxy_of(std::uint64_t callback) const;
  /// While the arguments of a call are made. Python has the callbacks in them
  /// once all are there; where that fails it never had any, and nobody is told
  /// that it has dropped some.
  class giving {
  public:
    explicit giving(session_objects& to);
    ~giving();
    giving(const giving&) = delete;
    giving& operator=(const giving&) = delete;
    void done();

  private:
    friend class session_objects;
    std::shared_ptr<const bool> given();

    session_objects& to_;
    giving* const around_;
    std::shared_ptr<bool> given_; // from the first callback on
  };

  const conversion_config& rules() const;
  const import_rules& imports() const;
  helper_registry& helpers() const;
  known_names& names() const;

  /// Made on first use, ended with the session.
  const session_module& module();

private:
  friend class object_table;

  struct kept_object {
    std::uint64_t slot = 0;
    py::object object;
    time_of_use used; // only where there is a ttl
  };
  enum class cause { pruned, expired };

  bool expires() const { return bounds_.rules.ttl.count() > 0; }
  std::size_t room() const;
  void use(kept_object& used) const;
  void end_call();
  py::object let_go(cause why);
  void expire(time_of_use now, std::vector<py::object>& gone);
  error why_gone(std::uint64_t slot) const;

  object_table& table_;
  const std::uint64_t number_;
  const std::string id_;
  const std::uint64_t epoch_; // of its grant, as a session of a cluster
  ref_bounds bounds_;
  // Those unused for the longest first. To look is to use: hence mutable.
  mutable std::list<kept_object> objects_;
  std::unordered_map<std::uint64_t, std::list<kept_object>::iterator> places_;
  std::uint64_t settled_ = 0; // later slots are of the result being made
  std::size_t unsettled_ = 0; // how many
  time_of_use call_began_;
  std::size_t calls_ = 0;                // that have begun and not ended
  bool ended_ = false;                   // by one of these
  std::optional<std::size_t> last_told_; // how many it held
  std::map<std::uint64_t, cause> gone_;  // limits::refs_gone_max of them
  std::optional<session_module> module_;
  giving* giving_ = nullptr;
};

class object_table {
public:
  using clock = time_of_use (*)();

  /// Counts the objects it holds in `counts`, which must outlive it. Values of
  /// all its sessions are converted by `rules`.
  /// The context of this thread is that of sessions, to begin with.
  explicit object_table(object_counts& counts, conversion_config rules = {},
                        import_rules imports = {},
                        clock now = std::chrono::steady_clock::now)
      : counts_{counts},
        rules_{std::move(rules)},
        imports_{std::move(imports)},
        context_{checked(PyContext_CopyCurrent())},
        now_{now} {}

  /// Who calls C++ for Python; null: nobody can.
  void call_back_by(std::shared_ptr<callback_caller> caller) {
    callbacks_ = std::move(caller);
  }

  /// Which helpers its sessions have.
  void use(helper_rules rules) { helpers_ = helper_registry{std::move(rules)}; }

  /// Made on first use, where it goes by `id` and `epoch`.
  session_objects& of(std::uint64_t session, std::string_view id = {},
                      std::uint64_t epoch = 0);
  bool has(std::uint64_t session) const { return sessions_.contains(session); }
  /// What a session holds.
  struct holding {
    std::uint32_t objects = 0;
    bool names = false;  ///< its code has defined some in its namespace
    bool is_news = true; ///< it held another number after its last call
  };
  /// After a call of the session, if it had `begun`.
  holding end_call(std::uint64_t session, bool begun = true);
  /// Lets one object go; false when it was gone already.
  bool forget(std::uint64_t session, std::uint64_t slot);
  /// Frees all of a session: how many objects it had.
  std::size_t release(std::uint64_t session);
  void release_all();

  /// When `expire` may have something to do; at `never` it has not.
  /// Also without the GIL.
  time_of_use next_expiry() const { return next_expiry_.load(); }
  static constexpr auto never = time_of_use::max();
  /// Lets go what was not used for its session's ttl, and what sessions that
  /// ended left to be collected, if it is time.
  void expire();

private:
  friend class session_objects;

  /// Null: it has nothing here.
  session_objects* find(std::uint64_t session);
  void expect_expiry(time_of_use when);
  /// Frees what an ended session left behind, unless that has taken much of
  /// the time of late: it looks at every object there is.
  void collect();

  object_counts& counts_;
  const conversion_config rules_;
  const import_rules imports_;
  const py::object context_; // that sessions begin with
  const clock now_;
  std::shared_ptr<callback_caller> callbacks_;
  helper_registry helpers_{{}};
  known_names names_;
  std::uint64_t last_slot_ = 0;
  std::atomic<time_of_use> next_expiry_ = never;
  bool has_garbage_ = false;
  time_of_use collect_again_;
  std::unordered_map<std::uint64_t, std::unique_ptr<session_objects>> sessions_;
  // What was found last: calls of one session follow each other.
  std::uint64_t last_ = 0;
  session_objects* last_found_ = nullptr;
};

} // namespace gnu::visibility("hidden")]]snakebridge
