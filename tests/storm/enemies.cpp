#include "tests/storm/enemies.hpp"

#include <csignal>
#include <future>
#include <memory>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <snakebridge/actors.hpp>

#include "runtime/base/fault_points.hpp"
#include "runtime/hosts/worker_process.hpp"
#include "runtime/wire/worker_start.hpp"

namespace snakebridge::testing {

namespace {

constexpr int tries_max = 20;
constexpr auto endless_timeout = 100ms;
constexpr auto delay_time = 30ms;

bool send_signal(const descriptor& process, int signal) {
  return ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0U)
         == 0;
}

bool has_ended(const descriptor& process) {
  pollfd ended{process.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) == 1;
}

/// How the interpreter died in this call; null: it did not.
const sb::post_mortem* death_in(const sb::result<void>& answer) {
  return answer ? nullptr : answer.error().post_mortem();
}

bool raised(const sb::result<sb::value>& answer, const char* type) {
  return !answer && answer.error().python() != nullptr
         && answer.error().python()->type == type;
}

// Whether an interpreter dies of one strike.
enum class harm { none, perhaps, death };

} // namespace

struct enemies::kind {
  const char* name;
  bool (enemies::*strike)(const std::string& pool);
  harm does;
  bool needs_worker = true;
};

const std::vector<enemies::kind>& enemies::kinds() {
  static const std::vector<kind> all = [] {
    std::vector<kind> found{
      {"SIGKILL", &enemies::kill, harm::death},
      {"SIGSTOP", &enemies::stop, harm::perhaps},
      {"segfault", &enemies::crash, harm::death},
      {"os._exit", &enemies::exit, harm::death},
      {"a child left behind", &enemies::leave_a_child, harm::death},
      {"MemoryError", &enemies::exhaust_memory, harm::none, false},
      {"an exception", &enemies::raise, harm::none, false},
      // What is interrupted too slowly is killed.
      {"infinite loop", &enemies::loop_in_python, harm::perhaps, false},
      {"loop that holds the GIL", &enemies::loop_in_c, harm::perhaps},
      {"corrupt frame", &enemies::corrupt_the_channel, harm::death},
      {"client killed", &enemies::kill_a_client, harm::perhaps, false},
      {"session killed", &enemies::kill_a_session, harm::perhaps, false},
      {"signals of the service", &enemies::signal_the_worker, harm::none},
      {"a fork in a call", &enemies::fork_in_a_call, harm::none, false},
      {"another bridge ends", &enemies::end_a_bridge, harm::none, false},
      {"a callback that throws", &enemies::throw_at_it, harm::none, false},
      {"a callback that ends its worker", &enemies::exit_in_a_callback,
       harm::death},
      {"a callback that takes too long", &enemies::hang_in_a_callback,
       harm::perhaps, false},
      {"a task that keeps on", &enemies::keep_a_task, harm::perhaps},
      {"a task that blocks the loop", &enemies::block_the_loop, harm::perhaps},
    };
    if (has_fault_points)
      found.insert(
        found.end(),
        {{"lost before the call", &enemies::lose_before, harm::death},
         {"lost after the call", &enemies::lose_after, harm::death},
         {"delay", &enemies::delay, harm::none}});
    return found;
  }();
  return all;
}

enemies::enemies(const sb::bridge& bridge, tally& answers)
    : bridge_{bridge},
      answers_{answers} {}

std::size_t enemies::count() {
  return kinds().size();
}

std::string enemies::name(std::size_t which) {
  return kinds().at(which).name;
}

bool enemies::needs_worker(std::size_t which) {
  return kinds().at(which).needs_worker;
}

bool enemies::is_lethal(std::size_t which) {
  return kinds().at(which).does == harm::death;
}

bool enemies::strike(std::size_t which, const std::string& pool) {
  const auto& how = kinds().at(which);
  bool struck = false;
  for (int i = 0; i < tries_max && !struck; ++i) {
    tried_ += how.does == harm::none ? 0 : 1;
    struck = (this->*how.strike)(pool);
  }
  return struck;
}

// The process that calls run in; nothing when it died just now.
descriptor enemies::worker_of(const sb::caller& through) const {
  const auto pid = through.call("os", "getpid");
  if (!pid) {
    answers_.take_error("a pid", pid.error());
    return {};
  }
  return descriptor{
    static_cast<int>(::syscall(SYS_pidfd_open, pid->as<int>(), 0U))};
}

bool enemies::kill(const std::string& pool) {
  const auto session = bridge_.open_session();
  const auto inside = session.with({.pool = pool});
  const auto worker = worker_of(inside);
  // It has to be dead, or the next enemy might take its death for its own.
  return worker && !has_ended(worker) && send_signal(worker, SIGKILL)
         && eventually([&] { return has_ended(worker); }) && eventually([&] {
              const auto next = inside.eval("1");
              return answers_.take("a call after the kill", next, next == 1);
            });
}

