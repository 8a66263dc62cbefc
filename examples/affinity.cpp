// Which worker runs a call while that of its session is busy: what the pool
// says, and what a call says instead. Each pool has two workers.
#include <chrono>
#include <iostream>

#include <snakebridge/snakebridge.hpp>

#include "busy_worker.hpp"

namespace sb = snakebridge;
using namespace std::chrono_literals;

namespace {

bool tell(const char* what, bool is_so) {
  std::cout << "  " << what << ": " << (is_so ? "yes" : "no  <- not so")
            << '\n';
  return is_so;
}

sb::value own_pid(const sb::caller& session) {
  return or_throw(session.eval("__import__('os').getpid()"));
}

/// A call that waits for the session's own worker.
bool waits(const sb::caller& session, const sb::caller& calls) {
  const auto own = own_pid(session);
  sb::future<sb::value> pid;
  bool is_late = false;
  {
    const busy_worker busy{session};
    pid = calls.async().call("os", "getpid");
    is_late = !pid.wait_for(200ms);
  }
  const bool right = tell("waits, 200 ms and more", is_late);
  return tell("runs on the same worker", or_throw(pid.get()) == own) && right;
}

/// A call that runs on the other worker.
bool goes_elsewhere(const sb::caller& session, const sb::caller& calls) {
  const auto own = own_pid(session);
  const busy_worker busy{session};
  return tell("runs on another worker",
              or_throw(calls.call("os", "getpid")) != own);
}

/// A call that is refused.
bool is_refused(const sb::caller& session, const sb::caller& calls) {
  const busy_worker busy{session};
  const auto refused = calls.call("os", "getpid");
  return tell("is worker_busy",
              !refused && refused.error().code() == sb::errc::worker_busy);
}

/// What two calls made on two workers: each is found where it lives, but no
/// call has both. (In the original a session with `hint` may lose its refs.)
bool live_apart(const sb::caller& hinted) {
  const auto here = or_throw(hinted.eval("iter([1, 2])"));
  sb::value there;
  {
    const busy_worker busy{hinted};
    there = or_throw(hinted.call("builtins", "iter", sb::list{3, 4}));
  }
  const auto first = or_throw(hinted.call("builtins", "next", here));
  const auto second = or_throw(hinted.call("builtins", "next", there));
  const auto both = hinted.call("builtins", "list", sb::list{here, there});
  const bool right = tell("each is found", first == 1 && second == 3);
  return tell("a call with both is ref_foreign",
              !both && both.error().code() == sb::errc::ref_foreign)
         && right;
}

} // namespace

int main() {
  sb::bridge bridge{sb::config{
    .pools = {{.size = 2}, // strict_queue, unless it says else
              {.name = "hinted", .size = 2, .affinity = sb::affinity::hint}}}};
  const sb::session session = bridge.open_session();
  const auto hinted = session.with({.pool = "hinted"});

  std::cout << "the default, strict_queue\n";
  bool right = waits(session, session);
  std::cout << "a call that says hint\n";
  right &=
    goes_elsewhere(session, session.with({.affinity = sb::affinity::hint}));
  std::cout << "a call that says strict_fail_fast\n";
  right &= is_refused(
    session, session.with({.affinity = sb::affinity::strict_fail_fast}));

  std::cout << "a pool that says hint\n";
  right &= goes_elsewhere(hinted, hinted);
  std::cout << "a call that says strict_queue there\n";
  right &= waits(hinted, hinted.with({.affinity = sb::affinity::strict_queue}));
  std::cout << "objects made on two workers\n";
  right &= live_apart(hinted);
  return right ? 0 : 1;
}
