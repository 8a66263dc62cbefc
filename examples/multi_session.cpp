// Sessions side by side: each with names and objects of its own, each on one
// worker of its pool, and what becomes of a call when that worker is busy, or
// is no more.
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <snakebridge/snakebridge.hpp>

#include "busy_worker.hpp"

namespace sb = snakebridge;
using namespace std::chrono_literals;

namespace {

/// A place where so many come together.
class meeting {
public:
  explicit meeting(int guests) : guests_{guests} {}

  /// Waits for all the others. False: they have not come.
  bool wait() {
    std::unique_lock lock{mutex_};
    ++here_;
    changed_.notify_all();
    return changed_.wait_for(lock, 30s, [this] { return here_ == guests_; });
  }

private:
  const int guests_;
  int here_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

class showcase {
public:
  bool run() {
    sessions_are_apart();
    worker_sleeps();
    worker_is_busy();
    worker_is_gone();
    streams();
    session_has_a_name();
    sessions_run_at_once();
    return right_;
  }

private:
  void section(const char* title) {
    std::cout << ++sections_ << ". " << title << '\n';
  }
  void tell(const char* what, const sb::value& got, const sb::value& wanted) {
    const bool is_so = got == wanted;
    std::cout << "  " << what << ": " << got << (is_so ? "" : "  <- not so")
              << '\n';
    right_ &= is_so;
  }
  void tell(const char* what, const sb::result<sb::value>& got,
            sb::errc wanted) {
    tell(what, std::string{got ? "a result" : to_string(got.error().code())},
         std::string{to_string(wanted)});
  }
  static sb::value pid_of(const sb::caller& calls) {
    return or_throw(calls.call("os", "getpid"));
  }

  void sessions_are_apart() {
    section("Two sessions have nothing in common");
    const auto alpha = bridge_.open_session({.id = "alpha"});
    const auto beta = bridge_.open_session({.id = "beta"});
    or_throw(alpha.exec("name = 'of alpha'"));
    or_throw(beta.exec("name = 'of beta'"));
    tell("alpha", or_throw(alpha.eval("name")), "of alpha");
    tell("beta", or_throw(beta.eval("name")), "of beta");
    const auto items = or_throw(alpha.call("builtins", "iter", sb::list{1, 2}));
    tell("beta with an object of alpha", beta.call("builtins", "next", items),
         sb::errc::ref_foreign);
  }

  void worker_sleeps() {
    section("The worker sleeps for 0.4 s, and a call waits: strict_queue");
    const auto session = bridge_.open_session();
    const auto own = pid_of(session);
    const auto begun = std::chrono::steady_clock::now();
    const auto sleep = session.async().call("time", "sleep", 0.4);
    const auto pid = pid_of(session);
    tell("waited", std::chrono::steady_clock::now() - begun >= 400ms, true);
    tell("on the same worker", pid == own, true);
  }

  void worker_is_busy() {
    const auto session = bridge_.open_session();
    const auto own = pid_of(session);
    const busy_worker busy{session};

    section("The worker is busy, and a call does not wait");
    const auto hint = session.with({.affinity = sb::affinity::hint});
    tell("hint, on another worker", pid_of(hint) != own, true);
    const auto at_once =
      session.with({.affinity = sb::affinity::strict_fail_fast});
    tell("strict_fail_fast", at_once.call("os", "getpid"),
         sb::errc::worker_busy);

    section("A call says other than the scope around it");
    const sb::runtime_scope inside{
      {.affinity = sb::affinity::strict_fail_fast}};
    tell("the scope", session.call("os", "getpid"), sb::errc::worker_busy);
    tell("the call, on another worker", pid_of(hint) != own, true);
  }

  void worker_is_gone() {
    section("The worker has died, and no other has come yet");
    const auto mortal = bridge_.with(
      {.pool = "mortal", .affinity = sb::affinity::strict_fail_fast});
    tell("its last call", mortal.call("os", "_exit", 1),
         sb::errc::interpreter_died);
    tell("the next", mortal.call("os", "getpid"),
         sb::errc::session_worker_unavailable);
  }

  void streams() {
    section("A stream does not wait either");
    const auto session = bridge_.open_session();
    const auto at_once =
      session.with({.affinity = sb::affinity::strict_fail_fast});
    {
      const busy_worker busy{session};
      auto refused = at_once.stream("itertools", "repeat", "hello");
      tell("of a busy worker", *refused.next(), sb::errc::worker_busy);
    }
    sb::list taken;
    for (auto item : at_once.stream("itertools", "repeat", "hello")) {
      taken.push_back(or_throw(std::move(item)));
      if (taken.size() == 3)
        break;
    }
    tell("of a free one", taken, sb::list{"hello", "hello", "hello"});
  }

  void session_has_a_name() {
    section("Whoever knows its name is in the session");
    const auto mine = bridge_.open_session({.id = "shared"});
    or_throw(mine.exec("total = 1"));
    std::thread{[this] {
      or_throw(bridge_.open_session({.id = "shared"}).exec("total += 41"));
    }}.join();
    tell("total", or_throw(mine.eval("total")), 42);
  }

  void sessions_run_at_once() {
    section("Four threads, with a session and a worker each");
    const std::vector<sb::list> numbers{
      {1, 2, 3, 4, 5}, {10, 20, 30}, {100, 200}, {18, 19, 20}};
    std::vector<sb::value> sums(numbers.size());
    meeting in_python{4};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < numbers.size(); ++i)
      threads.emplace_back([&, i] {
        const sb::callback meet{[&] { return in_python.wait(); }};
        sums[i] = bridge_.with({.pool = "four"})
                    .eval("meet() and sum(numbers)",
                          {{"meet", meet}, {"numbers", numbers[i]}})
                    .value_or(sb::none);
      });
    for (auto& each : threads)
      each.join();
    tell("sums", sums, sb::list{15, 60, 300, 57});
  }

  sb::bridge bridge_{
    sb::config{.pools = {{.size = 2},
                         {.name = "mortal",
                          .size = 1,
                          .restart = {.backoff = 1h, .backoff_max = 1h}},
                         {.name = "four", .size = 4}}}};
  int sections_ = 0;
  bool right_ = true;
};

} // namespace

int main() {
  return showcase{}.run() ? 0 : 1;
}