// It goes on when a call has been given up, or is killed for that by then.
bool enemies::stop(const std::string& pool) {
  const auto session = bridge_.open_session();
  const auto inside = session.with({.pool = pool});
  const auto worker = worker_of(inside);
  if (!worker || !send_signal(worker, SIGSTOP))
    return false;
  const auto late = inside.with({.timeout = endless_timeout}).eval("1");
  send_signal(worker, SIGCONT);
  if (late)
    return false;
  if (late.error().code() == sb::errc::deadline_exceeded)
    return true;
  answers_.take_error("a call of a stopped worker", late.error());
  return false;
}

bool enemies::crash(const std::string& pool) {
  const auto answer = bridge_.open_session()
                        .with({.pool = pool})
                        .exec("import ctypes\n"
                              "ctypes.string_at(0)");
  const auto* death = death_in(answer);
  return death != nullptr && death->signal == "SIGSEGV";
}

bool enemies::exit(const std::string& pool) {
  const auto answer = bridge_.open_session()
                        .with({.pool = pool})
                        .exec("__import__('os')._exit(3)");
  const auto* death = death_in(answer);
  return death != nullptr && death->exit_status == 3;
}

bool enemies::leave_a_child(const std::string& pool) {
  const auto answer = bridge_.open_session()
                        .with({.pool = pool})
                        .exec("import os, subprocess\n"
                              "subprocess.Popen(['sleep', '1000'])\n"
                              "os._exit(4)");
  const auto* death = death_in(answer);
  return death != nullptr && death->exit_status == 4;
}

bool enemies::exhaust_memory(const std::string& pool) {
  return raised(
    bridge_.open_session().with({.pool = pool}).eval("bytearray(1 << 62)"),
    "MemoryError");
}

bool enemies::raise(const std::string& pool) {
  return raised(bridge_.open_session().with({.pool = pool}).eval("1 / 0"),
                "ZeroDivisionError");
}

bool enemies::signal_the_worker(const std::string& pool) {
  const auto session = bridge_.open_session();
  const auto inside = session.with({.pool = pool});
  const auto worker = worker_of(inside);
  if (!worker)
    return false;
  for (const int each : service_signals)
    send_signal(worker, each);
  const auto next = inside.eval("1");
  return answers_.take("a call after signals", next, next == 1);
}

bool enemies::fork_in_a_call(const std::string& pool) {
  const auto answer = bridge_.open_session()
                        .with({.pool = pool})
                        .eval("(lambda os: (child := os.fork()) and "
                              "os.waitpid(child, 0)[1])(__import__('os'))");
  return answers_.take("a call that forks", answer, answer == 0);
}

// Made here, used by a thread that lives on, ended by a third.
bool enemies::end_a_bridge(const std::string&) {
  auto other = std::make_unique<sb::bridge>(
    sb::config{.pools = {{.name = "default", .size = 1}}});
  std::promise<sb::result<sb::value>> answered;
  std::promise<void> ended;
  std::jthread idle{[&, over = ended.get_future()]() mutable {
    answered.set_value(other->eval("1"));
    over.wait();
  }};
  const auto answer = answered.get_future().get();
  std::thread{[&] { other.reset(); }}.join();
  ended.set_value();
  return answers_.take("a call of another bridge", answer, answer == 1);
}

bool enemies::run_late(const std::string& pool, const char* code) {
  const auto answer = bridge_.open_session()
                        .with({.timeout = endless_timeout, .pool = pool})
                        .exec(code);
  if (answer) {
    answers_.note("an endless call has ended");
    return false;
  }
  if (answer.error().code() == sb::errc::deadline_exceeded)
    return answer.error().may_have_run();
  answers_.take_error("an endless call", answer.error());
  return false;
}

bool enemies::loop_in_python(const std::string& pool) {
  return run_late(pool, "while True: pass");
}

bool enemies::loop_in_c(const std::string& pool) {
  return run_late(pool, "sum(range(10**15))");
}

bool enemies::throw_at_it(const std::string& pool) {
  const sb::callback throws{[]() -> int { throw std::runtime_error{"no"}; }};
  return raised(
    bridge_.open_session().with({.pool = pool}).eval("f()", {{"f", throws}}),
    "CallbackError");
}

bool enemies::exit_in_a_callback(const std::string& pool) {
  const auto session = bridge_.open_session();
  const auto inside = session.with({.pool = pool});
  const sb::callback ends{[&] { or_throw(inside.call("os", "_exit", 5)); }};
  const auto answer = inside.exec("f()", {{"f", ends}});
  const auto* death = death_in(answer);
  return death != nullptr && death->exit_status == 5;
}

bool enemies::hang_in_a_callback(const std::string& pool) {
  const auto session = bridge_.open_session();
  const auto inside = session.with({.timeout = endless_timeout, .pool = pool});
  const sb::callback hangs{[&] {
    static_cast<void>(inside.exec("import time\n"
                                  "while True: time.sleep(0.001)"));
  }};
  const auto answer = inside.eval("f()", {{"f", hangs}});
  if (!answer && answer.error().code() == sb::errc::deadline_exceeded)
    return true;
  if (!answer)
    answers_.take_error("a callback that takes too long", answer.error());
  return false;
}

