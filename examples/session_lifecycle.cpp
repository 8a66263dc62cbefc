// A session lives as long as somebody has it. Here an actor has it, and is
// killed: the session ends with it, and so do its objects. Its name is free
// again, and what is made under it then has nothing of the first.
#include <chrono>
#include <iostream>
#include <thread>

#include <caf/scoped_actor.hpp>

#include <snakebridge/actors.hpp>
#include <snakebridge/snakebridge.hpp>

namespace sb = snakebridge;
using namespace std::chrono_literals;

namespace {

using make_atom = caf::atom_constant<caf::atom("make")>;

/// Has the session "work", and makes an object in it when asked.
caf::behavior owner(caf::event_based_actor* self, const sb::bridge* bridge) {
  const auto session = sb::open_session(self, *bridge, {.id = "work"});
  return {[self, session](make_atom) {
    return self->delegate(
      session, sb::call_message{"collections", "Counter", {"snake"}});
  }};
}

class story {
public:
  explicit story(const sb::bridge& bridge)
      : bridge_{bridge},
        self_{bridge.system()} {}

  /// The owner makes an object, a guest in its session uses that, and the owner
  /// is killed.
  void owner_dies() {
    const auto owning = self_->spawn(owner, &bridge_);
    counter_ = made_by(owning);
    {
      const sb::session guest = bridge_.open_session({.id = "work"});
      or_throw(guest.exec("answer = 42"));
      std::cout << or_throw(guest.call("builtins", "dict", counter_)) << '\n';
    }
    expect(made_by(owning).is_ref(), "the session outlives its guests");

    self_->send_exit(owning, caf::exit_reason::kill);
    expect(has_sessions(0), "session gone");
  }

  void name_is_used_again() {
    const sb::session anew = bridge_.open_session({.id = "work"});
    const auto used = anew.method(counter_, "total");
    expect(!used && used.error().code() == sb::errc::ref_released,
           "the object of the first is gone");
    const auto read = anew.eval("answer");
    expect(!read && read.error().is("NameError"), "so are its names");
    expect(or_throw(anew.eval("6 * 7")) == 42, "a new session works");
  }

  void sessions_are_apart() {
    const sb::session alpha = bridge_.open_session({.id = "alpha"});
    const sb::session beta = bridge_.open_session({.id = "beta"});
    or_throw(alpha.exec("x = 'of alpha'"));
    or_throw(beta.exec("x = 'of beta'"));
    std::cout << or_throw(alpha.eval("x")) << ", " << or_throw(beta.eval("x"))
              << '\n';
    const auto list = or_throw(alpha.call("builtins", "iter", sb::list{1, 2}));
    const auto other = beta.call("builtins", "next", list);
    expect(!other && other.error().code() == sb::errc::ref_foreign,
           "an object is of no use in another session");

    // One may be ended before its time.
    expect(or_throw(bridge_.release_session("alpha")) == 1,
           "its end lets one object go");
    const auto late = alpha.method(list, "__next__");
    expect(!late && late.error().code() == sb::errc::session_closed,
           "what is left of it says so");
  }

  int outcome() const { return right_ ? 0 : 1; }

private:
  sb::value made_by(const caf::actor& owning) {
    sb::value object;
    self_->request(owning, 30s, make_atom::value)
      .receive([&object](const sb::value& made) { object = made; },
               [](const caf::error& failed) {
                 std::cout << sb::to_error(failed) << '\n';
               });
    return object;
  }

  void expect(bool holds, const char* what) {
    std::cout << what << (holds ? "" : "  <- not so") << '\n';
    right_ &= holds;
  }

  /// Soon: nobody waits for the end of a session.
  bool has_sessions(std::size_t wanted) const {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (bridge_.stats().sessions != wanted) {
      if (std::chrono::steady_clock::now() > deadline)
        return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }

  const sb::bridge& bridge_;
  caf::scoped_actor self_;
  sb::value counter_;
  bool right_ = true;
};

} // namespace

int main(int argc, char** argv) {
  return sb::run_as_script(argc, argv, [](sb::bridge& bridge) -> int {
    story told{bridge};
    told.owner_dies();
    told.name_is_used_again();
    told.sessions_are_apart();
    return told.outcome();
  });
}