bool enemies::keep_a_task(const std::string& pool) {
  return await_late(pool, "while True:\n"
                          "    try: await asyncio.sleep(1000)\n"
                          "    except asyncio.CancelledError: pass\n");
}

bool enemies::block_the_loop(const std::string& pool) {
  return await_late(pool, "while True: time.sleep(1)");
}

// `body`: of a coroutine that does not end by itself.
bool enemies::await_late(const std::string& pool, const char* body) {
  const auto session = bridge_.open_session();
  const auto inside = session.with({.pool = pool});
  const auto made = inside.exec(std::string{"import asyncio, time\n"
                                            "async def endless():\n"
                                            "  "}
                                + body);
  if (!answers_.take("a coroutine", made, true))
    return false;
  const auto answer =
    inside.with({.timeout = endless_timeout}).eval("endless()");
  if (!answer && answer.error().code() == sb::errc::deadline_exceeded)
    return true;
  // Its worker may have died in between, and the name with it.
  if (!answer && !raised(answer, "NameError"))
    answers_.take_error("an endless await", answer.error());
  return false;
}

bool enemies::corrupt_the_channel(const std::string& pool) {
  const auto answer = bridge_.open_session()
                        .with({.pool = pool})
                        .exec("import os, time\n"
                              "os.write(channel, b'\\xff' * 64)\n"
                              "time.sleep(30)\n",
                              {{"channel", worker_descriptor::data}});
  const auto* death = death_in(answer);
  return death != nullptr && death->reason == "it sent what is no frame";
}

// Our own call meets the fault, or another of that moment.
bool enemies::meet_fault(const std::string& pool, std::string_view point,
                         fault how) {
  const std::lock_guard lock{arming_};
  faults plan;
  plan.at(point, how);
  const auto armed = arm(plan);
  const auto answer = bridge_.with({.pool = pool}).eval("1");
  answers_.take("a call at a fault", answer, answer == 1);
  return armed.happened(point) > 0;
}

bool enemies::lose_before(const std::string& pool) {
  return meet_fault(pool, "call.lost_before", {.nth = 1});
}

bool enemies::lose_after(const std::string& pool) {
  return meet_fault(pool, "call.lost_after", {.nth = 1});
}

bool enemies::delay(const std::string& pool) {
  return meet_fault(pool, "channel.send.stall", {.nth = 1, .time = delay_time});
}

// A client that holds an object and waits for another call when it is killed,
// or when its session is. It does not live to see that answer; this thread asks
// for the same, and must be answered.
bool enemies::strike_an_actor(const std::string& pool, bool at_its_session) {
  struct told {
    std::promise<sb::result<sb::value>> object;
    std::promise<sb::session_actor> session;
  };
  const auto tell = std::make_shared<told>();
  auto client = bridge_.system().spawn(
    [tell, pool, bridge = &bridge_](caf::event_based_actor* self, caf::unit_t) {
      const auto session = sb::open_session(self, *bridge, {});
      tell->session.set_value(session);
      self
        ->request(
          session, patience,
          sb::call_message{"builtins", "object", {}, {}, {.pool = pool}})
        .then(
          [=](const sb::value& made) {
            tell->object.set_value(made);
            self
              ->request(
                session, patience,
                sb::call_message{"time", "sleep", {0.02}, {}, {.pool = pool}})
              .then([](const sb::value&) {}, [](const caf::error&) {});
          },
          [=](const caf::error& why) {
            tell->object.set_value(tl::unexpected{sb::to_error(why)});
          });
      return caf::behavior{[](caf::unit_t) {}};
    },
    caf::unit);
  auto session = tell->session.get_future().get();
  const auto object = tell->object.get_future().get();
  const caf::scoped_actor self{bridge_.system()};
  auto under_way = self->request(
    session, patience,
    sb::call_message{"time", "sleep", {0.02}, {}, {.pool = pool}});
  if (at_its_session)
    caf::anon_send_exit(session, caf::exit_reason::kill);
  else
    caf::anon_send_exit(client, caf::exit_reason::kill);
  const std::string asked = "a call of a session that ends";
  under_way.receive(
    [&](const sb::value& slept) {
      answers_.take(asked, sb::result<sb::value>{slept}, slept.is_none());
    },
    [&](const caf::error& failed) {
      const auto why = sb::to_error(failed);
      if (why.code() != sb::errc::session_closed)
        answers_.take_error(asked, why);
    });
  return answers_.take("an object of an actor", object,
                       object && object->is_ref());
}

bool enemies::kill_a_client(const std::string& pool) {
  return strike_an_actor(pool, false);
}

bool enemies::kill_a_session(const std::string& pool) {
  return strike_an_actor(pool, true);
}

} // namespace snakebridge::testing
